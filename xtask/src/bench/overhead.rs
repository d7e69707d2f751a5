//! `cargo xtask bench overhead`: a saturated nginx, then one at a fixed rate, with and without the tracer.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::host::{Host, TimedPrograms};
use super::load;
use super::measure::{Load, Sample, Tracer, measure};
use super::nginx::{Nginx, Scheme};
use super::receiver::Receiver;
use super::{Common, page, prepare, report, wrk};
use crate::shell::say;
use crate::workspace::Workspace;

/// Options of `cargo xtask bench overhead`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Seconds of each load.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// How often the variants take turns.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: u64,
    /// Requests a second of the rounds at a fixed rate.
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rate: u64,
    #[command(flatten)]
    common: Common,
}

/// The pages: path, and how tables call it.
pub(super) const PAGES: [(&str, &str); 2] =
    [("/page.html", "static page, 600 bytes"), ("/hello", "`return 200`, 12 bytes")];

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Where and when.
    pub(super) host: Host,
    /// The command that repeats it.
    pub(super) command: String,
    /// Saturating load, by page.
    pub(super) saturated: Vec<Page>,
    /// One more traced round, in which the kernel timed its programs.
    pub(super) timed: Sample,
    /// The rate that the rounds at a fixed rate asked for, requests a second.
    pub(super) rate: u64,
    /// Rounds at that rate.
    pub(super) fixed: Vec<Round>,
}

/// The rounds of a page.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    /// What it is.
    pub(super) name: &'static str,
    /// Its rounds.
    pub(super) rounds: Vec<Round>,
}

/// Variants that took turns.
#[derive(Debug, Serialize)]
pub(super) struct Round {
    /// Without the tracer.
    pub(super) base: Sample,
    /// With it.
    pub(super) traced: Sample,
    /// With it, of the server's end alone.
    pub(super) server: Option<Sample>,
    /// With it, exporting by OTLP/HTTP.
    pub(super) exported: Option<Sample>,
}

/// `cargo xtask bench overhead`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::find()?;
    let daemon = prepare(&workspace, &args.common, &[("nginx", "nginx-light"), ("wrk", "wrk")])?;
    let directory = tempfile::tempdir().context("No temporary directory could be made.")?;
    let report = rounds(args, &daemon, directory.path())?;
    let text = report::text(&report);
    report::show(&report, &text, args.common.json);
    if args.common.write {
        page::write(workspace.root(), page::OVERHEAD, "overhead", &text)?;
    }
    Ok(())
}

fn rounds(args: &Args, daemon: &Path, directory: &Path) -> Result<Report> {
    let host = Host::here()?;
    let nginx = Nginx::start(directory, Scheme::Http)?;
    let (saturated, timed) = saturation(&nginx, daemon, directory, (args.seconds, args.rounds))?;

    let mut fixed = Vec::new();
    for number in 1..=args.rounds {
        say(format!("{} requests a second: round {number} of {}.", args.rate, args.rounds));
        let steady = || at_rate(nginx.address, PAGES[0].0, args.rate, args.seconds);
        fixed.push(round(number, daemon, &nginx, directory, None, steady)?);
    }
    let Args { seconds, rounds, rate, .. } = args;
    let command = format!("cargo xtask bench overhead --seconds {seconds} --rounds {rounds} --rate {rate}");
    Ok(Report { host, command, saturated, timed, rate: args.rate, fixed })
}

/// Every page under as much load as it takes, with and without the tracer; and a round in which the kernel times its programs.
pub(super) fn saturation(
    nginx: &Nginx,
    daemon: &Path,
    directory: &Path,
    (seconds, count): (u64, u64),
) -> Result<(Vec<Page>, Sample)> {
    let receiver = Receiver::start(None)?;
    let saturate = |path| saturating(nginx, path, seconds, directory);
    // The first requests of a process are never like the others.
    wrk::run(nginx, PAGES[0].0, 1, directory)?;

    let mut saturated = Vec::new();
    for (path, name) in PAGES {
        let mut rounds = Vec::new();
        for number in 1..=count {
            say(format!("{name}: round {number} of {count}."));
            rounds.push(round(number, daemon, nginx, directory, Some(&receiver), || saturate(path))?);
        }
        saturated.push(Page { name, rounds });
    }

    say("one round in which the kernel times its programs.");
    let timed = {
        let _timed = TimedPrograms::switch_on()?;
        measure(Tracer::On(daemon), nginx, directory, || saturate(PAGES[0].0))?
    };
    Ok((saturated, timed))
}

/// Each variant once; every other round in the opposite order, so that a drift of the machine favours none.
pub(super) fn round(
    number: u64,
    daemon: &Path,
    nginx: &Nginx,
    directory: &Path,
    receiver: Option<&Receiver>,
    load: impl Fn() -> Result<Load>,
) -> Result<Round> {
    let base = || measure(Tracer::Off, nginx, directory, &load);
    let traced = || measure(Tracer::On(daemon), nginx, directory, &load);
    let server = || {
        let sample = |_| measure(Tracer::Server(daemon), nginx, directory, &load);
        receiver.map(sample).transpose()
    };
    let exported = || {
        let sample = |receiver| measure(Tracer::Exporting(daemon, receiver), nginx, directory, &load);
        receiver.map(sample).transpose()
    };
    if number.is_multiple_of(2) {
        let (exported, traced, server) = (exported()?, traced()?, server()?);
        Ok(Round { base: base()?, traced, server, exported })
    } else {
        Ok(Round { base: base()?, server: server()?, traced: traced()?, exported: exported()? })
    }
}

/// As many requests as go.
pub(super) fn saturating(nginx: &Nginx, path: &str, seconds: u64, directory: &Path) -> Result<Load> {
    let wrk::Outcome { requests, rate, p50_us, p99_us } = wrk::run(nginx, path, seconds, directory)?;
    Ok(Load { requests, rate, p50_us, p99_us })
}

fn at_rate(address: SocketAddr, path: &str, rate: u64, seconds: u64) -> Result<Load> {
    let stop = |elapsed: std::time::Duration| elapsed.as_secs() >= seconds;
    let load::Outcome { requests, rate, p50_us, p99_us } = load::run(address, path, rate, stop)?;
    Ok(Load { requests, rate, p50_us, p99_us })
}
