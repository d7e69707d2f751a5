//! The daemon that is measured.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::process::{Running, pause, service, wait_until};

/// What the daemon says once its programs are attached.
const ATTACHED: &str = "tracer is attached";
/// How long its start may take.
const START: Duration = Duration::from_mins(1);
/// How long it may take to turn the records of a load into spans once the load is over.
const SETTLE: Duration = Duration::from_secs(20);
/// Between two looks at whether it is done; longer than its own pauses (100 ms).
const SETTLE_LOOK: Duration = Duration::from_millis(250);

/// What is read of `tracer status --json`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Status {
    /// Every kernel program.
    pub(super) programs: Vec<Program>,
    /// Every way to lose something, with how often.
    pub(super) drops: Vec<DropCount>,
    /// Spans so far.
    pub(super) spans: Spans,
    /// What became of first messages on connections, by outcome; empty where nothing is written.
    #[serde(default)]
    pub(super) propagation: Propagation,
    /// Records taken from the kernel.
    pub(super) records: u64,
    /// Resident memory, bytes.
    pub(super) rss_bytes: u64,
    /// CPU time, milliseconds.
    pub(super) cpu_ms: u64,
}

/// Trace context that is written into requests.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Propagation {
    /// What became of first messages.
    pub(super) outcomes: Vec<(String, u64)>,
}

/// A kernel program.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) run_count: u64,
    pub(super) run_time_ns: u64,
}

/// A reason to lose something.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct DropCount {
    pub(super) stage: String,
    pub(super) reason: String,
    pub(super) count: u64,
    pub(super) intentional: bool,
}

/// Spans so far.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Spans {
    pub(super) finished: u64,
    pub(super) waiting: u64,
    pub(super) exported: u64,
}

/// A running daemon. Ended when dropped.
#[derive(Debug)]
pub(super) struct Daemon {
    process: Running,
    binary: PathBuf,
    socket: PathBuf,
    log: PathBuf,
}

impl Daemon {
    /// Starts `tracer agent` with nothing but defaults, and an OTLP receiver if there is one. Does not wait.
    pub(super) fn launch(binary: &Path, directory: &Path, receiver: Option<SocketAddr>) -> Result<Self> {
        Self::launch_with(binary, directory, receiver, &[])
    }

    /// As [`Daemon::start`], writing trace context into the requests of a cgroup's processes.
    pub(super) fn start_writing(binary: &Path, directory: &Path, cgroup: &Path) -> Result<Self> {
        let cgroup = format!("propagation.cgroup={}", cgroup.display());
        let mut daemon = Self::launch_with(binary, directory, None, &["propagation.enabled=true", &cgroup])?;
        daemon.wait_attached()?;
        Ok(daemon)
    }

    /// As [`Daemon::launch`], with settings of the form KEY=VALUE.
    fn launch_with(
        binary: &Path,
        directory: &Path,
        receiver: Option<SocketAddr>,
        settings: &[&str],
    ) -> Result<Self> {
        let socket = directory.join("tracer.sock");
        let log = directory.join("tracer.log");
        let mut command = service(binary);
        for (name, _) in std::env::vars_os() {
            // Settings of the person who measures are none of the measured.
            if name.to_string_lossy().starts_with("OTEL_") || name.to_string_lossy().starts_with("TRACER_") {
                command.env_remove(name);
            }
        }
        command.args(["agent", "--set", "export.print=never", "--socket"]).arg(&socket);
        for setting in settings {
            command.args(["--set", setting]);
        }
        if let Some(receiver) = receiver {
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{receiver}"));
            command.env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
        }
        let writer =
            File::create(&log).with_context(|| format!("{} could not be written.", log.display()))?;
        command.stdout(writer.try_clone()?).stderr(writer);
        Ok(Self { process: Running::start(&mut command)?, binary: binary.to_owned(), socket, log })
    }

    /// As [`Daemon::launch`], with settings of the form KEY=VALUE; waits until its programs are attached.
    pub(super) fn start(
        binary: &Path,
        directory: &Path,
        receiver: Option<SocketAddr>,
        settings: &[&str],
    ) -> Result<Self> {
        let mut daemon = Self::launch_with(binary, directory, receiver, settings)?;
        daemon.wait_attached()?;
        Ok(daemon)
    }

    /// Waits until its programs are attached.
    pub(super) fn wait_attached(&mut self) -> Result<()> {
        let attached = wait_until(START, || {
            if self.log().contains(ATTACHED) {
                return Ok(Some(()));
            }
            if let Some(status) = self.process.ended()? {
                bail!("The daemon ended with {status} at its start. {}", self.log().trim());
            }
            Ok(None)
        })?;
        if attached.is_none() {
            bail!("The daemon has not attached its programs after {START:?}. {}", self.log().trim());
        }
        Ok(())
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What it says of itself.
    pub(super) fn status(&self) -> Result<Status> {
        let output = Command::new(&self.binary)
            .args(["status", "--json", "--socket"])
            .arg(&self.socket)
            .output()
            .context("`tracer status` could not be started.")?;
        if !output.status.success() {
            bail!(
                "`tracer status` failed: {} The daemon says: {}",
                String::from_utf8_lossy(&output.stderr).trim(),
                self.log().trim()
            );
        }
        serde_json::from_slice(&output.stdout).context("`tracer status --json` says something unexpected.")
    }

    /// Waits until it is done with what the kernel has handed it, and returns what it then says.
    pub(super) fn settled(&self) -> Result<Status> {
        let mut last = self.status()?;
        let mut time = Duration::ZERO;
        while time < SETTLE {
            pause(SETTLE_LOOK)?;
            time += SETTLE_LOOK;
            let now = self.status()?;
            let done = now.spans.waiting == 0 && now.spans.exported == last.spans.exported;
            // Other traffic on this host never ends; it must not be mistaken for a backlog.
            if done && now.records.saturating_sub(last.records) < 100 {
                return Ok(now);
            }
            last = now;
        }
        Ok(last)
    }
}
