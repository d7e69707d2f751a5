//! Traces that go on on another host. A request without trace context begins a trace of its own there; the call links to it
//! where a tracer can tell its ids, from the sequence number of the request's first byte.

use std::collections::HashSet;

use super::{
    batch::{Row, Spans},
    ids::{SpanId, TraceId},
    value::Kind,
};

/// The attribute of such a link, and its value.
const EVIDENCE: (&str, &str) = ("tracer.parent.evidence", "tcp-seq");

/// A call, and the other end of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FarEnd {
    /// The call's trace.
    trace: TraceId,
    /// The call.
    call: SpanId,
    /// The trace that it began.
    pub far_trace: TraceId,
    /// The request, which is that trace's root.
    request: SpanId,
}

impl Spans {
    /// The other ends that calls in `traces` link to.
    pub fn far_ends(&self, traces: &HashSet<TraceId>) -> Vec<FarEnd> {
        let calls = self.rows.iter().filter(|row| row.kind == Kind::Client && traces.contains(&row.trace_id));
        calls.flat_map(|row| self.links_of(row)).collect()
    }

    fn links_of(&self, row: &Row) -> Vec<FarEnd> {
        let text = self.texts.get(row.links);
        if text.is_empty() {
            return Vec::new();
        }
        let links: Vec<serde_json::Value> = serde_json::from_str(text).unwrap_or_default();
        let far_end = |link: &serde_json::Value| {
            let (key, value) = EVIDENCE;
            if link["attributes"][key] != value {
                return None;
            }
            Some(FarEnd {
                trace: row.trace_id,
                call: row.span_id,
                far_trace: TraceId::parse(link["trace_id"].as_str()?)?,
                request: SpanId(u64::from_str_radix(link["span_id"].as_str()?, 16).ok()?),
            })
        };
        links.iter().filter_map(far_end).collect()
    }

    /// Puts copies of the traces that were begun into those of the calls. Returns whether there were any.
    pub fn join(&mut self, ends: &[FarEnd]) -> bool {
        let before = self.rows.len();
        for end in ends.iter().filter(|end| end.far_trace != end.trace) {
            let is_root = |row: &Row| {
                row.span_id == end.request && row.kind == Kind::Server && !row.parent_id.is_some()
            };
            let of_trace: Vec<Row> =
                self.rows.iter().filter(|row| row.trace_id == end.far_trace).copied().collect();
            if !of_trace.iter().any(is_root) {
                continue;
            }
            // Copies share the attributes of what they are copies of.
            self.rows.extend(of_trace.into_iter().map(|row| Row {
                trace_id: end.trace,
                parent_id: if is_root(&row) { end.call } else { row.parent_id },
                ..row
            }));
        }
        self.rows.len() > before
    }

    /// Leaves only these traces.
    pub fn keep(&mut self, traces: &HashSet<TraceId>) {
        self.rows.retain(|row| traces.contains(&row.trace_id));
    }
}
