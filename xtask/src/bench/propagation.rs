//! `cargo xtask bench propagation`: what writing trace context into requests costs the client.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::cgroup::Cgroup;
use super::format::{median, table, thousands};
use super::host::Host;
use super::measure::{Load, Sample, Tracer, measure};
use super::nginx::{Nginx, Scheme};
use super::report::{self, COMPARED, ratio, rounds};
use super::{Common, page, prepare, wrk};
use crate::shell::say;
use crate::workspace::Workspace;

/// Options of `cargo xtask bench propagation`.
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

/// The loads, and how tables call them.
const LOADS: [(wrk::Connections, &str); 2] = [
    (wrk::Connections::New, "a new connection for each request"),
    (wrk::Connections::Kept, "kept connections, 16 in all"),
];

#[derive(Debug, Serialize)]
struct Report {
    host: Host,
    command: String,
    loads: Vec<Rounds>,
}

/// The rounds of a load.
#[derive(Debug, Serialize)]
struct Rounds {
    name: &'static str,
    rounds: Vec<Round>,
}

/// Variants that took turns.
#[derive(Debug, Serialize)]
struct Round {
    /// Without the tracer.
    base: Sample,
    /// With it, nothing being written.
    traced: Sample,
    /// With it, context being written.
    writing: Sample,
}

/// `cargo xtask bench propagation`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::find()?;
    let daemon = prepare(&workspace, &args.common, &[("nginx", "nginx-light"), ("wrk", "wrk")])?;
    let directory = tempfile::tempdir().context("No temporary directory could be made.")?;
    let directory = directory.path();
    let host = Host::here()?;
    let nginx = Nginx::start(directory, Scheme::Http)?;
    // Only wrk is in it: nothing is written into other people's requests.
    let cgroup = Cgroup::create()?;
    let mut loads = Vec::new();
    for (connections, name) in LOADS {
        let load = |seconds| {
            let from = wrk::From { cgroup: Some(cgroup.path()), connections };
            let outcome = wrk::run_from(from, &nginx, "/page.html", seconds, directory)?;
            let wrk::Outcome { requests, rate, p50_us, p99_us } = outcome;
            Ok(Load { requests, rate, p50_us, p99_us })
        };
        // The first requests of a process are never like the others.
        load(1)?;
        let mut rounds = Vec::new();
        for number in 1..=args.rounds {
            say(format!("{name}: round {number} of {}.", args.rounds));
            rounds.push(round(number, &daemon, &nginx, directory, cgroup.path(), || load(args.seconds))?);
        }
        loads.push(Rounds { name, rounds });
    }
    let command =
        format!("cargo xtask bench propagation --seconds {} --rounds {}", args.seconds, args.rounds);
    let report = Report { host, command, loads };
    let text = text(&report);
    report::show(&report, &text, args.common.json);
    if args.common.write {
        page::write(workspace.root(), page::OVERHEAD, "propagation", &text)?;
    }
    Ok(())
}

/// Each variant once; every other round in the opposite order, so that a drift of the machine favours none.
fn round(
    number: u64,
    daemon: &Path,
    nginx: &Nginx,
    directory: &Path,
    cgroup: &Path,
    load: impl Fn() -> Result<Load>,
) -> Result<Round> {
    let base = || measure(Tracer::Off, nginx, directory, &load);
    let traced = || measure(Tracer::On(daemon), nginx, directory, &load);
    let writing = || measure(Tracer::Writing(daemon, cgroup), nginx, directory, &load);
    if number.is_multiple_of(2) {
        let writing = writing()?;
        let traced = traced()?;
        Ok(Round { base: base()?, traced, writing })
    } else {
        Ok(Round { base: base()?, traced: traced()?, writing: writing()? })
    }
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    // Writing to memory does not fail.
    let _ = writeln!(text, "{}", report.host.line());
    let _ = writeln!(text, "`{}`", report.command);
    for load in &report.loads {
        let count = rounds(load.rounds.len());
        let _ = writeln!(
            text,
            "\n**Saturated, {}** ({count}; the last column compares with `traced`)\n",
            load.name
        );
        let _ = writeln!(text, "{}", table(&rows(&load.rounds)));
        let sum = |value: fn(&Round) -> u64| load.rounds.iter().map(value).sum::<u64>() as f64;
        let written = sum(|round| round.writing.tracer.as_ref().map_or(0, |tracer| tracer.written));
        let requests = sum(|round| round.writing.load.requests);
        let _ = writeln!(
            text,
            "- {} of {} requests carried the header.",
            thousands(written),
            thousands(requests)
        );
    }
    text
}

fn rows(rounds: &[Round]) -> Vec<Vec<String>> {
    let head = ["", "without", "traced", "ratio", "traced, writing", "ratio"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for (name, value, show) in COMPARED {
        let of = |sample: fn(&Round) -> &Sample| rounds.iter().map(move |round| value(sample(round)));
        let (base, traced, writing) =
            (of(|round| &round.base), of(|round| &round.traced), of(|round| &round.writing));
        rows.push(vec![
            name.to_owned(),
            show(median(base.clone())),
            show(median(traced.clone())),
            ratio(base.zip(traced.clone()).collect()),
            show(median(writing.clone())),
            ratio(traced.zip(writing).collect()),
        ]);
    }
    rows
}
