//! Durations in buckets, with an example for each.

use crate::spans::span::{Span, SpanId, TraceId};

/// For how long an exemplar is kept before a newer one takes its place, nanoseconds.
const EXEMPLAR_AGE_NS: u64 = 10_000_000_000;

/// A histogram of durations.
#[derive(Clone, Debug)]
pub struct Histogram {
    /// Upper bounds, seconds, rising.
    bounds: &'static [f64],
    /// One for each bound, and one for what is above.
    counts: Box<[u64]>,
    sum_ns: u128,
    exemplars: Box<[Option<Exemplar>]>,
}

/// A span that fell into a bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// Its trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// Its duration, seconds.
    pub value: f64,
    /// When it ended, nanoseconds since the Unix epoch.
    pub time_ns: u64,
}

impl Histogram {
    /// With these upper bounds in seconds, rising.
    pub fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1].into(), sum_ns: 0, exemplars: Box::default() }
    }

    /// Counts a duration in nanoseconds.
    pub fn observe(&mut self, ns: u64) {
        self.counts[self.bucket(ns)] += 1;
        self.sum_ns += u128::from(ns);
    }

    /// Counts the duration of a span, and lets it be an example if it is `kept`.
    pub(super) fn take(&mut self, span: &Span, kept: bool) {
        self.observe(span.duration_ns());
        if kept {
            self.kept(span);
        }
    }

    /// Lets a span that was kept be an example.
    pub(super) fn kept(&mut self, span: &Span) {
        self.remember(span.duration_ns(), span.end_ns, span.trace_id, span.span_id);
    }

    /// Makes a span of this duration that ended at `time_ns` the example of its bucket, if that has no recent one.
    pub fn remember(&mut self, ns: u64, time_ns: u64, trace_id: TraceId, span_id: SpanId) {
        let bucket = self.bucket(ns);
        if self.exemplars.is_empty() {
            self.exemplars = vec![None; self.counts.len()].into();
        }
        let place = &mut self.exemplars[bucket];
        if place.as_ref().is_none_or(|old| old.time_ns + EXEMPLAR_AGE_NS <= time_ns) {
            *place = Some(Exemplar { trace_id, span_id, value: ns as f64 / 1e9, time_ns });
        }
    }

    /// Upper bounds in seconds, how many are not above, and the example of each bucket.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64, Option<&Exemplar>)> {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        let mut sum = 0;
        bounds.zip(&self.counts).enumerate().map(move |(at, (bound, count))| {
            sum += count;
            (bound, sum, self.exemplars.get(at).and_then(Option::as_ref))
        })
    }

    /// Upper bounds in seconds.
    pub(super) fn bounds(&self) -> &[f64] {
        self.bounds
    }

    /// How many fell into each bucket, that above the last bound included.
    pub(super) fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Seconds in all.
    pub fn sum(&self) -> f64 {
        self.sum_ns as f64 / 1e9
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The bucket of a duration: the first whose bound is not below it.
    fn bucket(&self, ns: u64) -> usize {
        let seconds = ns as f64 / 1e9;
        self.bounds.partition_point(|&bound| bound < seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let mut histogram = Histogram::new(&[0.005, 0.01]);
        for ns in [0, 5_000_000, 5_000_001, 10_000_000, 10_000_001, u64::MAX] {
            histogram.observe(ns);
        }
        let counts: Vec<_> = histogram.cumulative().map(|(_, count, _)| count).collect();
        assert_eq!(counts, [2, 4, 6]);
        assert_eq!(histogram.count(), 6);
    }

    #[test]
    fn an_example_stays_for_a_while() {
        let mut histogram = Histogram::new(&[1.0]);
        let second = 1_000_000_000;
        for (at, id) in [(100, 1), (105, 2), (110, 3)] {
            histogram.remember(second / 2, at * second, [id; 16], [id; 8]);
            histogram.remember(2 * second, at * second, [id + 10; 16], [id; 8]);
        }
        let examples: Vec<_> = histogram
            .cumulative()
            .filter_map(|(_, _, exemplar)| exemplar.map(|found| found.trace_id[0]))
            .collect();
        assert_eq!(examples, [3, 13]);
    }
}
