//! One load, once, with or without the tracer: everything that is read before and after it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::daemon::{Daemon, Status};
use super::nginx::Nginx;
use super::process::cpu_ns;
use super::receiver::Receiver;

/// The load as whoever made it saw it.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Load {
    /// Requests that were answered.
    pub(super) requests: u64,
    /// Requests a second.
    pub(super) rate: f64,
    /// Median latency, microseconds.
    pub(super) p50_us: f64,
    /// 99th percentile of the latency, microseconds.
    pub(super) p99_us: f64,
}

/// A load and what it cost.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Sample {
    /// The load.
    #[serde(flatten)]
    pub(super) load: Load,
    /// CPU time of the server for one request, microseconds: the kernel programs run in it.
    pub(super) server_cpu_us: f64,
    /// What the daemon did, where one ran.
    pub(super) tracer: Option<Traced>,
}

/// The daemon's part.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Traced {
    /// CPU time of the daemon for one request, microseconds.
    pub(super) cpu_us: f64,
    /// Its resident memory at the end, MiB.
    pub(super) rss_mib: f64,
    /// Spans that it made of the load.
    pub(super) spans: u64,
    /// Spans that it owes for each request.
    pub(super) ends: u64,
    /// Spans more (or less) than it owes for the requests that the load counts.
    pub(super) surplus: i64,
    /// Spans that the receiver accepted.
    pub(super) exported: u64,
    /// Bytes of one exported span; 0 where nothing is exported.
    pub(super) bytes_per_span: f64,
    /// Losses by stage and reason.
    pub(super) lost: BTreeMap<String, u64>,
    /// What was left out by design, by stage and reason.
    pub(super) by_design: BTreeMap<String, u64>,
    /// Requests that trace context was written into.
    pub(super) written: u64,
    /// Kernel programs; all zero unless the kernel times them.
    pub(super) programs: Vec<ProgramCost>,
}

/// A kernel program during a load.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ProgramCost {
    /// Its name.
    pub(super) name: String,
    /// Runs.
    pub(super) runs: u64,
    /// Nanoseconds in all of them.
    pub(super) nanoseconds: u64,
}

/// With what a load is measured.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tracer<'a> {
    /// None.
    Off,
    /// A new daemon without export.
    On(&'a Path),
    /// As `On`, with whoever makes the load left out: as where clients are on other hosts.
    Server(&'a Path),
    /// A new daemon without export that writes trace context into the requests of a cgroup.
    Writing(&'a Path, &'a Path),
    /// A new daemon that exports by OTLP/HTTP to a receiver that drops everything.
    Exporting(&'a Path, &'a Receiver),
}

/// Those who make loads, as the daemon's configuration has it.
const LEAVE_OUT_THE_CLIENT: &str = "select.exclude=exe=*/wrk";

/// Makes the load once, and reads what it cost.
pub(super) fn measure(
    tracer: Tracer<'_>,
    nginx: &Nginx,
    directory: &Path,
    load: impl FnOnce() -> Result<Load>,
) -> Result<Sample> {
    let (daemon, receiver) = match tracer {
        Tracer::Off => (None, None),
        Tracer::On(binary) => (Some(Daemon::start(binary, directory, None, &[])?), None),
        Tracer::Server(binary) => {
            (Some(Daemon::start(binary, directory, None, &[LEAVE_OUT_THE_CLIENT])?), None)
        }
        Tracer::Writing(binary, cgroup) => (Some(Daemon::start_writing(binary, directory, cgroup)?), None),
        Tracer::Exporting(binary, receiver) => {
            (Some(Daemon::start(binary, directory, Some(receiver.address), &[])?), Some(receiver))
        }
    };
    let ends = if matches!(tracer, Tracer::Server(_)) { 1 } else { 2 };
    let bytes_before = receiver.map_or(0, Receiver::bytes);
    let before = daemon.as_ref().map(Daemon::status).transpose()?;
    let server_before = cpu_ns(nginx.pid())?;
    let load = load()?;
    let server_cpu = cpu_ns(nginx.pid())?.saturating_sub(server_before);
    let after = daemon.as_ref().map(Daemon::settled).transpose()?;
    let bytes = receiver.map_or(0, Receiver::bytes) - bytes_before;
    Ok(Sample {
        load,
        server_cpu_us: server_cpu as f64 / 1e3 / load.requests.max(1) as f64,
        tracer: before
            .zip(after)
            .map(|(before, after)| compare(&before, &after, (load.requests, ends), bytes)),
    })
}

/// What the daemon did between two looks at it, for so many requests of which so many ends are traced.
pub(super) fn compare(before: &Status, after: &Status, (requests, ends): (u64, u64), bytes: u64) -> Traced {
    let spans = after.spans.finished - before.spans.finished;
    let exported = after.spans.exported - before.spans.exported;
    let mut lost = BTreeMap::new();
    let mut by_design = BTreeMap::new();
    for drop in &after.drops {
        let same = |old: &&super::daemon::DropCount| old.stage == drop.stage && old.reason == drop.reason;
        let count = drop.count - before.drops.iter().find(same).map_or(0, |old| old.count);
        if count > 0 {
            let kind = if drop.intentional { &mut by_design } else { &mut lost };
            kind.insert(format!("{}/{}", drop.stage, drop.reason), count);
        }
    }
    let programs = after.programs.iter().map(|program| {
        let old = before.programs.iter().find(|old| old.name == program.name);
        ProgramCost {
            name: program.name.clone(),
            runs: program.run_count - old.map_or(0, |old| old.run_count),
            nanoseconds: program.run_time_ns - old.map_or(0, |old| old.run_time_ns),
        }
    });
    Traced {
        cpu_us: (after.cpu_ms - before.cpu_ms) as f64 * 1e3 / requests.max(1) as f64,
        rss_mib: after.rss_bytes as f64 / f64::from(1 << 20),
        spans,
        ends,
        surplus: spans as i64 - (ends * requests) as i64,
        exported,
        bytes_per_span: if exported == 0 { 0.0 } else { bytes as f64 / exported as f64 },
        lost,
        by_design,
        written: written(after) - written(before),
        programs: programs.collect(),
    }
}

fn written(status: &Status) -> u64 {
    let outcomes = &status.propagation.outcomes;
    outcomes.iter().find(|(outcome, _)| outcome == "written").map_or(0, |(_, count)| *count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(finished: u64, cpu_ms: u64, ring_full: u64, runs: u64) -> Status {
        let text = format!(
            r#"{{"programs": [{{"name": "sock_send", "run_count": {runs}, "run_time_ns": {}}}],
                 "drops": [{{"stage": "kernel", "reason": "ring_full", "count": {ring_full}, "intentional": false}},
                           {{"stage": "kernel", "reason": "own", "count": 7, "intentional": true}}],
                 "spans": {{"finished": {finished}, "waiting": 0, "exported": 0}},
                 "records": 9, "rss_bytes": 1048576, "cpu_ms": {cpu_ms}}}"#,
            runs * 300
        );
        serde_json::from_str(&text).expect("a status")
    }

    #[test]
    fn only_what_changed_counts() {
        let traced = compare(&status(10, 100, 1, 50), &status(214, 110, 3, 250), (100, 2), 0);
        assert_eq!((traced.spans, traced.surplus), (204, 4));
        assert_eq!(traced.cpu_us.to_string(), "100");
        assert_eq!(traced.lost, BTreeMap::from([("kernel/ring_full".to_owned(), 2)]));
        assert!(traced.by_design.is_empty());
        assert_eq!((traced.programs[0].runs, traced.programs[0].nanoseconds), (200, 60_000));
    }
}
