//! A token bucket: so much a second, and no more than its capacity at once.

/// A bucket, full at first.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    per_second: f64,
    capacity: f64,
    tokens: f64,
    filled_ns: u64,
}

impl Bucket {
    /// Of `per_second` tokens a second, `capacity` at most.
    pub(super) fn new(per_second: f64, capacity: f64) -> Self {
        Self { per_second, capacity, tokens: capacity, filled_ns: 0 }
    }

    /// Takes `amount`, all of it or nothing. The time must not go back; where it does, nothing is added.
    pub(super) fn take(&mut self, amount: f64, now_ns: u64) -> bool {
        let passed_ns = now_ns.saturating_sub(self.filled_ns);
        self.filled_ns = self.filled_ns.max(now_ns);
        self.tokens = (self.tokens + passed_ns as f64 * 1e-9 * self.per_second).min(self.capacity);
        let enough = self.tokens >= amount;
        if enough {
            self.tokens -= amount;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_gives_what_it_should() {
        let mut bucket = Bucket::new(10.0, 10.0);
        let mut taken = |from_ns: u64, count: u64, step_ns: u64| {
            (0..count).filter(|i| bucket.take(1.0, from_ns + i * step_ns)).count()
        };
        let start = 5_000_000_000;
        assert_eq!(taken(start, 100, 0), 10, "a full bucket");
        assert_eq!(taken(start + 500_000_000, 100, 0), 5, "half a second");
        assert_eq!(taken(start, 100, 0), 0, "time that goes back adds nothing");
        assert_eq!(taken(start + 60_000_000_000, 100, 0), 10, "no more than the capacity");
        let over_ten_seconds = taken(start + 70_000_000_000, 10_000, 1_000_000);
        assert!((109..=110).contains(&over_ten_seconds), "{over_ten_seconds}");
    }

    #[test]
    fn more_than_is_there_takes_nothing() {
        let mut bucket = Bucket::new(1.0, 8.0);
        assert!(!bucket.take(9.0, 0) && bucket.take(8.0, 0));
    }
}
