//! Databases that front services call in place of the back service.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::bench::nginx::free_address;
use crate::bench::process::{Running, service};
use crate::shell::run;

/// How long one may take to listen.
const START: Duration = Duration::from_secs(20);

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Store {
    /// PostgreSQL.
    Postgres,
    /// Redis. `pipelined`: its client puts calls of several requests into one write, which is one span.
    Redis { pipelined: bool },
}

impl Store {
    /// Starts an empty one that keeps its files in `directory`; or says why it cannot run here. It is ended when what is returned is dropped. The text
    /// is for `STORE` in a front service's environment.
    pub(super) fn start(self, directory: &Path) -> Result<Result<(Running, String), String>> {
        let address = free_address()?;
        let (kind, command) = match self {
            Self::Postgres => match programs() {
                Some(programs) => ("postgres", postgres(&programs, directory, address)?),
                None => return Ok(Err("PostgreSQL is not installed".into())),
            },
            Self::Redis { .. } => ("redis", redis(address)),
        };
        let mut command = command;
        let log = directory.join("store.log");
        let writer =
            File::create(&log).with_context(|| format!("{} could not be written.", log.display()))?;
        let mut running = Running::start(command.stdout(writer.try_clone()?).stderr(writer))?;
        running.listens(address, START, &log)?;
        Ok(Ok((running, format!("{kind}://{address}"))))
    }
}

fn redis(address: SocketAddr) -> Command {
    let mut command = service("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--port", &address.port().to_string()]);
    command
}

/// Its server refuses to run as root, and as anyone who does not own its data.
fn postgres(programs: &Path, directory: &Path, address: SocketAddr) -> Result<Command> {
    let data = directory.join("postgres");
    fs::create_dir_all(&data).with_context(|| format!("{} could not be made.", data.display()))?;
    run(Command::new("chown").arg("postgres").arg(&data))?;
    run(Command::new("chmod").arg("a+x").arg(directory))?;
    let owner = ["-u", "postgres", "--"];
    let mut init = Command::new("runuser");
    init.args(owner).arg(programs.join("initdb")).current_dir("/");
    run(init.args(["--no-sync", "--auth=trust", "--username=postgres", "--pgdata"]).arg(&data))?;
    let mut command = service("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(programs.join("postgres"));
    command.arg("-D").arg(&data).args(["-p", &address.port().to_string()]).current_dir("/");
    command.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]);
    Ok(command)
}

/// Where Debian has the programs of the newest PostgreSQL.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path().join("bin"));
    versions.filter(|path| path.join("initdb").exists()).max()
}
