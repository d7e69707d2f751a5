//! `cargo xtask bench idle`: the daemon when nothing is traced.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::daemon::Daemon;
use super::format::{table, thousands};
use super::host::Host;
use super::process::{context_switches, cpu_ns, pause};
use super::{Common, page, prepare, report};
use crate::workspace::Workspace;

/// Options of `cargo xtask bench idle`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long the daemon is watched.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    #[command(flatten)]
    common: Common,
}

/// What a start leaves to do is done by then.
const CALM: Duration = Duration::from_secs(2);

#[derive(Debug, Serialize)]
struct Report {
    host: Host,
    command: String,
    /// CPU time, percent of one core.
    cpu_percent: f64,
    /// Context switches a second.
    switches_per_second: f64,
    /// Resident memory, MiB.
    rss_mib: f64,
    /// Records that came all the same: HTTP of others on this host.
    records: u64,
}

/// `cargo xtask bench idle`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::find()?;
    let binary = prepare(&workspace, &args.common, &[])?;
    let directory = tempfile::tempdir().context("No temporary directory could be made.")?;
    let host = Host::here()?;
    let daemon = Daemon::start(&binary, directory.path(), None, &[])?;
    pause(CALM)?;

    let before = daemon.status()?;
    let (start, cpu, switches) = (Instant::now(), cpu_ns(daemon.pid())?, context_switches(daemon.pid())?);
    pause(Duration::from_secs(args.seconds))?;
    let seconds = start.elapsed().as_secs_f64();
    let cpu = cpu_ns(daemon.pid())?.saturating_sub(cpu);
    let switches = context_switches(daemon.pid())?.saturating_sub(switches);
    let after = daemon.status()?;

    let report = Report {
        host,
        command: format!("cargo xtask bench idle --seconds {}", args.seconds),
        cpu_percent: cpu as f64 / 1e7 / seconds,
        switches_per_second: switches as f64 / seconds,
        rss_mib: after.rss_bytes as f64 / f64::from(1 << 20),
        records: after.records - before.records,
    };
    let text = text(&report);
    report::show(&report, &text, args.common.json);
    if args.common.write {
        page::write(workspace.root(), page::OVERHEAD, "idle", &text)?;
    }
    Ok(())
}

fn text(report: &Report) -> String {
    let rows = [
        vec!["the daemon, idle".to_owned(), String::new()],
        vec!["CPU, % of one core".to_owned(), format!("{:.3}", report.cpu_percent)],
        vec!["context switches/s".to_owned(), format!("{:.1}", report.switches_per_second)],
        vec!["memory (RSS), MiB".to_owned(), format!("{:.1}", report.rss_mib)],
        vec!["records of others' HTTP meanwhile".to_owned(), thousands(report.records as f64)],
    ];
    format!("{}\n`{}`\n\n{}", report.host.line(), report.command, table(&rows))
}
