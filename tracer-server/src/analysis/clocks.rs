//! Clocks of different hosts: spans of a host whose clock is visibly off are moved to where they can have been.
//!
//! What is called cannot begin before its call, and the server's side of a call that was waited for lies within the client's.
//! Where spans of different hosts contradict that, the called one is moved, and with it everything of its host below it.
//! Where they do not, nothing says that a clock is off, and nothing is moved.

use hashbrown::HashMap;

use super::trace::{Trace, traces};
use crate::spans::{Kind, SpanId, SpanRef, Spans, Text, TraceId};

/// How far spans were moved, nanoseconds.
#[derive(Debug, Default)]
pub struct ClockShifts(HashMap<(TraceId, SpanId, Kind, Text), i64>);

impl ClockShifts {
    /// How far a span was moved, nanoseconds; positive for later.
    pub fn of(&self, span: SpanRef<'_>) -> i64 {
        self.0.get(&key(span)).copied().unwrap_or(0)
    }
}

/// What [`Spans::dedup`] tells spans apart by.
fn key(span: SpanRef<'_>) -> (TraceId, SpanId, Kind, Text) {
    let row = span.row();
    (row.trace_id, row.span_id, row.kind, row.service)
}

/// Moves the spans of hosts whose clocks are visibly off.
pub fn adjust_clocks(spans: &mut Spans) -> ClockShifts {
    let mut shifts = ClockShifts::default();
    for trace in traces(spans) {
        shifts_of(&trace, &mut shifts);
    }
    if !shifts.0.is_empty() {
        spans.shift_starts(|span| shifts.of(span));
    }
    shifts
}

fn shifts_of(trace: &Trace<'_>, shifts: &mut ClockShifts) {
    // A span and how far it is moved; parents come before their children.
    let mut waiting: Vec<(usize, i64)> = trace.roots.iter().map(|&root| (root, 0)).collect();
    while let Some((index, shift)) = waiting.pop() {
        let span = trace.spans[index];
        if shift != 0 {
            shifts.0.insert(key(span), shift);
        }
        for &child in &trace.children[index] {
            let child_span = trace.spans[child];
            let of_child =
                if on_one_host(span, child_span) { shift } else { between(span, shift, child_span) };
            waiting.push((child, of_child));
        }
    }
}

/// How far the called span of another host is moved, given how far its caller is. Its own clock may be right: then not at all.
fn between(caller: SpanRef<'_>, shift: i64, called: SpanRef<'_>) -> i64 {
    let start = i128::from(caller.row().start_ns) + i128::from(shift);
    let end = start + i128::from(caller.row().duration_ns);
    let called_start = i128::from(called.row().start_ns);
    let called_end = called_start + i128::from(called.row().duration_ns);
    let waited = caller.row().kind == Kind::Client && called.row().kind == Kind::Server;
    let spare = (end - start) - (called_end - called_start);
    let moved = if waited && spare >= 0 && (called_start < start || called_end > end) {
        // The way there is taken to be as long as the way back.
        start + spare / 2 - called_start
    } else if called_start < start {
        start - called_start
    } else {
        0
    };
    i64::try_from(moved).unwrap_or(0)
}

/// Whether two spans' times are of one clock. Hosts have names in the semantic conventions; without them two services are taken
/// to be on two hosts.
fn on_one_host(a: SpanRef<'_>, b: SpanRef<'_>) -> bool {
    for name in ["host.id", "host.name", "k8s.node.name"] {
        if let (Some(a), Some(b)) = (a.resource_attribute(name), b.resource_attribute(name)) {
            return a == b;
        }
    }
    a.row().service == b.row().service
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing;

    /// Starts after adjustment by span id, for client spans with odd ids and server spans with even ones.
    fn starts(of: &[(u64, u64, &str, u64, u64)]) -> Vec<(u64, u64, i64)> {
        let mut spans =
            testing::spans_of_kinds(of, |id| if id % 2 == 1 { Kind::Client } else { Kind::Server });
        let shifts = adjust_clocks(&mut spans);
        spans.iter().map(|span| (span.row().span_id.0, span.row().start_ns, shifts.of(span))).collect()
    }

    #[test]
    fn a_called_host_that_is_behind_is_moved_into_the_call_with_all_below() {
        let of = [(1, 0, "a", 1000, 100), (2, 1, "b", 500, 60), (3, 2, "b", 510, 40), (4, 3, "c", 1030, 20)];
        // 2 to the middle of 1, 3 with it, and 4, whose host is right, not at all: 3 is at 1030 to 1070.
        assert_eq!(starts(&of), [(1, 1000, 0), (2, 1020, 520), (3, 1030, 520), (4, 1030, 0)]);
    }

    #[test]
    fn what_is_possible_is_left_alone() {
        let inside = [(1, 0, "a", 1000, 100), (2, 1, "b", 1001, 60)];
        assert_eq!(starts(&inside), [(1, 1000, 0), (2, 1001, 0)]);
        // The client gave up; the server went on.
        let longer = [(1, 0, "a", 1000, 100), (2, 1, "b", 1050, 600)];
        assert_eq!(starts(&longer), [(1, 1000, 0), (2, 1050, 0)]);
        // One service, one clock.
        let same = [(1, 0, "a", 1000, 100), (2, 1, "a", 900, 60)];
        assert_eq!(starts(&same), [(1, 1000, 0), (2, 900, 0)]);
    }

    #[test]
    fn what_nobody_waited_for_may_end_late_but_not_begin_early() {
        let late = [(2, 0, "a", 1000, 100), (4, 2, "b", 1090, 60)];
        assert_eq!(starts(&late), [(2, 1000, 0), (4, 1090, 0)]);
        let early = [(2, 0, "a", 1000, 100), (4, 2, "b", 990, 60)];
        assert_eq!(starts(&early), [(2, 1000, 0), (4, 1000, 10)]);
        let ahead = [(1, 0, "a", 1000, 100), (2, 1, "b", 2000, 60)];
        assert_eq!(starts(&ahead), [(1, 1000, 0), (2, 1020, -980)]);
    }
}
