//! `cargo xtask bench tls`: a saturated nginx that speaks TLS, with and without the tracer. Client and server pay for the probes.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::host::Host;
use super::measure::Sample;
use super::nginx::{Nginx, Scheme};
use super::overhead::{Page, saturation};
use super::{Common, page, prepare, report};
use crate::workspace::Workspace;

/// Options of `cargo xtask bench tls`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Seconds of each load.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// How often the variants take turns.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: u64,
    #[command(flatten)]
    common: Common,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
struct Report {
    /// Where and when.
    host: Host,
    /// The command that repeats it.
    command: String,
    /// Saturating load, by page.
    saturated: Vec<Page>,
    /// One more traced round, in which the kernel timed its programs.
    timed: Sample,
}

/// `cargo xtask bench tls`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::find()?;
    let daemon = prepare(&workspace, &args.common, &[("nginx", "nginx-light"), ("wrk", "wrk")])?;
    let directory = tempfile::tempdir().context("No temporary directory could be made.")?;
    let report = measured(args, &daemon, directory.path())?;
    let text = report::saturation(&report.host, &report.command, &report.saturated, &report.timed);
    report::show(&report, &text, args.common.json);
    if args.common.write {
        page::write(workspace.root(), page::TLS, "tls", &text)?;
    }
    Ok(())
}

fn measured(args: &Args, daemon: &Path, directory: &Path) -> Result<Report> {
    let host = Host::here()?;
    let nginx = Nginx::start(directory, Scheme::Https)?;
    let (saturated, timed) = saturation(&nginx, daemon, directory, (args.seconds, args.rounds))?;
    let command = format!("cargo xtask bench tls --seconds {} --rounds {}", args.seconds, args.rounds);
    Ok(Report { host, command, saturated, timed })
}
