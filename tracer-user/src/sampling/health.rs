//! Whether an operation is worse than it usually is: fails more often, or takes longer than its 99th percentile more often than one time in a hundred.
//!
//! What is learned of a trace counts from the next one on, so that a decision never depends on the very trace that it is about: counts that are
//! adjusted by the probability stay right.

use crate::spans::span::{Span, Status};

/// How much of what was known before a window of a second counts: recently is some ten seconds, usually some hundred.
const RECENT: f64 = 0.9;
const USUAL: f64 = 0.99;
/// How far the 99th percentile moves in a second in which everything was slower, in the natural logarithm; as much in 99 in which nothing was.
const STEP: f64 = 0.02;
/// The share that is slower than the 99th percentile.
const SLOW: f64 = 0.01;
/// Excess that chance alone may make.
const NOISE: f64 = 0.02;
/// The excess from which on everything is done that can be, and what is done then.
const FULL: f64 = 0.2;
const MOST: f64 = 10.0;

/// The health of an operation.
#[derive(Debug, Default)]
pub(super) struct Health {
    window: Window,
    /// Known from the end of the first window on.
    known: Option<Known>,
}

/// What was seen in one window.
#[derive(Debug, Default)]
struct Window {
    traces: f64,
    failed: f64,
    slow: f64,
    /// The longest, natural logarithm of nanoseconds.
    longest: f64,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    recently_failed: f64,
    usually_failed: f64,
    recently_slow: f64,
    /// The 99th percentile, natural logarithm of nanoseconds.
    p99: f64,
}

impl Health {
    /// How many times as many traces as usual are wanted, 1 to 10.
    pub(super) fn factor(&self) -> f64 {
        self.known.map_or(1.0, |known| {
            let failing = (known.recently_failed - known.usually_failed).max(0.0);
            let slow = (known.recently_slow - SLOW).max(0.0);
            let excess = (failing + slow - NOISE).clamp(0.0, FULL);
            1.0 + (MOST - 1.0) * excess / FULL
        })
    }

    /// Learns of a trace by the span that was served.
    pub(super) fn take(&mut self, served: &Span) {
        let length = (served.duration_ns().max(1) as f64).ln();
        let Self { window, known } = self;
        window.traces += 1.0;
        window.failed += f64::from(u8::from(served.status == Status::Error));
        window.slow += f64::from(u8::from(known.is_some_and(|known| length > known.p99)));
        window.longest = window.longest.max(length);
    }

    /// A window is over.
    pub(super) fn next_window(&mut self) {
        let window = std::mem::take(&mut self.window);
        if window.traces == 0.0 {
            return;
        }
        let (failed, slow) = (window.failed / window.traces, window.slow / window.traces);
        let blend = |memory: f64, before: f64, now: f64| before * memory + now * (1.0 - memory);
        self.known = Some(match self.known {
            None => Known {
                recently_failed: failed,
                usually_failed: failed,
                recently_slow: SLOW,
                p99: window.longest,
            },
            Some(known) => Known {
                recently_failed: blend(RECENT, known.recently_failed, failed),
                usually_failed: blend(USUAL, known.usually_failed, failed),
                recently_slow: blend(RECENT, known.recently_slow, slow),
                p99: known.p99 + STEP * (slow - SLOW) / (1.0 - SLOW),
            },
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        export::testing::{service, span},
        spans::span::SpanKind,
    };

    /// So many seconds of a hundred traces, of which every so many-th fails, or takes so many times as long.
    fn run(health: &mut Health, seconds: u32, failed: Option<u32>, times: u64) {
        let resource = service("shop");
        for _ in 0..seconds {
            for at in 0..100 {
                let mut served = span(1, &resource, SpanKind::Server, "GET /");
                // From 10 to 20 ms.
                served.end_ns = served.start_ns + times * (10_000_000 + u64::from(at) * 100_000);
                if failed.is_some_and(|every| at % every == 0) {
                    served.status = Status::Error;
                }
                health.take(&served);
            }
            health.next_window();
        }
    }

    #[test]
    fn what_is_as_usual_is_no_reason() {
        let mut health = Health::default();
        assert!((health.factor() - 1.0).abs() < f64::EPSILON);
        run(&mut health, 120, Some(20), 1);
        assert!(health.factor() < 1.1, "{}: one in twenty fails, as always", health.factor());
    }

    #[test]
    fn failures_and_slowness_are() {
        let mut failing = Health::default();
        run(&mut failing, 120, None, 1);
        run(&mut failing, 10, Some(2), 1);
        assert!(failing.factor() > 9.0, "{}", failing.factor());
        let mut slow = Health::default();
        run(&mut slow, 120, None, 1);
        run(&mut slow, 10, None, 3);
        assert!(slow.factor() > 9.0, "{}", slow.factor());
        // It becomes what is usual.
        run(&mut slow, 200, None, 3);
        assert!(slow.factor() < 1.1, "{}", slow.factor());
    }

    #[test]
    fn getting_better_is_none() {
        let mut health = Health::default();
        run(&mut health, 60, Some(2), 3);
        run(&mut health, 10, None, 1);
        assert!((health.factor() - 1.0).abs() < f64::EPSILON, "{}", health.factor());
    }
}
