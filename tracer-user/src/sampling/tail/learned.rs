//! The durations of an operation's traces, and which of them are slow for it.

use std::time::Duration;

use super::super::operations::Operations;
use super::whole::Whole;
use crate::config::LearnedLatency;

/// Buckets for each doubling: a bucket's bounds are 9 % apart.
const PER_OCTAVE: u32 = 8;
/// Durations from 2^10 ns (1 microsecond) to 2^36 ns (69 seconds); those outside fall into the first or last bucket.
const FIRST_OCTAVE: u32 = 10;
const OCTAVES: u32 = 26;
const BUCKETS: usize = (PER_OCTAVE * OCTAVES) as usize;
/// When this many are counted, the counts are halved: what is normal may change.
const HALVED_AT: u32 = 20_000;
/// Traces between two looks for the quantile: it moves slowly, and looking takes longer than counting.
const LOOK_EVERY: u32 = 64;
/// An operation that was not seen for that long gives way where there is no room.
const FORGOTTEN: Duration = Duration::from_mins(10);

/// Learned durations of all operations.
#[derive(Debug)]
pub(super) struct Learned {
    config: LearnedLatency,
    operations: Operations<Durations>,
}

/// A histogram on a logarithmic scale.
#[derive(Debug)]
struct Durations {
    counts: Box<[u32; BUCKETS]>,
    total: u32,
    since_look: u32,
    /// Buckets from this one on are slow.
    slow_from: usize,
    seen_ns: u64,
}

impl Default for Durations {
    fn default() -> Self {
        let counts = Box::new([0; BUCKETS]);
        Self { counts, total: 0, since_look: 0, slow_from: BUCKETS, seen_ns: 0 }
    }
}

impl Learned {
    pub(super) fn new(config: LearnedLatency) -> Self {
        Self { config, operations: Operations::default() }
    }

    /// Whether the trace was slow for its operation so far, of which it is a part from now on.
    pub(super) fn is_slow(&mut self, trace: &Whole<'_>) -> bool {
        let oldest_ns = trace.now_ns.saturating_sub(FORGOTTEN.as_nanos() as u64);
        let durations = self.operations.of(trace.entry.served, |durations| durations.seen_ns < oldest_ns);
        durations.seen_ns = trace.now_ns;
        let bucket = bucket_of(trace.duration_ns);
        let known = durations.total >= self.config.min_traces;
        if known && (durations.since_look >= LOOK_EVERY || durations.slow_from == BUCKETS) {
            durations.look(self.config.quantile);
        }
        let slow = known && bucket >= durations.slow_from;
        durations.add(bucket);
        slow
    }
}

impl Durations {
    fn add(&mut self, bucket: usize) {
        if self.total >= HALVED_AT {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().sum();
        }
        self.counts[bucket] += 1;
        self.total += 1;
        self.since_look += 1;
    }

    /// Finds the first bucket above the one that the quantile lies in.
    fn look(&mut self, quantile: f64) {
        self.since_look = 0;
        let below = (f64::from(self.total) * quantile).ceil() as u32;
        let mut sum = 0;
        let holds_it = self.counts.iter().position(|count| {
            sum += count;
            sum >= below
        });
        self.slow_from = holds_it.map_or(BUCKETS, |bucket| bucket + 1);
    }
}

fn bucket_of(ns: u64) -> usize {
    let ns = ns.max(1 << FIRST_OCTAVE);
    let octave = ns.ilog2();
    // Within an octave by the three bits behind the leading one: linear there, which is near enough.
    let within = (ns >> (octave - PER_OCTAVE.ilog2())) as u32 % PER_OCTAVE;
    (((octave - FIRST_OCTAVE) * PER_OCTAVE + within) as usize).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

    use super::*;
    use crate::{
        export::testing::{service, span},
        spans::span::SpanKind,
    };

    fn is_slow(learned: &mut Learned, name: &str, ns: u64) -> bool {
        let mut span = span(1, &service("shop"), SpanKind::Server, name);
        span.end_ns = span.start_ns + ns;
        let trace = [span];
        learned.is_slow(&Whole::new(&trace, 0, 0).expect("a span"))
    }

    #[test]
    fn buckets_cover_every_duration_in_order() {
        assert_eq!((bucket_of(0), bucket_of(1 << 10), bucket_of(u64::MAX)), (0, 0, BUCKETS - 1));
        let mut last = 0;
        for ns in (0..1_000_000).map(|step| 1000 + step * 50_000) {
            let bucket = bucket_of(ns);
            assert!(bucket >= last && bucket <= last.max(1) + 60, "{ns}");
            last = bucket;
        }
    }

    /// Of durations that are spread evenly, about the slowest hundredth is kept; the error is that of a bucket's width.
    #[test]
    fn about_the_slowest_hundredth_is_slow() {
        let mut learned = Learned::new(LearnedLatency::default());
        let mut random = SmallRng::seed_from_u64(3);
        let mut slow = 0;
        for number in 0..50_000 {
            // Log-uniform between 1 ms and 1 s.
            let ns = (1e6 * 1000f64.powf(random.random_range(0.0..1.0))) as u64;
            if is_slow(&mut learned, "GET /", ns) && number >= 10_000 {
                slow += 1;
                assert!(ns > 800_000_000, "{ns}");
            }
        }
        assert!((100..=1200).contains(&slow), "{slow} of 40000");
    }

    #[test]
    fn what_is_slow_depends_on_the_operation_and_is_learned_first() {
        let mut learned = Learned::new(LearnedLatency { quantile: 0.9, min_traces: 50 });
        for _ in 0..49 {
            assert!(!is_slow(&mut learned, "GET /fast", 1_000_000));
            assert!(!is_slow(&mut learned, "GET /slow", 500_000_000));
        }
        assert!(!is_slow(&mut learned, "GET /fast", 900_000_000), "too few were seen");
        assert!(is_slow(&mut learned, "GET /fast", 5_000_000));
        assert!(!is_slow(&mut learned, "GET /slow", 500_000_000));
        assert!(is_slow(&mut learned, "GET /slow", 5_000_000_000));
    }

    #[test]
    fn what_is_normal_may_change() {
        let mut learned = Learned::new(LearnedLatency::default());
        for _ in 0..HALVED_AT {
            is_slow(&mut learned, "GET /", 1_000_000);
        }
        assert!(is_slow(&mut learned, "GET /", 100_000_000));
        for _ in 0..3 * HALVED_AT {
            is_slow(&mut learned, "GET /", 100_000_000);
        }
        assert!(!is_slow(&mut learned, "GET /", 100_000_000));
    }
}
