//! Commands that run to their end, and no longer than the deadline.

use std::{
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::wait::DEADLINE;

/// Runs a command to its end, without input, and hands back what it wrote.
#[track_caller]
pub fn output(command: &mut Command) -> Output {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} could not be started: {error}"));
    output_of(child)
}

/// Waits for the end of a command whose output is piped.
#[track_caller]
pub fn output_of(child: Child) -> Output {
    let pid = Pid::from_raw(child.id() as i32);
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = receiver.recv_timeout(DEADLINE) else {
        let _ = kill(pid, Signal::SIGKILL);
        panic!("The command with pid {pid} did not end within {DEADLINE:?}.");
    };
    output.unwrap()
}

/// Runs a command to its end, which must be a good one.
#[track_caller]
pub fn run(command: &mut Command) -> Output {
    let output = output(command);
    assert!(
        output.status.success(),
        "{command:?} ended with {}: {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
