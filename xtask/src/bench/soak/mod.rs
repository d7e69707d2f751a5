//! `cargo xtask bench soak`: does the daemon's memory stay flat?
//!
//! The load is what lets tables grow: kept connections at a fixed rate, besides a new connection for each of other requests, each for a path of
//! its own, and processes that live for one request.

mod chart;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use super::daemon::{Daemon, Status};
use super::format::{table, thousands};
use super::host::Host;
use super::nginx::{Nginx, Scheme};
use super::process::memory_mib;
use super::receiver::Receiver;
use super::{Common, load, page, prepare, report};
use crate::shell::say;
use crate::workspace::Workspace;

/// Options of `cargo xtask bench soak`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1440))]
    minutes: u64,
    /// Requests a second on kept connections.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    rate: u64,
    #[command(flatten)]
    common: Common,
}

/// Looks at the daemon, whatever the length.
const LOOKS: u64 = 120;
/// Pauses between requests that have a connection, and a process, of their own.
const CONNECTION: Duration = Duration::from_millis(5);
const PROCESS: Duration = Duration::from_millis(200);
/// Caches fill in this part of the time, of four.
const FILLING: usize = 1;

/// The daemon at a moment.
#[derive(Debug, Clone, Copy, Serialize)]
struct Point {
    seconds: f64,
    /// Memory that is the daemon's alone (`RssAnon`), MiB: without rings and files.
    private_mib: f64,
    /// Resident memory, MiB.
    rss_mib: f64,
    /// Open files.
    files: usize,
    /// Spans so far.
    spans: u64,
    /// Losses so far, whatever the reason.
    lost: u64,
}

#[derive(Debug, Serialize)]
struct Report {
    host: Host,
    command: String,
    requests: u64,
    connections: u64,
    processes: u64,
    points: Vec<Point>,
    /// By what the private memory grows once caches are full, MiB an hour.
    growth_mib_per_hour: f64,
}

/// `cargo xtask bench soak`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::find()?;
    let binary = prepare(&workspace, &args.common, &[("nginx", "nginx-light"), ("curl", "curl")])?;
    let directory = tempfile::tempdir().context("No temporary directory could be made.")?;
    let host = Host::here()?;
    let nginx = Nginx::start(directory.path(), Scheme::Http)?;
    let receiver = Receiver::start(None)?;
    let daemon = Daemon::start(&binary, directory.path(), Some(receiver.address), &[])?;
    say(format!("{} minutes.", args.minutes));
    let report = soak(args, host, nginx.address, &daemon)?;

    let folder = workspace.target_dir().join("soak");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("points.json"), serde_json::to_string_pretty(&report.points)?)?;
    let values: Vec<_> =
        report.points.iter().map(|point| (point.seconds / 60.0, point.private_mib)).collect();
    fs::write(folder.join("memory.svg"), chart::svg("minutes", "private memory, MiB", &values))?;
    say(format!("the graph is in {}.", folder.join("memory.svg").display()));
    let text = text(&report)?;
    report::show(&report, &text, args.common.json);
    if args.common.write {
        page::write(workspace.root(), page::OVERHEAD, "soak", &text)?;
    }
    Ok(())
}

fn soak(args: &Args, host: Host, address: SocketAddr, daemon: &Daemon) -> Result<Report> {
    let length = Duration::from_secs(args.minutes * 60);
    let between = length.as_secs_f64() / LOOKS as f64;
    let done = AtomicBool::new(false);
    let (connections, processes) = (AtomicU64::new(0), AtomicU64::new(0));
    let mut points = Vec::new();
    let mut failure = None;
    let outcome = std::thread::scope(|scope| {
        let others = [
            scope.spawn(|| repeat(&done, CONNECTION, &connections, |number| own_connection(address, number))),
            scope.spawn(|| repeat(&done, PROCESS, &processes, |_| own_process(address))),
        ];
        let outcome = load::run(address, "/page.html", args.rate, |elapsed| {
            if elapsed.as_secs_f64() >= points.len() as f64 * between {
                match look(daemon, elapsed) {
                    Ok(point) => points.push(point),
                    Err(error) => failure = Some(error),
                }
            }
            failure.is_some() || elapsed >= length
        });
        done.store(true, Ordering::Relaxed);
        for other in others {
            other.join().map_err(|_| anyhow::anyhow!("A client panicked."))??;
        }
        outcome
    })?;
    if let Some(error) = failure {
        return Err(error);
    }
    let command = format!("cargo xtask bench soak --minutes {} --rate {}", args.minutes, args.rate);
    let full: Vec<_> =
        points[points.len() * FILLING / 4..].iter().map(|point| (point.seconds, point.private_mib)).collect();
    Ok(Report {
        host,
        command,
        requests: outcome.requests,
        connections: connections.into_inner(),
        processes: processes.into_inner(),
        growth_mib_per_hour: chart::slope(&full) * 3600.0,
        points,
    })
}

/// Makes requests, with a pause between them, until it is done, and counts them.
fn repeat(
    done: &AtomicBool,
    pause: Duration,
    count: &AtomicU64,
    request: impl Fn(u64) -> Result<()>,
) -> Result<()> {
    while !done.load(Ordering::Relaxed) {
        request(count.fetch_add(1, Ordering::Relaxed))?;
        std::thread::sleep(pause);
    }
    Ok(())
}

/// A request for a path that no other has, on a connection of its own.
fn own_connection(address: SocketAddr, number: u64) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /none/p{number}x HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if !answer.starts_with("HTTP/1.1 404 ") {
        bail!("nginx answered: {answer}");
    }
    Ok(())
}

/// A request by a process of its own.
fn own_process(address: SocketAddr) -> Result<()> {
    let mut command = Command::new("curl");
    command.args(["--silent", "--fail", "--output", "/dev/null", &format!("http://{address}/hello")]);
    let status = command.stdin(Stdio::null()).status().context("curl could not be started.")?;
    if !status.success() {
        bail!("curl ended with {status}.");
    }
    Ok(())
}

fn look(daemon: &Daemon, elapsed: Duration) -> Result<Point> {
    let Status { drops, spans, rss_bytes, .. } = daemon.status()?;
    Ok(Point {
        seconds: elapsed.as_secs_f64(),
        private_mib: memory_mib(daemon.pid(), "RssAnon:")?,
        rss_mib: rss_bytes as f64 / f64::from(1 << 20),
        files: fs::read_dir(format!("/proc/{}/fd", daemon.pid()))?.count(),
        spans: spans.finished,
        lost: drops.iter().filter(|drop| !drop.intentional).map(|drop| drop.count).sum(),
    })
}

fn text(report: &Report) -> Result<String> {
    let mut rows = vec![
        ["minute", "private memory, MiB", "RSS, MiB", "open files", "spans", "lost"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let last = report.points.last().context("There is no point.")?;
    let quarters = (0..4).filter_map(|quarter| report.points.get(report.points.len() * quarter / 4));
    for point in quarters.chain([last]) {
        rows.push(vec![
            format!("{:.1}", point.seconds / 60.0),
            format!("{:.1}", point.private_mib),
            format!("{:.1}", point.rss_mib),
            point.files.to_string(),
            thousands(point.spans as f64),
            thousands(point.lost as f64),
        ]);
    }
    let highest = report.points.iter().map(|point| point.private_mib).fold(0.0, f64::max);
    Ok(format!(
        "{}\n`{}`\n\n{}\n- {} requests on kept connections, {} on connections of their own, {} by processes of their own.\n\
         - Highest private memory: {highest:.1} MiB. After the first quarter it grows by {:.1} MiB an hour (least squares).\n",
        report.host.line(),
        report.command,
        table(&rows),
        thousands(report.requests as f64),
        thousands(report.connections as f64),
        thousands(report.processes as f64),
        report.growth_mib_per_hour
    ))
}
