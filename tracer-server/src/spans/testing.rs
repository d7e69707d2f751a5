//! Spans with attributes for tests.

use super::{Kind, Row, SpanId, Spans, Status, Text, Texts, TraceId, Value};

/// So many spans, each of a trace of its own, with what `attributes` says of each number.
pub(crate) fn spans_with(
    count: usize,
    attributes: impl Fn(usize, &mut Texts) -> Vec<(Text, Value)>,
) -> Spans {
    let mut spans = Spans::default();
    for number in 0..count {
        let resource = spans.resource("{}", |_| Vec::new());
        let attributes = attributes(number, spans.texts_mut());
        let row = Row {
            trace_id: TraceId((number as u128 + 1).to_be_bytes()),
            span_id: SpanId(number as u64 + 1),
            parent_id: SpanId::NONE,
            start_ns: number as u64,
            duration_ns: 1,
            name: spans.texts_mut().intern("n"),
            service: spans.texts_mut().intern("s"),
            resource,
            scope: Text::default(),
            status_message: Text::default(),
            trace_state: Text::default(),
            events: Text::default(),
            links: Text::default(),
            flags: 0,
            attributes_at: 0,
            attributes: 0,
            kind: Kind::Server,
            status: Status::Unset,
        };
        spans.push(row, attributes);
    }
    spans
}
