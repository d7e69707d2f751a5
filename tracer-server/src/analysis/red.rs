//! Rate, errors, duration: what is counted of calls.

use serde::Serialize;

/// Counts of calls and the distribution of their durations.
#[derive(Clone, Debug, Default)]
pub struct Red {
    /// Calls.
    pub calls: u64,
    /// Those that failed.
    pub errors: u64,
    total_ns: u64,
    longest_ns: u64,
    /// Calls by size class, see [`class`]; only as long as needed.
    classes: Vec<u32>,
}

/// [`Red`] in figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Calls.
    pub calls: u64,
    /// Those that failed.
    pub errors: u64,
    /// Their share, 0 to 1.
    pub error_rate: f64,
    /// Mean duration, nanoseconds.
    pub average_ns: u64,
    /// Half of the calls took at most this, nanoseconds. Percentiles are at most 1/32 too high.
    pub p50_ns: u64,
    /// 95 % of the calls took at most this.
    pub p95_ns: u64,
    /// 99 % of the calls took at most this.
    pub p99_ns: u64,
    /// The longest one.
    pub max_ns: u64,
}

/// Classes in each doubling of the duration.
const SUBDIVISIONS: u32 = 32;

impl Red {
    /// Counts a call.
    pub fn add(&mut self, duration_ns: u64, is_error: bool) {
        self.calls += 1;
        self.errors += u64::from(is_error);
        self.total_ns = self.total_ns.saturating_add(duration_ns);
        self.longest_ns = self.longest_ns.max(duration_ns);
        let class = class(duration_ns);
        if self.classes.len() <= class {
            self.classes.resize(class + 1, 0);
        }
        self.classes[class] = self.classes[class].saturating_add(1);
    }

    /// The duration, in nanoseconds, that a share of the calls did not exceed.
    pub fn percentile(&self, share: f64) -> u64 {
        let rank = (self.calls as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (class, &count) in self.classes.iter().enumerate() {
            seen += u64::from(count);
            if seen >= rank {
                return longest_of(class).min(self.longest_ns);
            }
        }
        self.longest_ns
    }

    /// The figures.
    pub fn figures(&self) -> Figures {
        let calls = self.calls.max(1);
        Figures {
            calls: self.calls,
            errors: self.errors,
            error_rate: self.errors as f64 / calls as f64,
            average_ns: self.total_ns / calls,
            p50_ns: self.percentile(0.50),
            p95_ns: self.percentile(0.95),
            p99_ns: self.percentile(0.99),
            max_ns: self.longest_ns,
        }
    }
}

/// The class of a duration: exact below 32 ns, above it 32 classes to each doubling.
fn class(duration_ns: u64) -> usize {
    if duration_ns < u64::from(SUBDIVISIONS) {
        return duration_ns as usize;
    }
    let shift = duration_ns.ilog2() - SUBDIVISIONS.ilog2();
    ((shift + 1) * SUBDIVISIONS) as usize + (duration_ns >> shift) as usize - SUBDIVISIONS as usize
}

/// The longest duration of a class.
fn longest_of(class: usize) -> u64 {
    let class = class as u64;
    let subdivisions = u64::from(SUBDIVISIONS);
    if class < subdivisions {
        return class;
    }
    let shift = class / subdivisions - 1;
    let mantissa = class % subdivisions + subdivisions;
    // In this order the last class ends at the largest number instead of beyond it.
    (mantissa << shift) + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_at_most_a_class_too_high() {
        for duration in [0, 1, 31, 32, 33, 1000, 123_456_789, u64::MAX / 3, u64::MAX] {
            let longest = longest_of(class(duration));
            assert!(longest >= duration, "{duration}");
            assert!(longest - duration <= duration / 32, "{duration} {longest}");
        }
    }

    #[test]
    fn figures_of_a_hundred_calls() {
        let mut red = Red::default();
        for duration in 1..=100 {
            red.add(duration * 1_000_000, duration > 90);
        }
        let figures = red.figures();
        assert_eq!((figures.calls, figures.errors, figures.average_ns), (100, 10, 50_500_000));
        assert_eq!(figures.max_ns, 100_000_000);
        for (found, exact) in [(figures.p50_ns, 50e6), (figures.p95_ns, 95e6), (figures.p99_ns, 99e6)] {
            assert!((exact..=exact * 1.032).contains(&(found as f64)), "{found} {exact}");
        }
    }
}
