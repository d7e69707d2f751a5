//! `cargo xtask bench bystander`: what a system call of a process costs more that is not traced.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::daemon::Daemon;
use super::format::{median, table};
use super::host::Host;
use super::process::go_on;
use super::{Common, page, prepare, report};
use crate::workspace::Workspace;

/// Options of `cargo xtask bench bystander`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often the variants take turns.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: u64,
    #[command(flatten)]
    common: Common,
}

/// Batches of a round. The quickest counts: what else runs on the machine only makes them slower.
const BATCHES: usize = 200;
/// Exchanges of a batch: a call that sends a byte, and one that receives it.
const EXCHANGES: u32 = 200;
/// Calls of an exchange.
const CALLS: f64 = 2.0;

/// What is called, and how tables call it.
const KINDS: [(&str, Kind); 4] = [
    ("no socket (`getppid`)", no_socket),
    ("UDP", udp),
    ("TCP, no protocol that is known", tcp),
    ("unix stream, no protocol that is known", unix),
];

/// Makes an exchange that can be repeated.
type Kind = fn() -> Result<Box<dyn FnMut() -> std::io::Result<()>>>;

#[derive(Debug, Serialize)]
struct Report {
    host: Host,
    command: String,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    kind: &'static str,
    /// Nanoseconds a call, in each round: without the tracer, with it, and with it where a rule leaves this process out.
    rounds: Vec<[f64; 3]>,
}

/// `cargo xtask bench bystander`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::find()?;
    let binary = prepare(&workspace, &args.common, &[])?;
    let directory = tempfile::tempdir().context("No temporary directory could be made.")?;
    let host = Host::here()?;
    let mut rows: Vec<Row> = KINDS.map(|(kind, _)| Row { kind, rounds: Vec::new() }).into();
    let left_out = format!("select.exclude=pid={}", std::process::id());
    for _ in 0..args.rounds {
        let without = measure()?;
        let with = traced(&binary, directory.path(), &[])?;
        let excluded = traced(&binary, directory.path(), &[&left_out])?;
        for (at, row) in rows.iter_mut().enumerate() {
            row.rounds.push([without[at], with[at], excluded[at]]);
        }
    }
    let report =
        Report { host, command: format!("cargo xtask bench bystander --rounds {}", args.rounds), rows };
    let text = text(&report);
    report::show(&report, &text, args.common.json);
    if args.common.write {
        page::write(workspace.root(), page::OVERHEAD, "bystander", &text)?;
    }
    Ok(())
}

fn traced(binary: &std::path::Path, directory: &std::path::Path, settings: &[&str]) -> Result<Vec<f64>> {
    let daemon = Daemon::start(binary, directory, None, settings)?;
    let measured = measure();
    drop(daemon);
    measured
}

/// Nanoseconds a call, of every kind.
fn measure() -> Result<Vec<f64>> {
    KINDS
        .iter()
        .map(|(name, kind)| quickest(*kind).with_context(|| format!("{name} does not work.")))
        .collect()
}

fn quickest(kind: Kind) -> Result<f64> {
    let mut exchange = kind()?;
    let mut best = f64::INFINITY;
    for _ in 0..BATCHES {
        go_on()?;
        let start = Instant::now();
        for _ in 0..EXCHANGES {
            exchange()?;
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(EXCHANGES) / CALLS);
    }
    Ok(best)
}

/// A byte that begins no request.
const BYTE: [u8; 1] = [0x80];

fn streams<S: Read + Write + 'static>(mut here: S, mut there: S) -> Box<dyn FnMut() -> std::io::Result<()>> {
    Box::new(move || {
        here.write_all(&BYTE)?;
        there.read_exact(&mut [0; 1])
    })
}

fn tcp() -> Result<Box<dyn FnMut() -> std::io::Result<()>>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let here = TcpStream::connect(listener.local_addr()?)?;
    here.set_nodelay(true)?;
    Ok(streams(here, listener.accept()?.0))
}

#[expect(clippy::unnecessary_wraps, reason = "as the others, which can fail")]
fn no_socket() -> Result<Box<dyn FnMut() -> std::io::Result<()>>> {
    Ok(Box::new(|| {
        std::hint::black_box([std::os::unix::process::parent_id(), std::os::unix::process::parent_id()]);
        Ok(())
    }))
}

fn unix() -> Result<Box<dyn FnMut() -> std::io::Result<()>>> {
    let (here, there) = UnixStream::pair()?;
    Ok(streams(here, there))
}

fn udp() -> Result<Box<dyn FnMut() -> std::io::Result<()>>> {
    let (here, there) =
        (UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?, UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
    here.connect(there.local_addr()?)?;
    Ok(Box::new(move || {
        here.send(&BYTE)?;
        there.recv(&mut [0; 1]).map(drop)
    }))
}

fn text(report: &Report) -> String {
    let mut rows =
        vec![["ns a call", "without", "added", "added, left out by a rule"].map(str::to_owned).to_vec()];
    for Row { kind, rounds } in &report.rows {
        let added = |at: usize| format!("{:.0}", median(rounds.iter().map(|round| round[at] - round[0])));
        rows.push(vec![
            (*kind).to_owned(),
            format!("{:.0}", median(rounds.iter().map(|round| round[0]))),
            added(1),
            added(2),
        ]);
    }
    format!(
        "{}\n`{}`\n\n{}\nThe quickest of {BATCHES} batches in each round, medians of {} rounds; differences are taken within a round.\n",
        report.host.line(),
        report.command,
        table(&rows),
        report.rows.first().map_or(0, |row| row.rounds.len())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_call_works() {
        for (name, kind) in KINDS {
            let mut exchange = kind().expect(name);
            exchange().and_then(|()| exchange()).expect(name);
        }
    }

    #[test]
    fn what_is_added_is_taken_within_a_round() {
        let rows = vec![Row {
            kind: "UDP",
            rounds: vec![[100.0, 130.0, 110.0], [900.0, 931.0, 912.0], [100.0, 129.0, 111.0]],
        }];
        let host = Host { date: String::new(), kernel: String::new(), cpus: 1, load_before: 0.0 };
        let text = text(&Report { host, command: String::new(), rows });
        let cells: Vec<_> = text
            .lines()
            .find(|line| line.contains("UDP"))
            .expect("a row")
            .split('|')
            .map(str::trim)
            .collect();
        assert_eq!(cells[1..5], ["UDP", "100", "30", "11"], "{text}");
    }
}
