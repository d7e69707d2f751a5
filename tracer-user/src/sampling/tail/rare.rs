//! Operations that are seldom seen.

use super::super::operations::Operations;
use super::whole::Whole;
use crate::config;

/// Traces of each operation in the window at hand.
#[derive(Debug)]
pub(super) struct Rare {
    traces: u32,
    window_ns: u64,
    seen: Operations<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    window: u64,
    traces: u32,
}

impl Rare {
    pub(super) fn new(config: config::Rare) -> Self {
        let window_ns = (config.window.as_nanos() as u64).max(1);
        Self { traces: config.traces, window_ns, seen: Operations::default() }
    }

    /// Whether the trace is among the first of its operation in this window.
    pub(super) fn is_rare(&mut self, trace: &Whole<'_>) -> bool {
        let window = trace.now_ns / self.window_ns;
        let seen = self.seen.of(trace.entry.served, |seen| seen.window < window);
        if seen.window != window {
            *seen = Seen { window, traces: 0 };
        }
        seen.traces = seen.traces.saturating_add(1);
        seen.traces <= self.traces
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        export::testing::{service, span},
        spans::span::SpanKind,
    };

    #[test]
    fn the_first_of_each_window_are_rare() {
        let mut rare = Rare::new(config::Rare { traces: 3, window: Duration::from_mins(1) });
        let mut kept = |name: &str, from_s: u64, count: u64| {
            let trace = [span(1, &service("shop"), SpanKind::Server, name)];
            let now = |at: u64| (from_s + at) * 1_000_000_000;
            let whole = |at| Whole::new(&trace, 0, now(at)).expect("a span");
            (0..count).filter(|&at| rare.is_rare(&whole(at))).count()
        };
        assert_eq!(kept("GET /busy", 60, 50), 3);
        assert_eq!(kept("GET /rare", 60, 2), 2);
        assert_eq!(kept("GET /busy", 120, 50), 3);
    }
}
