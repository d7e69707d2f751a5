//! Decisions of the last traces: all parts of a trace follow the first.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;

use super::decision::Decision;
use crate::spans::span::TraceId;

/// Decisions that are remembered; the oldest is forgotten first. Some 6 MiB when it is full.
const MAX_DECISIONS: usize = 65_536;

/// The decisions that are remembered.
#[derive(Debug, Default)]
pub(super) struct Recent {
    by_trace: HashMap<TraceId, Decision, RandomState>,
    in_order: VecDeque<TraceId>,
}

impl Recent {
    /// What was decided on a trace.
    pub(super) fn get(&self, trace: &TraceId) -> Option<Decision> {
        self.by_trace.get(trace).copied()
    }

    /// Remembers a decision on a trace that is not remembered yet.
    pub(super) fn put(&mut self, trace: TraceId, decision: Decision) {
        if self.by_trace.insert(trace, decision).is_none() {
            self.in_order.push_back(trace);
        }
        if self.in_order.len() > MAX_DECISIONS
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.by_trace.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::decision::Reason, *};

    #[test]
    fn the_oldest_is_forgotten() {
        let mut recent = Recent::default();
        let decision = Decision { keep: true, reason: Reason::Ratio, threshold: None };
        let id = |number: usize| (number as u128 + 1).to_be_bytes();
        for number in 0..=MAX_DECISIONS {
            recent.put(id(number), decision);
            recent.put(id(number), decision);
        }
        assert_eq!(recent.by_trace.len(), MAX_DECISIONS);
        assert_eq!(recent.get(&id(0)), None);
        assert_eq!(recent.get(&id(1)), Some(decision));
    }
}
