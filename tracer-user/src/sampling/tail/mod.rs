//! Tail sampling: policies over whole traces, in the manner of the OpenTelemetry collector's `tail_sampling`.

mod learned;
mod policy;
mod rare;
#[cfg(test)]
mod tests;
mod vote;
mod waiting;
mod whole;

use self::{policy::Policy, vote::Vote, waiting::Waiting, whole::Whole};
use super::{
    decision::{Decision, Reason},
    threshold::Threshold,
};
use crate::{
    config::{self, PolicyKind},
    spans::span::{Span, TraceId},
};

/// The policies of a configuration, and the traces that wait for them.
#[derive(Debug)]
pub(super) struct Tail {
    policies: Vec<Listed>,
    waiting: Waiting,
    early: u64,
}

/// A policy in the configuration's list.
#[derive(Debug)]
struct Listed {
    drops: bool,
    policy: Policy,
}

impl Tail {
    /// `None` where there are no policies.
    pub(super) fn new(config: &config::Tail) -> Option<Self> {
        let listed = |config: &config::Policy| Listed {
            drops: matches!(config.kind, PolicyKind::Drop(_)),
            policy: Policy::new(config),
        };
        let policies: Vec<_> = config.policies.iter().map(listed).collect();
        let waiting = Waiting::new(config.decision_wait.as_nanos() as u64, config.max_bytes as usize);
        (!policies.is_empty()).then_some(Self { policies, waiting, early: 0 })
    }

    /// Whether parts of the trace wait.
    pub(super) fn holds(&self, trace: &TraceId) -> bool {
        self.waiting.holds(trace)
    }

    /// Takes a trace or a part of one. `threshold` is what the head sampler judged the first part by.
    pub(super) fn add(&mut self, trace: Vec<Span>, threshold: Option<Threshold>, now_ns: u64) {
        self.waiting.add(trace, threshold, now_ns);
    }

    /// The next trace whose time has come, or for which there is no room, with what became of it.
    pub(super) fn next(&mut self, now_ns: u64) -> Option<(Vec<Span>, Decision)> {
        let due = self.waiting.next(now_ns)?;
        self.early += u64::from(due.early);
        let decision = self.decide(&due.spans, due.bytes, due.threshold, now_ns);
        Some((due.spans, decision))
    }

    /// No more parts will come: every trace is to be decided on.
    pub(super) fn close(&mut self) {
        self.waiting.close();
    }

    /// Traces that were decided on before all of their parts had the time to come.
    pub(super) fn decided_early(&self) -> u64 {
        self.early
    }

    /// Traces that wait, and the memory that they take in bytes.
    pub(super) fn waiting(&self) -> (usize, usize) {
        (self.waiting.len(), self.waiting.bytes())
    }

    /// Decides on a whole trace.
    ///
    /// A policy that drops wins. Then the lowest threshold of all policies counts: those that want all such traces have the
    /// lowest there is. Who takes no more than there is room for is asked last, for what nobody else wants.
    fn decide(&mut self, spans: &[Span], bytes: usize, head: Option<Threshold>, now_ns: u64) -> Decision {
        let nobody = Decision { keep: false, reason: Reason::NoPolicy, threshold: None };
        let Some(trace) = Whole::new(spans, bytes, now_ns) else { return nobody };
        let mut lowest: Option<(Threshold, usize)> = None;
        let mut dropped = None;
        for (at, listed) in
            self.policies.iter_mut().enumerate().filter(|(_, listed)| !listed.policy.is_limited())
        {
            match listed.policy.vote(&trace) {
                vote if listed.drops => {
                    if vote.wants(trace.randomness) {
                        dropped.get_or_insert(at);
                    }
                }
                Vote::Above(threshold) if lowest.is_none_or(|(lowest, _)| threshold < lowest) => {
                    lowest = Some((threshold, at));
                }
                Vote::Above(_) | Vote::Limited(_) | Vote::No => {}
            }
        }
        let because =
            |keep, at: usize, threshold| Decision { keep, reason: Reason::Policy(at as u16), threshold };
        if let Some(at) = dropped {
            return because(false, at, None);
        }
        if let Some((threshold, at)) = lowest
            && threshold.keeps(trace.randomness)
        {
            return because(true, at, head.map(|head| head.max(threshold)));
        }
        let limited = self.policies.iter_mut().enumerate().filter(|(_, listed)| listed.policy.is_limited());
        for (at, listed) in limited {
            if listed.policy.vote(&trace).wants(trace.randomness) {
                return because(!listed.drops, at, None);
            }
        }
        nobody
    }
}
