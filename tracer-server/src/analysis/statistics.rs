//! Where a trace spent its time, by service and operation.

use std::collections::BTreeMap;

use serde::Serialize;

use super::trace::Trace;

/// What one operation did in a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Statistics {
    /// Whose.
    pub service: String,
    /// What.
    pub name: String,
    /// Spans.
    pub spans: usize,
    /// Failed ones.
    pub errors: usize,
    /// Their durations together, nanoseconds.
    pub total_ns: u64,
    /// Of that, the time in which none of their children ran.
    pub self_ns: u64,
}

/// Statistics of every operation in a trace, the one with the most time of its own first.
pub fn statistics(trace: &Trace<'_>) -> Vec<Statistics> {
    let mut operations: BTreeMap<(&str, &str), Statistics> = BTreeMap::new();
    for (index, span) in trace.spans.iter().enumerate() {
        let entry = operations.entry((span.service(), span.name())).or_insert_with(|| Statistics {
            service: span.service().to_owned(),
            name: span.name().to_owned(),
            spans: 0,
            errors: 0,
            total_ns: 0,
            self_ns: 0,
        });
        entry.spans += 1;
        entry.errors += usize::from(span.is_error());
        entry.total_ns = entry.total_ns.saturating_add(span.row().duration_ns);
        entry.self_ns = entry.self_ns.saturating_add(self_time(trace, index));
    }
    let mut list: Vec<Statistics> = operations.into_values().collect();
    list.sort_by_key(|statistics| std::cmp::Reverse(statistics.self_ns));
    list
}

/// Nanoseconds of a span in which none of its children ran.
fn self_time(trace: &Trace<'_>, index: usize) -> u64 {
    let span = trace.spans[index];
    let mut covered = 0;
    let mut at = span.row().start_ns;
    // In order of their start.
    for &child in &trace.children[index] {
        let child = trace.spans[child];
        let start = child.row().start_ns.max(at);
        let end = child.end_ns().min(span.end_ns());
        if end > start {
            covered += end - start;
            at = end;
        }
    }
    span.row().duration_ns - covered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{trace::testing, traces};

    #[test]
    fn time_with_children_is_not_counted_twice() {
        let spans = testing::spans(&[
            (1, 0, "a", 100, 100),
            (2, 1, "b", 110, 30),
            (3, 1, "b", 120, 30),
            (4, 1, "b", 190, 500),
        ]);
        let trace = &traces(&spans)[0];
        let of: Vec<(String, u64, u64)> = statistics(trace)
            .into_iter()
            .map(|statistics| (statistics.name, statistics.total_ns, statistics.self_ns))
            .collect();
        let expected = [("4", 500, 500), ("1", 100, 50), ("2", 30, 30), ("3", 30, 30)];
        assert_eq!(of, expected.map(|(name, total, own)| (name.to_owned(), total, own)));
    }
}
