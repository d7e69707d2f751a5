//! A service under test: a process that listens, its log, and its end.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpStream},
    os::unix::{net::UnixStream, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use crate::{
    network::Namespace,
    scenario::Scenario,
    wait::{DEADLINE, wait_for},
};

/// Where a service listens.
#[derive(Clone, Debug)]
pub enum Listens {
    /// On a TCP socket.
    Tcp(SocketAddr),
    /// On an `AF_UNIX` stream socket.
    Unix(PathBuf),
}

impl Listens {
    /// On a TCP port of 127.0.0.1.
    pub fn port(port: u16) -> Self {
        Self::Tcp(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    fn answers(&self) -> bool {
        match self {
            Self::Tcp(address) => TcpStream::connect(address).is_ok(),
            Self::Unix(path) => UnixStream::connect(path).is_ok(),
        }
    }
}

/// A started service. Its whole process group ends when it is dropped; its log stays in the scenario's folder.
pub struct Service {
    name: String,
    child: Child,
    listens: Listens,
    log: PathBuf,
}

impl Service {
    /// Starts `command` in a process group of its own and waits until it accepts connections.
    #[track_caller]
    pub fn start(scenario: &Scenario, name: &str, command: Command, listens: Listens) -> Self {
        Self::start_where(scenario, name, command, listens, Listens::answers, DEADLINE)
    }

    /// As [`Service::start`], for one that takes its time.
    #[track_caller]
    pub fn start_slow(scenario: &Scenario, name: &str, command: Command, listens: Listens) -> Self {
        Self::start_where(scenario, name, command, listens, Listens::answers, 5 * DEADLINE)
    }

    /// As [`Service::start`], in a network namespace.
    #[track_caller]
    pub fn start_in(
        host: &Namespace,
        scenario: &Scenario,
        name: &str,
        command: &Command,
        address: SocketAddr,
    ) -> Self {
        let answers = |_: &Listens| host.reaches(address);
        Self::start_where(scenario, name, host.inside(command), Listens::Tcp(address), answers, DEADLINE)
    }

    #[track_caller]
    fn start_where(
        scenario: &Scenario,
        name: &str,
        mut command: Command,
        listens: Listens,
        answers: impl Fn(&Listens) -> bool,
        deadline: Duration,
    ) -> Self {
        let log = scenario.file(&format!("{name}.log"));
        let output = File::create(&log).unwrap();
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("The service {name} could not be started ({command:?}): {error}"));
        let mut service = Self { name: name.to_owned(), child, listens, log };
        let up = wait_for(deadline, || {
            if answers(&service.listens) { Some(true) } else { service.has_ended().then_some(false) }
        });
        assert!(up == Some(true), "The service {name} does not listen. Its log:\n{}", service.log_text());
        service
    }

    /// The process id of the process that was started.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens.
    pub fn listens(&self) -> &Listens {
        &self.listens
    }

    /// Its TCP address.
    #[track_caller]
    pub fn address(&self) -> SocketAddr {
        match self.listens {
            Listens::Tcp(address) => address,
            Listens::Unix(ref path) => panic!("{} listens on {} and has no port.", self.name, path.display()),
        }
    }

    /// Its TCP port.
    #[track_caller]
    pub fn port(&self) -> u16 {
        self.address().port()
    }

    /// `http://ADDRESS` followed by `path`.
    #[track_caller]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// The socket file of a service that listens on `AF_UNIX`.
    #[track_caller]
    pub fn socket_file(&self) -> &Path {
        match self.listens {
            Listens::Unix(ref path) => path,
            Listens::Tcp(address) => panic!("{} listens on {address} and has no socket file.", self.name),
        }
    }

    /// True when the process is still there: what a traced process must be at the end of every scenario.
    pub fn is_alive(&mut self) -> bool {
        !self.has_ended()
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    fn log_text(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // The group holds the workers too, also when their parent is gone.
        let _ = killpg(Pid::from_raw(self.child.id() as i32), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}
