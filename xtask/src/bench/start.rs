//! `cargo xtask bench start`: how long until a service that already runs shows up at the backend.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use super::daemon::Daemon;
use super::format::{median, table, thousands};
use super::host::Host;
use super::nginx::{Nginx, Scheme};
use super::process::{go_on, memory_mib, pause, wait_until};
use super::receiver::Receiver;
use super::{Common, load, page, prepare, report};
use crate::shell::say;
use crate::workspace::Workspace;

/// Options of `cargo xtask bench start`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often the daemon is started.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1000))]
    rounds: u64,
    #[command(flatten)]
    common: Common,
}

/// Requests a second to the service, one every 10 ms: the wait for the next one is no part of the tracer's.
const RATE: u64 = 100;
/// How the service is called in what is exported.
const SERVICE: &str = "nginx";
/// How long the first span may take.
const LIMIT: Duration = Duration::from_mins(1);

/// The daemon is as it stays so long after the first span.
const STEADY: Duration = Duration::from_secs(2);

#[derive(Debug, Serialize)]
struct Report {
    host: Host,
    command: String,
    rounds: Vec<Round>,
}

/// Times since the daemon was executed, and its memory.
#[derive(Debug, Serialize)]
struct Round {
    /// Until its programs were attached, milliseconds.
    attached_ms: f64,
    /// Until the receiver had the first batch with a span of the service, milliseconds.
    first_span_ms: f64,
    /// Most resident memory so far, MiB.
    peak_mib: f64,
    /// Resident memory a while later, MiB.
    steady_mib: f64,
}

/// `cargo xtask bench start`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::find()?;
    let daemon = prepare(&workspace, &args.common, &[("nginx", "nginx-light")])?;
    let directory = tempfile::tempdir().context("No temporary directory could be made.")?;
    let host = Host::here()?;
    let nginx = Nginx::start(directory.path(), Scheme::Http)?;
    let over = AtomicBool::new(false);
    let rounds = std::thread::scope(|scope| {
        let client =
            scope.spawn(|| load::run(nginx.address, "/hello", RATE, |_| over.load(Ordering::Relaxed)));
        let rounds: Result<Vec<_>> = (1..=args.rounds)
            .map(|number| {
                say(format!("start {number} of {}.", args.rounds));
                if client.is_finished() {
                    bail!("The client of the service ended, so there is nothing to see.");
                }
                start(&daemon, directory.path())
            })
            .collect();
        over.store(true, Ordering::Relaxed);
        if let Ok(outcome) = client.join() {
            outcome.context("The client of the service failed.")?;
        }
        rounds
    })?;
    let command = format!("cargo xtask bench start --rounds {}", args.rounds);
    let report = Report { host, command, rounds };
    let text = text(&report);
    report::show(&report, &text, args.common.json);
    if args.common.write {
        page::write(workspace.root(), page::OVERHEAD, "start", &text)?;
    }
    Ok(())
}

fn start(binary: &std::path::Path, directory: &std::path::Path) -> Result<Round> {
    go_on()?;
    let receiver = Receiver::start(Some(SERVICE))?;
    let executed = Instant::now();
    let mut daemon = Daemon::launch(binary, directory, Some(receiver.address))?;
    daemon.wait_attached()?;
    let attached = executed.elapsed();
    let first = wait_until(LIMIT, || Ok(receiver.first()))?
        .with_context(|| format!("No span of {SERVICE} came within {LIMIT:?}."))?;
    pause(STEADY)?;
    let memory = |field| memory_mib(daemon.pid(), field);
    let (peak_mib, steady_mib) = (memory("VmHWM:")?, memory("VmRSS:")?);
    drop(daemon);
    pause(Duration::from_millis(100))?;
    Ok(Round {
        attached_ms: attached.as_secs_f64() * 1e3,
        first_span_ms: first.duration_since(executed).as_secs_f64() * 1e3,
        peak_mib,
        steady_mib,
    })
}

fn text(report: &Report) -> String {
    let row = |name: &str, value: fn(&Round) -> f64| {
        let values = || report.rounds.iter().map(value);
        let (least, most) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
        vec![name.to_owned(), thousands(median(values())), thousands(least), thousands(most)]
    };
    let rows = [
        ["since `tracer agent` was executed, ms", "median", "least", "most"].map(str::to_owned).to_vec(),
        row("programs attached", |round| round.attached_ms),
        row("first span of a running nginx at the receiver", |round| round.first_span_ms),
        row("memory (RSS), MiB: highest of the start", |round| round.peak_mib),
        row("memory (RSS), MiB: 2 s after that span", |round| round.steady_mib),
    ];
    format!("{}\n`{}`\n\n{}", report.host.line(), report.command, table(&rows))
}
