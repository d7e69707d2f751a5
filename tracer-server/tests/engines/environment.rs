//! The Python environment of the tests, and programs that are started from it.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::support::wait_until;

/// The directory of the environment, as for the scenarios.
const ENVIRONMENT: &str = "TRACER_TEST_ENV";

/// A program of the environment. None, with a line that says so, where there is no environment.
#[allow(clippy::print_stderr, reason = "who runs the tests is told what was left out")]
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let Some(environment) = std::env::var_os(ENVIRONMENT) else {
        eprintln!(
            "skipped: {ENVIRONMENT} is not set; `cargo xtask test engines` prepares what this test needs"
        );
        return None;
    };
    let path = Path::new(&environment).join("bin").join(name);
    assert!(path.exists(), "{} is not there; `cargo xtask test engines` brings it", path.display());
    Some(path)
}

/// A script beside this file.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engines").join(name)
}

/// A port that is free now.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A running program. Killed when dropped.
pub(crate) struct Running(Child);

impl Running {
    /// Starts it and waits until it listens.
    pub(crate) fn start(command: &mut Command, address: SocketAddr) -> Self {
        let running = Self(command.stdout(Stdio::null()).spawn().unwrap());
        wait_until("it listens", || TcpStream::connect(address).is_ok());
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program to its end and returns what it prints.
#[track_caller]
pub(crate) fn output(command: &mut Command) -> String {
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{command:?}");
    String::from_utf8(output.stdout).unwrap()
}
