//! One front service: without the tracer, then with it.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::back::{Back, Hits};
use super::driver::{self, Outcome, Request};
use super::ids::{Kind, back_path};
use super::judge::{Counts, Traces};
use super::otlp;
use super::runtimes::{Place, Runtime};
use super::store::Store;
use crate::bench::daemon::Daemon;
use crate::bench::format::median;
use crate::bench::nginx::free_address;
use crate::bench::process::{Running, pause};
use crate::bench::receiver::Receiver;
use crate::shell::say;

/// How long a front service may take to listen.
const START: Duration = Duration::from_secs(20);
/// Requests that nobody counts: what a runtime does once, it has done then.
const WARM_UP: u32 = 100;
/// How many of them at a time.
const WARM_UP_CONCURRENCY: usize = 8;
/// The C front is an event loop that the tracer cannot know by its name.
const EVENT_LOOPS: &str = "traces.event_loops=epoll";
/// How long calls are waited for that are made after the answer, where nobody counts them.
const LATE: Duration = Duration::from_secs(1);
/// Failures that are shown of each load.
const MAX_FAILURES: usize = 2;

/// What is the same for every front service.
#[derive(Debug)]
pub(super) struct Setting<'a> {
    /// The daemon.
    pub(super) binary: &'a Path,
    /// The Python environment.
    pub(super) venv: &'a Path,
    /// The folder of the services' sources.
    pub(super) apps: &'a Path,
    /// Where cargo puts what it builds.
    pub(super) target: &'a Path,
    /// Loads, by the requests that are open at a time.
    pub(super) concurrency: &'a [u16],
    /// Requests of each load.
    pub(super) requests: u32,
}

/// What was found of a front service.
#[derive(Debug, Serialize)]
pub(super) struct Series {
    /// Its name.
    pub(super) runtime: &'static str,
    /// What it is.
    pub(super) what: &'static str,
    /// The ids stood in its calls.
    pub(super) plain: bool,
    /// Kinds of requests whose calls have to be linked.
    #[serde(skip)]
    pub(super) linked: &'static [Kind],
    /// What it calls in place of the back service.
    #[serde(skip)]
    pub(super) store: Option<Store>,
    /// Versions of its parts.
    pub(super) version: String,
    /// By concurrency.
    pub(super) loads: Vec<Load>,
    /// Some wrong edges.
    pub(super) examples: Vec<String>,
    /// What the daemon has lost while it was traced, where it did not mean to.
    pub(super) dropped: u64,
}

/// A load of a front service.
#[derive(Debug, Serialize)]
pub(super) struct Load {
    /// Requests that were open at a time.
    pub(super) concurrency: u16,
    /// What became of the calls, by kind of request.
    pub(super) by_kind: BTreeMap<Kind, Counts>,
    /// Requests that failed without the tracer.
    pub(super) failed_before: usize,
    /// Requests that failed with it.
    pub(super) failed: usize,
    /// Requests that took far longer than any of their kind without it.
    pub(super) slowed: usize,
    /// Time to the answer with the tracer, divided by that without it: see [`latency`].
    pub(super) latency: f64,
}

impl Load {
    /// What became of all calls.
    pub(super) fn all(&self) -> Counts {
        self.by_kind.values().fold(Counts::default(), |mut all, &counts| {
            all += counts;
            all
        })
    }
}

/// Runs one, or says why it cannot run here.
pub(super) fn series(
    setting: &Setting<'_>,
    runtime: &'static Runtime,
    back: &Back,
) -> Result<Result<Series, String>> {
    let directory = tempfile::tempdir().context("No temporary directory could be made.")?;
    let place = Place {
        venv: setting.venv,
        apps: setting.apps,
        target: setting.target,
        directory: directory.path(),
        front: free_address()?,
        back: back.address,
    };
    let version = match runtime.version(&place) {
        Ok(version) => version,
        Err(reason) => return Ok(Err(reason)),
    };
    say(format!("{}: {version}.", runtime.name));
    let log = directory.path().join("front.log");
    let writer = File::create(&log).with_context(|| format!("{} could not be written.", log.display()))?;
    let store = match runtime.store.map(|store| store.start(directory.path())).transpose()? {
        Some(Ok(store)) => Some(store),
        Some(Err(reason)) => return Ok(Err(reason)),
        None => None,
    };
    let mut command = runtime.command(&place)?;
    if let Some((_, address)) = &store {
        command.env("STORE", address);
    }
    let mut front = Running::start(command.stdout(writer.try_clone()?).stderr(writer))?;
    front.listens(place.front, START, &log)?;

    let load = |phase: char, concurrency: u16| -> Result<(Vec<Request>, Outcome)> {
        let requests = requests(runtime.kinds, phase, concurrency, setting.requests);
        let outcome = driver::run(place.front, &requests, concurrency.into(), runtime.with_ids)?;
        for failure in outcome.failures.iter().take(MAX_FAILURES) {
            say(format!("{}: a request failed: {failure}", runtime.name));
        }
        Ok((requests, outcome))
    };
    let warm_up = requests(runtime.kinds, 'w', 0, WARM_UP);
    driver::run(place.front, &warm_up, WARM_UP_CONCURRENCY, runtime.with_ids)?;
    // Those made long after the answer, too: they are none of the next load.
    let hits = |requests: &[Request], outcome: &Outcome| match &store {
        // A database does not tell what it was asked: every request that was answered has made its calls, and late ones are waited for.
        Some(_) => pause(LATE).map(|()| made(requests, outcome)),
        None => back.take(calls(requests)),
    };
    hits(&warm_up, &Outcome::default())?;
    let mut before = Vec::new();
    for &concurrency in setting.concurrency {
        let (requests, outcome) = load('b', concurrency)?;
        hits(&requests, &outcome)?;
        before.push(outcome);
    }

    let receiver = Receiver::keeping()?;
    let daemon = Daemon::start(setting.binary, directory.path(), Some(receiver.address), &[EVENT_LOOPS])?;
    let mut traced = Vec::new();
    for &concurrency in setting.concurrency {
        let (requests, outcome) = load('t', concurrency)?;
        let hits = hits(&requests, &outcome)?;
        traced.push((requests, outcome, hits));
    }
    let status = daemon.settled()?;
    // Its end sends what still waits for a full batch.
    drop(daemon);
    drop(front);
    drop(store);

    let spans = otlp::spans(&receiver.take())?;
    let traces = Traces::new(&spans);
    let mut series = Series {
        runtime: runtime.name,
        what: runtime.what,
        plain: runtime.plain,
        linked: runtime.linked,
        store: runtime.store,
        version,
        loads: Vec::new(),
        examples: Vec::new(),
        dropped: status.drops.iter().filter(|drop| !drop.intentional).map(|drop| drop.count).sum(),
    };
    for ((&concurrency, before), (requests, outcome, hits)) in
        setting.concurrency.iter().zip(&before).zip(&traced)
    {
        let verdict = traces.judge(requests, hits, runtime.plain);
        series.examples.extend(verdict.examples.into_iter().map(|text| format!("at {concurrency}: {text}")));
        series.loads.push(Load {
            concurrency,
            by_kind: verdict.by_kind.into_iter().collect(),
            failed_before: before.failures.len(),
            failed: outcome.failures.len(),
            slowed: slowed(before, outcome),
            latency: latency(before, outcome),
        });
    }
    Ok(Ok(series))
}

/// Requests of each kind in turn. The process id stands in their ids: the tracer sees every process of the host, another
/// run of this benchmark too.
fn requests(kinds: &[Kind], phase: char, concurrency: u16, count: u32) -> Vec<Request> {
    let kinds = kinds.iter().copied().cycle();
    let ids = (0..count).map(|number| format!("{}-{phase}{concurrency}-{number}", std::process::id()));
    ids.zip(kinds).map(|(id, kind)| Request { id, kind }).collect()
}

/// The calls of requests, of those that were answered.
fn made(requests: &[Request], outcome: &Outcome) -> Hits {
    let failed = |id: &str| outcome.failures.iter().any(|failure| failure.starts_with(&format!("{id}:")));
    let answered = requests.iter().filter(|request| !failed(&request.id));
    answered
        .flat_map(|request| (1..=request.kind.calls()).map(|call| (back_path(&request.id, call, false), 1)))
        .collect()
}

fn calls(requests: &[Request]) -> usize {
    requests.iter().map(|request| request.kind.calls() as usize).sum()
}

/// The median, over the kinds of requests without a pause, of the median time with the tracer divided by that without it. 0 where
/// there is none.
fn latency(before: &Outcome, traced: &Outcome) -> f64 {
    let of = |outcome: &Outcome, kind| {
        let of_kind = outcome.latencies_us.iter().filter(move |(other, _)| *other == kind);
        median(of_kind.map(|&(_, latency)| latency))
    };
    let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Wait);
    let ratios = kinds.map(|kind| (of(before, kind), of(traced, kind)));
    median(ratios.filter(|&(before, _)| before > 0.0).map(|(before, traced)| traced / before))
}

/// Requests that took more than twice as long as the slowest of their kind without the tracer, and a tenth of a second more: what waits
/// for a byte that does not come, not what waits for a CPU.
fn slowed(before: &Outcome, traced: &Outcome) -> usize {
    const MORE_US: f64 = 100_000.0;
    let slowest = |kind| {
        let of_kind = before.latencies_us.iter().filter(move |(other, _)| *other == kind);
        of_kind.map(|&(_, latency)| latency).fold(0.0, f64::max)
    };
    let limits = Kind::ALL.map(|kind| (kind, slowest(kind) * 2.0 + MORE_US));
    let is_slow =
        |(kind, latency): &&(Kind, f64)| limits.iter().any(|(other, limit)| other == kind && latency > limit);
    traced.latencies_us.iter().filter(is_slow).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(latencies_us: &[(Kind, f64)]) -> Outcome {
        Outcome { latencies_us: latencies_us.to_vec(), ..Outcome::default() }
    }

    #[test]
    fn requests_that_wait_for_nothing_are_told_from_a_busy_machine() {
        let before = outcome(&[(Kind::One, 1000.0), (Kind::One, 3000.0), (Kind::Wait, 20_000.0)]);
        let traced = outcome(&[(Kind::One, 90_000.0), (Kind::One, 5_000_000.0), (Kind::Wait, 130_000.0)]);
        assert_eq!(slowed(&before, &traced), 1);
        assert_eq!(slowed(&before, &before), 0);
    }

    #[test]
    fn latency_is_that_of_the_kinds_without_a_pause() {
        let before =
            outcome(&[(Kind::One, 1000.0), (Kind::Seq, 2000.0), (Kind::Par, 3000.0), (Kind::Wait, 1.0)]);
        let traced =
            outcome(&[(Kind::One, 2000.0), (Kind::Seq, 2200.0), (Kind::Par, 3000.0), (Kind::Wait, 9.0)]);
        assert!((latency(&before, &traced) - 1.1).abs() < 1e-9);
        assert!(latency(&outcome(&[]), &traced).abs() < f64::EPSILON);
    }
}
