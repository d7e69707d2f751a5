//! `tracer run`: the tracer and its own backend in one.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, User, geteuid},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tracer_server::{Rules, store::ColdLocation};

use super::{
    agent::summarise,
    backend::BackendArgs,
    configure, say,
    server::{GRPC, PAGE},
};
use crate::{
    agent::{Agent, Backends, Options, stop_flag},
    config::{Environment, Flags, Print, Rule},
    control::DEFAULT_SOCKET,
    kernel::privileges::CapabilitySet,
};

/// How long the server may take to end; it bounds its own end to less.
const END: Duration = Duration::from_secs(4);

/// Trace every service on this host, keep the traces here, and show them on a page.
///
/// The part that stores and answers runs as another process, as an ordinary user without any privileges. Needs root, or the
/// capabilities that `tracer check` names. The address of the page is printed.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    backend: BackendArgs,
    /// The user that the server runs as, when this is started by root; the data directory, and that of --cold, become this user's
    #[arg(long, value_name = "NAME", default_value = "nobody")]
    user: String,
    /// Control socket for `tracer status` and `tracer tail`
    #[arg(long, value_name = "PATH", default_value = DEFAULT_SOCKET, env = "TRACER_SOCKET")]
    socket: PathBuf,
}

/// Runs both until SIGINT or SIGTERM, or until one of them ends.
pub fn run(mut args: RunArgs) -> anyhow::Result<ExitCode> {
    let stop = stop_flag()?;
    let mut server = ServerProcess::start(&args)?;
    // Flags win over whatever the environment says of other backends.
    args.flags.set.push(format!("export.otlp.endpoint={}", server.endpoint));
    args.flags.set.push("export.otlp.protocol=grpc".to_owned());
    if let Some(token) = &server.token {
        let token = utf8_percent_encode(token, NON_ALPHANUMERIC);
        args.flags.set.push(format!("export.otlp.headers=authorization=Bearer%20{token}"));
    }
    let environment = Environment::of_this_process();
    let mut config = configure(&args.flags, &environment)?;
    config.export.print = Print::Never;
    // Its requests are about traces; tracing them would make more.
    config.select.exclude.push(Rule { pid: Some(server.child.id()), ..Rule::default() });
    // The server, which is another user's, is asked to end at the end.
    let keep = Some(CapabilitySet::KILL);
    let options = Options {
        config,
        environment,
        only_selected: false,
        socket: Some(args.socket),
        backends: Backends::Own,
        keep,
    };
    let mut agent = Agent::start(&options)?;
    say(format_args!("tracer is attached: {}", agent.attached().join(", ")));
    say(format_args!("The traces are at {}", server.page));
    let mut ended = None;
    agent.run(|| {
        ended = server.child.try_wait().ok().flatten();
        ended.is_some() || stop.load(Ordering::Relaxed)
    });
    summarise(&agent.finish());
    match ended {
        Some(status) => bail!("The server ended by itself ({status}); it says above why."),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// The server. Ended when dropped, and by the kernel when this process is killed.
struct ServerProcess {
    child: Child,
    token: Option<String>,
    endpoint: String,
    page: String,
}

impl ServerProcess {
    fn start(args: &RunArgs) -> anyhow::Result<Self> {
        // What is wrong with the rules is found out before anything starts.
        args.backend.rules.as_deref().map(Rules::read).transpose()?;
        let token = args.backend.token()?;
        // This very file, also where its directory is closed to the user that the server runs as.
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("tracer")
            .args(["server", "--with-parent"])
            .args(args.backend.arguments()?)
            // The token's file need not be the server's to read.
            .args(token.as_ref().map(|_| "--token-from-stdin"))
            .current_dir("/")
            // Ctrl-C is for this process, whose last traces the server has to take before it ends.
            .process_group(0)
            .stdin(if token.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped());
        if geteuid().is_root() {
            let user = User::from_name(&args.user).ok().flatten().with_context(|| {
                format!("There is no user {:?}; name another one with --user.", args.user)
            })?;
            anyhow::ensure!(
                !user.uid.is_root(),
                "The server does not run as root; name another user with --user."
            );
            give(&args.backend.data, &user)?;
            if let Some(ColdLocation::Directory(directory)) = &args.backend.cold {
                give(directory, &user)?;
            }
            // Its other groups go too (std::os::unix::process::CommandExt::uid), and with the user the capabilities.
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        let child =
            command.spawn().context("The server cannot be started; may its user execute this program?")?;
        let mut server = Self { child, token, endpoint: String::new(), page: String::new() };
        if let (Some(token), Some(mut stdin)) = (&server.token, server.child.stdin.take()) {
            stdin.write_all(token.as_bytes()).context("The token cannot be handed to the server")?;
        }
        let mut lines =
            server.child.stdout.take().map(|out| BufReader::new(out).lines()).into_iter().flatten();
        while server.page.is_empty() {
            let Some(Ok(line)) = lines.next() else {
                bail!("The server did not start; it says above why.");
            };
            match line.split_once(": ") {
                Some((GRPC, address)) => address.clone_into(&mut server.endpoint),
                Some((PAGE, address)) => address.clone_into(&mut server.page),
                // Where other clients can send.
                _ => say(format_args!("{line}")),
            }
        }
        Ok(server)
    }
}

/// Makes a directory for spans the server's own.
fn give(data: &Path, user: &User) -> anyhow::Result<()> {
    std::fs::create_dir_all(data)
        .and_then(|()| chown(data, Some(user.uid.as_raw()), Some(user.gid.as_raw())))
        .with_context(|| format!("The directory {} cannot be made for {}", data.display(), user.name))
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM);
        }
        let deadline = Instant::now() + END;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() >= deadline {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
