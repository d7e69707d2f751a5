//! `cargo xtask bench tls`: a saturated nginx that speaks TLS, with and without the tracer. Client and server pay for the probes.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::host::{Host, TimedPrograms};
use super::measure::{Sample, Tracer, measure};
use super::nginx::{Nginx, Scheme};
use super::overhead::{PAGES, Page, round, saturating};
use super::receiver::Receiver;
use super::{Common, page, prepare, report, wrk};
use crate::shell::say;
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
    let receiver = Receiver::start(None)?;
    let saturate = |path| saturating(&nginx, path, args.seconds, directory);
    // The first requests of a process are never like the others.
    wrk::run(&nginx, PAGES[0].0, 1, directory)?;
    let mut saturated = Vec::new();
    for (path, name) in PAGES {
        let mut rounds = Vec::new();
        for number in 1..=args.rounds {
            say(format!("{name}: round {number} of {}.", args.rounds));
            rounds.push(round(number, daemon, &nginx, directory, Some(&receiver), || saturate(path))?);
        }
        saturated.push(Page { name, rounds });
    }
    say("one round in which the kernel times its programs.");
    let timed = {
        let _timed = TimedPrograms::switch_on()?;
        measure(Tracer::On(daemon), &nginx, directory, || saturate(PAGES[0].0))?
    };
    let command = format!("cargo xtask bench tls --seconds {} --rounds {}", args.seconds, args.rounds);
    Ok(Report { host, command, saturated, timed })
}
