//! `tracer status`: what is attached, what is not and why, what was lost, what it costs.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, bail};

use crate::{
    control::{DEFAULT_SOCKET, Request, ask},
    telemetry::status::Snapshot,
};

/// Show the state of the running tracer: programs, losses by reason, own cost.
///
/// Per-program times are counted only while `sysctl kernel.bpf_stats_enabled` is 1.
#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    /// Control socket of the tracer
    #[arg(long, value_name = "PATH", default_value = DEFAULT_SOCKET, env = "TRACER_SOCKET")]
    socket: PathBuf,
    /// One line of JSON instead of text
    #[arg(long)]
    json: bool,
}

/// Asks the daemon and prints its answer.
pub fn status(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let stream = ask(&args.socket, &Request::Status).with_context(|| {
        format!(
            "No tracer answers at {}. Start one with `tracer agent`, or name its socket with --socket",
            args.socket.display()
        )
    })?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    if line.is_empty() {
        bail!(
            "The tracer at {} closed the connection without an answer; it may be stopping",
            args.socket.display()
        );
    }
    let snapshot: Snapshot = serde_json::from_str(&line)
        .with_context(|| format!("The tracer answered with something else: {}", line.trim_end()))?;
    super::print(if args.json { line } else { snapshot.to_text() })?;
    Ok(ExitCode::SUCCESS)
}
