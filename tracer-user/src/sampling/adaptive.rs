//! The probability that gives each operation its target of traces a second.
//!
//! Every trace is seen before it is sampled, so the rate of an operation is measured, not inferred from what was kept. An
//! operation that is new or rare is below its target and kept whole. The threshold moves, no coin is thrown: hosts with like
//! traffic keep the same traces, and adjusted counts stay right.

use super::{operations::Operations, threshold::Threshold};
use crate::spans::span::Span;

/// Over which rates are counted, nanoseconds.
const WINDOW_NS: u64 = 1_000_000_000;
/// How much of the rate known before a new window counts: its weight falls to a third within some ten seconds.
const MEMORY: f64 = 0.9;
/// An operation that was not seen for that long is forgotten when there is no room, nanoseconds.
const FORGOTTEN_NS: u64 = 600_000_000_000;

/// The rates of all operations.
#[derive(Debug)]
pub(super) struct Adaptive {
    /// Traces a second.
    target: f64,
    rates: Operations<Rate>,
}

#[derive(Debug, Default)]
struct Rate {
    window: u64,
    in_window: f64,
    /// Traces a second before this window; none yet for a new operation.
    smooth: Option<f64>,
}

impl Adaptive {
    /// Steers each operation to `target` traces a second.
    pub(super) fn new(target: f64) -> Self {
        Self { target, rates: Operations::default() }
    }

    /// The threshold for one more trace of the operation of a span.
    pub(super) fn threshold(&mut self, served: &Span, now_ns: u64) -> Threshold {
        let oldest = now_ns.saturating_sub(FORGOTTEN_NS) / WINDOW_NS;
        let rate = self.rates.of(served, |rate| rate.window < oldest);
        let probability = self.target / rate.count(now_ns);
        Threshold::from_probability(probability).unwrap_or(Threshold::ALWAYS)
    }
}

impl Rate {
    /// Counts one, and says how many a second there are: a burst counts at once.
    fn count(&mut self, now_ns: u64) -> f64 {
        let window = now_ns / WINDOW_NS;
        if window > self.window {
            let passed = (window - self.window).min(1000) as i32;
            let known = if self.in_window == 0.0 && self.smooth.is_none() {
                None
            } else {
                let before = self.smooth.unwrap_or(self.in_window);
                let last = before * MEMORY + self.in_window * (1.0 - MEMORY);
                // Windows in which nothing came.
                Some(last * MEMORY.powi(passed - 1))
            };
            *self = Self { window, in_window: 0.0, smooth: known };
        }
        self.in_window += 1.0;
        self.in_window.max(self.smooth.unwrap_or(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        export::testing::{service, span},
        spans::span::SpanKind,
    };

    const SECOND: u64 = 1_000_000_000;

    /// The share that is kept and the kept traces a second, over `seconds` of so many traces each.
    fn run(adaptive: &mut Adaptive, name: &str, rate: u64, from: u64, seconds: u64) -> (f64, f64) {
        let served = span(1, &service("shop"), SpanKind::Server, name);
        let mut kept = 0.0;
        for at in 0..seconds * rate {
            kept += adaptive.threshold(&served, from + at * SECOND / rate).probability();
        }
        (kept / (seconds * rate) as f64, kept / seconds as f64)
    }

    #[test]
    fn a_busy_operation_is_kept_at_its_target_and_a_rare_one_whole() {
        let mut adaptive = Adaptive::new(5.0);
        run(&mut adaptive, "GET /busy", 1000, 0, 30);
        let (_, per_second) = run(&mut adaptive, "GET /busy", 1000, 30 * SECOND, 30);
        assert!((4.8..5.2).contains(&per_second), "{per_second}");
        let (share, _) = run(&mut adaptive, "GET /rare", 4, 30 * SECOND, 30);
        assert!((share - 1.0).abs() < f64::EPSILON, "{share}");
    }

    #[test]
    fn a_burst_of_a_new_operation_is_bounded_within_its_first_second() {
        let mut adaptive = Adaptive::new(5.0);
        let (_, kept) = run(&mut adaptive, "GET /new", 10_000, 0, 1);
        // target * (1 + ln(10000 / target)): the first five are kept, then ever fewer.
        assert!((35.0..48.0).contains(&kept), "{kept}");
    }

    #[test]
    fn an_operation_that_calms_down_is_kept_whole_again() {
        let mut adaptive = Adaptive::new(5.0);
        run(&mut adaptive, "GET /", 1000, 0, 30);
        run(&mut adaptive, "GET /", 1, 30 * SECOND, 90);
        let (share, _) = run(&mut adaptive, "GET /", 1, 120 * SECOND, 10);
        assert!((share - 1.0).abs() < f64::EPSILON, "{share}");
        run(&mut adaptive, "GET /", 1000, 200 * SECOND, 30);
        let (share, _) = run(&mut adaptive, "GET /", 1, 400 * SECOND, 1);
        assert!((share - 1.0).abs() < f64::EPSILON, "silence counts, too: {share}");
    }
}
