//! Jaeger's spans as OTLP (OpenTelemetry specification, "OpenTelemetry to Jaeger Transformation", backwards).

use opentelemetry_proto::tonic::{
    common::v1::any_value::Value as Any,
    trace::v1::{ResourceSpans, Span as OtlpSpan, span},
};

use super::{
    super::foreign,
    model::{Batch, Log, Reference, Span},
};

/// The attribute of a link that says what kind of reference it was.
const REFERENCE_TYPE: &str = "opentracing.ref_type";

impl Batch {
    /// The spans as OTLP.
    pub(super) fn into_otlp(self) -> ResourceSpans {
        let attributes = self.tags.into_iter().map(|(key, value)| foreign::key_value(&key, value)).collect();
        foreign::group(&self.service, attributes, self.spans.into_iter().map(Span::into_otlp).collect())
    }
}

impl Span {
    fn into_otlp(self) -> OtlpSpan {
        let mut parent = (self.parent_id != [0; 8]).then_some(self.parent_id);
        let mut links = Vec::new();
        for reference in self.references {
            let is_parent = !reference.follows && reference.trace_id == self.trace_id;
            if is_parent && parent.is_none_or(|parent| parent == reference.span_id) {
                parent = Some(reference.span_id);
            } else {
                links.push(reference.into_link());
            }
        }
        let mut span = OtlpSpan {
            trace_id: self.trace_id.to_vec(),
            span_id: self.id.to_vec(),
            parent_span_id: parent.map(|id| id.to_vec()).unwrap_or_default(),
            name: self.name,
            // The sampled bit is the same; the others mean other things in W3C's flags.
            flags: self.flags & 1,
            start_time_unix_nano: self.start_ns,
            end_time_unix_nano: self.start_ns.saturating_add(self.duration_ns),
            events: self.logs.into_iter().map(Log::into_event).collect(),
            links,
            ..OtlpSpan::default()
        };
        for (key, value) in self.tags {
            foreign::set_tag(&mut span, &key, value);
        }
        span
    }
}

impl Reference {
    fn into_link(self) -> span::Link {
        let of = if self.follows { "follows_from" } else { "child_of" };
        span::Link {
            trace_id: self.trace_id.to_vec(),
            span_id: self.span_id.to_vec(),
            attributes: vec![foreign::text(REFERENCE_TYPE, of)],
            ..span::Link::default()
        }
    }
}

impl Log {
    fn into_event(mut self) -> span::Event {
        // OpenTelemetry's exporters call the name of an event `event` or `message`.
        let place = ["event", "message"].iter().find_map(|name| {
            self.fields.iter().position(|(key, value)| key == name && matches!(value, Any::StringValue(_)))
        });
        let name = match place.map(|place| self.fields.remove(place).1) {
            Some(Any::StringValue(name)) => name,
            _ => "log".to_owned(),
        };
        let attributes =
            self.fields.into_iter().map(|(key, value)| foreign::key_value(&key, value)).collect();
        span::Event { time_unix_nano: self.time_ns, name, attributes, ..span::Event::default() }
    }
}
