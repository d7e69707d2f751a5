//! Stage 7: which traces are kept. Pure: decisions are functions of the trace, the configuration and a passed-in time.
//!
//! A trace that comes in parts is decided on once: its further parts follow.

mod adaptive;
mod bucket;
mod decision;
mod entry;
mod head;
#[cfg(test)]
mod head_tests;
mod health;
mod operations;
mod recent;
mod remote;
mod tail;
mod threshold;
mod trace_state;

pub use decision::{Decision, Reason};
pub use entry::Entry;
pub use head::{FORCED_KEY, Head};
pub use remote::StrategyRequest;
pub use threshold::{Randomness, Threshold};

use self::{decision::Counts, recent::Recent, remote::Remote, tail::Tail};
use crate::{config::Sampling, spans::span::Span, telemetry};

/// Stage 7.
#[derive(Debug)]
pub struct Sampler {
    /// Every trace is kept, so that there is nothing to decide.
    keeps_all: bool,
    head: Head,
    tail: Option<Tail>,
    recent: Recent,
    counts: Counts,
    /// Where SDKs ask what to keep.
    remote: Option<Remote>,
}

impl Sampler {
    /// What a configuration asks for.
    pub fn new(config: &Sampling) -> Self {
        let policies = config.tail.policies.iter().map(|policy| policy.name.clone()).collect();
        let (head, tail) = (Head::new(config), Tail::new(&config.tail));
        Self {
            keeps_all: head.keeps_all() && tail.is_none(),
            head,
            tail,
            recent: Recent::default(),
            counts: Counts::new(policies),
            remote: None,
        }
    }

    /// Somebody may ask for [`Self::strategy`], so that operations are remembered.
    #[must_use]
    pub fn with_remote(self, wanted: bool) -> Self {
        Self { remote: wanted.then(Remote::default), ..self }
    }

    /// What SDKs of a service are to keep, as the JSON of Jaeger's remote sampling.
    pub fn strategy(&self, service: &str, now_ns: u64) -> String {
        let nothing = Remote::default();
        self.remote.as_ref().unwrap_or(&nothing).answer(&self.head, service, now_ns)
    }

    /// Counts a request that begins a trace and that the SDK of its process decides on.
    pub fn witness(&mut self, served: &Span, now_ns: u64) {
        if let Some(remote) = &mut self.remote {
            let entry = Entry { root: served, served };
            self.head.witness(&entry, now_ns);
            remote.note(&entry, now_ns);
        }
    }

    /// Whether every trace is kept, so that there is nothing to decide.
    pub fn keeps_all(&self) -> bool {
        self.keeps_all
    }

    /// Takes a finished trace or a part of one, and hands it on if it is kept.
    pub fn take(&mut self, trace: Vec<Span>, now_ns: u64, out: &mut impl FnMut(Vec<Span>)) {
        if self.keeps_all {
            let all = Decision { keep: true, reason: Reason::AlwaysOn, threshold: Some(Threshold::ALWAYS) };
            self.settle(trace, all, true, out);
            return;
        }
        let Some(id) = trace.first().map(|span| span.trace_id) else { return };
        if let Some(decision) = self.recent.get(&id) {
            self.settle(trace, decision, false, out);
            return;
        }
        if let Some(tail) = &mut self.tail
            && tail.holds(&id)
        {
            tail.add(trace, None, now_ns);
            self.flush(now_ns, out);
            return;
        }
        if let Some(remote) = &mut self.remote
            && let Some(entry) = Entry::of(&trace)
        {
            remote.note(&entry, now_ns);
        }
        let decision = self.head.decide(&trace, now_ns);
        match &mut self.tail {
            Some(tail) if decision.keep && decision.reason != Reason::Forced => {
                tail.add(trace, decision.threshold, now_ns);
                self.flush(now_ns, out);
            }
            _ => {
                self.recent.put(id, decision);
                self.settle(trace, decision, true, out);
            }
        }
    }

    /// Hands on what is kept of the traces that have waited for long enough at `now_ns`.
    pub fn flush(&mut self, now_ns: u64, out: &mut impl FnMut(Vec<Span>)) {
        while let Some((trace, decision)) = self.tail.as_mut().and_then(|tail| tail.next(now_ns)) {
            if let Some(span) = trace.first() {
                self.recent.put(span.trace_id, decision);
            }
            self.settle(trace, decision, true, out);
        }
    }

    /// Hands on what is kept of all traces that wait: the daemon stops.
    pub fn finish(&mut self, now_ns: u64, out: &mut impl FnMut(Vec<Span>)) {
        if let Some(tail) = &mut self.tail {
            tail.close();
        }
        self.flush(now_ns, out);
    }

    /// What was kept and dropped so far and why, and what waits.
    pub fn state(&self) -> telemetry::status::Sampling {
        let (waiting_traces, waiting_bytes) = self.tail.as_ref().map_or((0, 0), Tail::waiting);
        telemetry::status::Sampling {
            decisions: self.counts.decisions(),
            decided_early: self.tail.as_ref().map_or(0, Tail::decided_early),
            waiting_traces,
            waiting_bytes,
        }
    }

    fn settle(
        &mut self,
        mut trace: Vec<Span>,
        decision: Decision,
        first: bool,
        out: &mut impl FnMut(Vec<Span>),
    ) {
        self.counts.add(decision, trace.len(), first);
        if decision.keep {
            for span in &mut trace {
                mark(span, decision.threshold);
            }
            out(trace);
        }
    }
}

/// Makes `tracestate` say what a kept span stands for. Nothing is written where it stands for itself alone or where nobody knows.
fn mark(span: &mut Span, threshold: Option<Threshold>) {
    let threshold = threshold.filter(|&threshold| threshold != Threshold::ALWAYS);
    let said = span.trace_state.as_deref().and_then(|list| trace_state::read(list).threshold);
    if said != threshold {
        span.trace_state = trace_state::with_threshold(span.trace_state.as_deref(), threshold);
    }
}
