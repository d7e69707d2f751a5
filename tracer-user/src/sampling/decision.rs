//! What became of a trace, and why.

use super::threshold::Threshold;
use crate::telemetry::status::Sampled;

/// Why a trace was kept or dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `always_on`
    AlwaysOn,
    /// `always_off`
    AlwaysOff,
    /// The caller elsewhere had decided.
    Parent,
    /// The ratio of `traceidratio`.
    Ratio,
    /// The probability that its operation has at the moment.
    Adaptive,
    /// Its service had its traces of this second.
    RateLimit,
    /// Its request asked to be traced.
    Forced,
    /// A policy, by its place in the configuration.
    Policy(u16),
    /// No policy wanted it.
    NoPolicy,
}

/// Reasons that are always there.
const FIXED: [(Reason, &str); 8] = [
    (Reason::AlwaysOn, "always_on"),
    (Reason::AlwaysOff, "always_off"),
    (Reason::Parent, "parent"),
    (Reason::Ratio, "ratio"),
    (Reason::Adaptive, "adaptive"),
    (Reason::RateLimit, "rate_limit"),
    (Reason::Forced, "forced"),
    (Reason::NoPolicy, "no_policy"),
];

/// A decision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// Whether the trace is kept.
    pub keep: bool,
    /// Why.
    pub reason: Reason,
    /// The threshold under which traces like this one are dropped; none where chance or load decided, so that nobody can say
    /// how many such traces there were.
    pub threshold: Option<Threshold>,
}

impl Decision {
    /// How many traces a kept one stands for, where that is known.
    pub fn adjusted_count(&self) -> Option<f64> {
        self.threshold.filter(|_| self.keep).map(Threshold::adjusted_count)
    }
}

/// Traces and spans, by what became of them and why.
#[derive(Debug)]
pub(super) struct Counts {
    policies: Vec<String>,
    counts: Vec<[Count; 2]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    traces: u64,
    spans: u64,
}

impl Counts {
    /// For policies of these names.
    pub(super) fn new(policies: Vec<String>) -> Self {
        let counts = vec![<[Count; 2]>::default(); FIXED.len() + policies.len()];
        Self { policies, counts }
    }

    /// Counts a trace, or, unless `first`, a further part of one.
    pub(super) fn add(&mut self, decision: Decision, spans: usize, first: bool) {
        let at = match decision.reason {
            Reason::Policy(index) => FIXED.len() + usize::from(index),
            // Every other reason is in the list.
            fixed => FIXED.iter().position(|(reason, _)| *reason == fixed).unwrap_or_default(),
        };
        if let Some(counts) = self.counts.get_mut(at) {
            let count = &mut counts[usize::from(decision.keep)];
            count.traces += u64::from(first);
            count.spans += spans as u64;
        }
    }

    /// What was counted, kept before dropped.
    pub(super) fn decisions(&self) -> Vec<Sampled> {
        let names = FIXED.iter().map(|(_, name)| (*name, false));
        let names = names.chain(self.policies.iter().map(|name| (name.as_str(), true)));
        let all = names.zip(&self.counts);
        let of = |kept: bool| {
            all.clone().map(move |((reason, policy), counts)| {
                let Count { traces, spans } = counts[usize::from(kept)];
                Sampled { reason: reason.to_owned(), policy, kept, traces, spans }
            })
        };
        of(true).chain(of(false)).filter(|sampled| sampled.spans > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_count() {
        let mut counts = Counts::new(vec!["errors".to_owned(), "slow".to_owned()]);
        let decision = |keep, reason| Decision { keep, reason, threshold: None };
        for (reason, _) in FIXED {
            counts.add(decision(true, reason), 2, true);
        }
        counts.add(decision(true, Reason::Policy(1)), 3, true);
        counts.add(decision(true, Reason::Policy(1)), 4, false);
        counts.add(decision(false, Reason::Ratio), 1, true);
        let counted = counts.decisions();
        assert_eq!(counted.len(), FIXED.len() + 2);
        for (place, (_, name)) in FIXED.iter().enumerate() {
            assert_eq!((counted[place].reason.as_str(), counted[place].traces), (*name, 1));
        }
        let sampled = |reason: &str, policy, kept, spans| Sampled {
            reason: reason.to_owned(),
            policy,
            kept,
            traces: 1,
            spans,
        };
        assert_eq!(counted[FIXED.len()], sampled("slow", true, true, 7));
        assert_eq!(counted[FIXED.len() + 1], sampled("ratio", false, false, 1));
    }

    #[test]
    fn a_count_is_known_where_a_threshold_is() {
        let half = Threshold::from_probability(0.5);
        let decision = |keep, threshold| Decision { keep, reason: Reason::Ratio, threshold };
        assert_eq!(decision(true, half).adjusted_count(), Some(2.0));
        assert_eq!(decision(false, half).adjusted_count(), None);
        assert_eq!(decision(true, None).adjusted_count(), None);
    }
}
