//! The probability that gives each operation its target of traces a second.
//!
//! Every trace is seen before it is sampled, so the rate of an operation is measured, not inferred from what was kept. An
//! operation that is new or rare is below its target and kept whole. One that fails or is slow more often than it used to gets up to ten times its
//! target. The threshold moves, no coin is thrown: hosts with like traffic keep the same traces, and adjusted counts stay right.

use std::sync::Arc;

use super::{health::Health, operations::Operations, remote::Share, threshold::Threshold};
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
    health: Health,
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
        let probability = self.target * rate.health.factor() / rate.count(now_ns);
        rate.health.take(served);
        Threshold::from_probability(probability).unwrap_or(Threshold::ALWAYS)
    }

    /// What is kept of an operation at `now_ns`; all of one that is not known.
    pub(super) fn share(&self, service: &Arc<str>, name: &Arc<str>, now_ns: u64) -> Share {
        let Some(known) = self.rates.get(service, name) else { return Share { probability: 1.0, rate: 0.0 } };
        let (rate, target) = (known.at(now_ns), self.target * known.health.factor());
        Share { probability: if rate > target { target / rate } else { 1.0 }, rate }
    }
}

impl Rate {
    /// Counts one, and says how many a second there are: a burst counts at once.
    fn count(&mut self, now_ns: u64) -> f64 {
        if let Some((window, smooth)) = self.next(now_ns) {
            (self.window, self.in_window, self.smooth) = (window, 0.0, smooth);
            self.health.next_window();
        }
        self.in_window += 1.0;
        self.in_window.max(self.smooth.unwrap_or(0.0))
    }

    /// How many a second there are at `now_ns`, as [`Self::count`] would say.
    fn at(&self, now_ns: u64) -> f64 {
        let (in_window, smooth) =
            self.next(now_ns).map_or((self.in_window, self.smooth), |(_, smooth)| (0.0, smooth));
        in_window.max(smooth.unwrap_or(0.0))
    }

    /// The window of `now_ns`, if that is a later one, and the traces a second before it.
    fn next(&self, now_ns: u64) -> Option<(u64, Option<f64>)> {
        let window = now_ns / WINDOW_NS;
        if window <= self.window {
            return None;
        }
        let passed = (window - self.window).min(1000) as i32;
        let smooth = (self.in_window > 0.0 || self.smooth.is_some()).then(|| {
            let before = self.smooth.unwrap_or(self.in_window);
            let last = before * MEMORY + self.in_window * (1.0 - MEMORY);
            // Windows in which nothing came.
            last * MEMORY.powi(passed - 1)
        });
        Some((window, smooth))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        export::testing::{service, span},
        spans::span::{SpanKind, Status},
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
    fn an_operation_that_begins_to_fail_is_kept_more_of() {
        let mut adaptive = Adaptive::new(5.0);
        run(&mut adaptive, "GET /", 1000, 0, 30);
        let mut served = span(1, &service("shop"), SpanKind::Server, "GET /");
        served.status = Status::Error;
        let mut kept = 0.0;
        for at in 0..10_000 {
            kept += adaptive.threshold(&served, 30 * SECOND + at * SECOND / 1000).probability();
        }
        // Ten times the target once it is known.
        assert!((350.0..500.0).contains(&kept), "{kept} in ten seconds");
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
