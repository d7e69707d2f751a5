//! When to try a batch again: exponential backoff with jitter, bounded in length and in sum.

use crate::settings::RetryBounds;
use std::time::{Duration, Instant};

/// The retries of one batch.
pub(crate) struct Backoff {
    bounds: RetryBounds,
    started: Instant,
    next: Duration,
}

impl Backoff {
    /// Starts the clock of a batch whose first attempt is made at `now`.
    pub(crate) fn new(bounds: RetryBounds, now: Instant) -> Backoff {
        Backoff { bounds, started: now, next: bounds.first.min(bounds.longest) }
    }

    /// How long to wait after a failure at `now`; `None` when the batch's time is over. `asked` is the delay that the
    /// backend asked for: waiting less would be rude, and more needs no jitter.
    pub(crate) fn delay(&mut self, now: Instant, asked: Option<Duration>) -> Option<Duration> {
        // "Equal jitter": at least half the delay, so that a refused batch is never sent again at once.
        let own = self.next.mul_f64(0.5 + 0.5 * fastrand::f64());
        self.next = self.next.mul_f64(1.5).min(self.bounds.longest);
        let delay = asked.map_or(own, |asked| asked.max(own));
        let left = self.bounds.total.saturating_sub(now.saturating_duration_since(self.started));
        (delay <= left).then_some(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds() -> RetryBounds {
        RetryBounds {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(4),
            total: Duration::from_mins(1),
        }
    }

    #[test]
    fn delays_grow_to_the_longest() {
        let now = Instant::now();
        let mut backoff = Backoff::new(bounds(), now);
        for full in [1.0, 1.5, 2.25, 3.375, 4.0, 4.0] {
            let delay = backoff.delay(now, None).unwrap().as_secs_f64();
            assert!((full / 2.0..=full).contains(&delay), "{delay} is not within half of {full}");
        }
    }

    #[test]
    fn the_backends_wish_is_honoured_within_the_total() {
        let now = Instant::now();
        let mut backoff = Backoff::new(bounds(), now);
        assert_eq!(backoff.delay(now, Some(Duration::from_secs(50))), Some(Duration::from_secs(50)));
        assert_eq!(backoff.delay(now, Some(Duration::from_secs(61))), None);
        // A wish shorter than our own delay does not make us faster.
        assert!(backoff.delay(now, Some(Duration::ZERO)).unwrap() > Duration::from_secs(1));
    }

    #[test]
    fn time_runs_out() {
        let now = Instant::now();
        let mut backoff = Backoff::new(bounds(), now);
        assert_eq!(backoff.delay(now + Duration::from_mins(1), None), None);
        assert_eq!(backoff.delay(now + Duration::from_mins(10), None), None);
    }
}
