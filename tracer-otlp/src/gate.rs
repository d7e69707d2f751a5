//! One pause for all batches: a backend that asks to be left alone asks it of the exporter, not of one request.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Closed until a moment that the backend chose.
pub(crate) struct Gate {
    opens_at: Mutex<Option<Instant>>,
    longest: Duration,
}

impl Gate {
    /// No pause will be longer than `longest`, whatever a backend (or its clock) says.
    pub(crate) fn new(longest: Duration) -> Gate {
        Gate { opens_at: Mutex::new(None), longest }
    }

    /// Closes the gate for `pause` from `now`, unless it is closed for longer already.
    pub(crate) fn close(&self, now: Instant, pause: Duration) {
        let until = now + pause.min(self.longest);
        let mut opens_at = self.opens_at.lock().unwrap_or_else(PoisonError::into_inner);
        *opens_at = Some(opens_at.map_or(until, |already| already.max(until)));
    }

    /// The moment when the gate opens, if that is after `now`.
    pub(crate) fn closed_until(&self, now: Instant) -> Option<Instant> {
        self.opens_at.lock().unwrap_or_else(PoisonError::into_inner).filter(|&opens_at| opens_at > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_pause_wins_and_all_are_bounded() {
        let now = Instant::now();
        let gate = Gate::new(Duration::from_secs(10));
        assert_eq!(gate.closed_until(now), None);
        gate.close(now, Duration::from_secs(5));
        gate.close(now, Duration::from_secs(2));
        assert_eq!(gate.closed_until(now), Some(now + Duration::from_secs(5)));
        gate.close(now, Duration::MAX);
        assert_eq!(gate.closed_until(now), Some(now + Duration::from_secs(10)));
        assert_eq!(gate.closed_until(now + Duration::from_secs(10)), None);
    }
}
