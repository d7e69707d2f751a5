//! The daemon under test: start, status, stop, kill.

use std::{
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde::Deserialize;

use crate::{
    command::output,
    scenario::{Scenario, workspace},
    wait::{DEADLINE, wait_for},
};

/// The bound within which SIGTERM must have flushed everything and ended the daemon.
pub const STOP_BOUND: Duration = Duration::from_secs(5);

/// What a daemon says on stderr once its programs are attached.
const ATTACHED: &str = "tracer is attached";

/// What a daemon is started with besides its endpoint.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// More arguments of `tracer agent`.
    pub args: Vec<OsString>,
    /// Text of a configuration file.
    pub config: Option<String>,
    /// More environment.
    pub env: Vec<(String, String)>,
}

impl Options {
    /// Arguments of `tracer agent`.
    pub fn args<I: Into<OsString>>(args: impl IntoIterator<Item = I>) -> Self {
        Self { args: args.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// A configuration file with this text.
    pub fn config(text: &str) -> Self {
        Self { config: Some(text.to_owned()), ..Self::default() }
    }
}

/// `tracer status --json`.
#[derive(Debug, Deserialize)]
pub struct Status {
    /// Every kernel program.
    pub programs: Vec<Program>,
    /// TLS libraries, and programs that move TLS records by none that is known.
    pub libraries: Vec<Library>,
    /// Everything dropped so far, by reason.
    pub drops: Vec<Drops>,
    /// Span counts.
    pub spans: Spans,
    /// Backends.
    pub exports: Vec<Export>,
    /// What sampling did.
    pub sampling: Sampling,
    /// Trace context that is written.
    pub propagation: Propagation,
}

/// A backend that spans go to.
#[derive(Debug, Deserialize)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// Spans that it took.
    pub exported: u64,
    /// Batches that wait for it.
    pub queued_batches: u64,
}

/// Trace context that is written into requests.
#[derive(Debug, Deserialize)]
pub struct Propagation {
    /// `off`, `on`, or why not.
    pub state: String,
    /// What became of first messages, with how often.
    pub outcomes: Vec<(String, u64)>,
}

impl Propagation {
    /// How often this came of a first message.
    pub fn outcome(&self, name: &str) -> u64 {
        self.outcomes.iter().find(|(known, _)| known == name).map_or(0, |(_, count)| *count)
    }
}

/// One kernel program.
#[derive(Debug, Deserialize)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// Whether it runs.
    pub attached: bool,
    /// Why it does not.
    pub reason: Option<String>,
}

/// One TLS library.
#[derive(Debug, Deserialize)]
pub struct Library {
    /// The file, as the process that it was found in names it.
    pub file: String,
    /// Why its connections are not read.
    pub reason: Option<String>,
}

/// One drop counter.
#[derive(Debug, Deserialize)]
pub struct Drops {
    /// Where.
    pub stage: String,
    /// Why.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// Meant to happen (a configured exclusion, say), so no loss.
    pub intentional: bool,
}

/// Span counts since the start.
#[derive(Debug, Deserialize)]
pub struct Spans {
    /// Assembled.
    pub finished: u64,
    /// Accepted by the backend.
    pub exported: u64,
}

/// What sampling did.
#[derive(Debug, Deserialize)]
pub struct Sampling {
    /// Kept and dropped, by reason.
    pub decisions: Vec<Sampled>,
    /// Traces that wait for their policies.
    pub waiting_traces: usize,
}

/// What sampling did for one reason.
#[derive(Debug, Deserialize)]
pub struct Sampled {
    /// Why.
    pub reason: String,
    /// Whether these were kept.
    pub kept: bool,
    /// How many traces.
    pub traces: u64,
    /// How many spans.
    pub spans: u64,
}

/// A running daemon. Killed when dropped; [`Daemon::stop`] is the orderly end.
pub struct Daemon {
    child: Child,
    socket: PathBuf,
    log: PathBuf,
}

impl Daemon {
    /// Starts `tracer agent` and waits until its programs are attached.
    #[track_caller]
    pub fn start(scenario: &Scenario, options: Options) -> Self {
        let mut daemon = Self::begin(scenario, options);
        daemon.wait_attached();
        daemon
    }

    /// Starts `tracer agent`, and waits for nothing.
    #[track_caller]
    pub fn begin(scenario: &Scenario, options: Options) -> Self {
        let socket = scenario.file("tracer.sock");
        let mut command = tracer();
        command
            .args(["agent", "--socket"])
            .arg(&socket)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", scenario.receiver.endpoint())
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", scenario.receiver.transport().protocol())
            .envs(options.env);
        if let Some(config) = options.config {
            command.arg("--config").arg(scenario.write("tracer.toml", &config));
        }
        command.args(options.args);
        Self::launch(scenario, "tracer", command, socket)
    }

    /// Starts another long-running `tracer` command, its logs under `name`, and waits until it says `ready`.
    #[track_caller]
    pub fn start_command(scenario: &Scenario, name: &str, command: Command, ready: &str) -> Self {
        let mut daemon = Self::launch(scenario, name, command, PathBuf::new());
        daemon.ready(ready);
        daemon
    }

    #[track_caller]
    fn launch(scenario: &Scenario, name: &str, mut command: Command, socket: PathBuf) -> Self {
        let log = scenario.file(&format!("{name}.log"));
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(scenario.file(&format!("{name}.out"))).unwrap())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("The daemon could not be started ({command:?}): {error}"));
        Self { child, socket, log }
    }

    #[track_caller]
    fn ready(&mut self, sign: &str) {
        let attached = wait_for(DEADLINE, || {
            if self.log_text().contains(sign) {
                return Some(true);
            }
            self.child.try_wait().unwrap().map(|_| false)
        });
        assert!(attached == Some(true), "The daemon does not attach. Its log:\n{}", self.log_text());
    }

    /// Waits until its programs are attached.
    #[track_caller]
    pub fn wait_attached(&mut self) {
        self.ready(ATTACHED);
    }

    /// Whether its programs are attached, as far as it has said so.
    pub fn is_attached(&self) -> bool {
        self.log_text().contains(ATTACHED)
    }

    /// Sends it a signal.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The socket that `tracer status` asks.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// What it says of itself.
    #[track_caller]
    pub fn status(&self) -> Status {
        let output = output(tracer().args(["status", "--json", "--socket"]).arg(&self.socket));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "`tracer status` failed: {}{}\nThe daemon's log:\n{}",
            text,
            String::from_utf8_lossy(&output.stderr),
            self.log_text()
        );
        serde_json::from_str(&text).unwrap_or_else(|error| {
            panic!("`tracer status --json` is not what it should be ({error}):\n{text}")
        })
    }

    /// SIGTERM, then the exit within [`STOP_BOUND`] and with success.
    #[track_caller]
    pub fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.wait(STOP_BOUND);
        let log = self.log_text();
        match status {
            Some(status) => assert!(status.success(), "The daemon ended with {status}. Its log:\n{log}"),
            None => panic!("The daemon did not end within {STOP_BOUND:?} of SIGTERM. Its log:\n{log}"),
        }
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub fn wait(&mut self, deadline: Duration) -> Option<ExitStatus> {
        wait_for(deadline, || self.child.try_wait().unwrap())
    }

    /// How often something was dropped for this reason, at whatever stage.
    #[track_caller]
    pub fn dropped(&self, reason: &str) -> u64 {
        let drops = self.status().drops.into_iter().filter(|drop| drop.reason == reason);
        drops.map(|drop| drop.count).sum()
    }

    /// What it wrote on stderr so far.
    pub fn log_text(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The `tracer` binary of `TRACER_BIN`, else the release build, with none of the caller's telemetry settings.
pub fn tracer() -> Command {
    let binary = std::env::var_os("TRACER_BIN")
        .map_or_else(|| workspace().join("target/release/tracer"), PathBuf::from);
    assert!(
        binary.exists(),
        "{} does not exist; build it with `cargo xtask build`, or run `cargo xtask test`.",
        binary.display()
    );
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("OTEL_") || name_text.starts_with("TRACER_") {
            command.env_remove(&name);
        }
    }
    command
}
