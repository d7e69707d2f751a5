//! Spans of other tracers as OTLP: what their formats say in tags is fields there.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value as Any},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status as OtlpStatus},
};

use crate::spans::{Kind, Status};

/// Sets what a tag says: the field of the span that it stands for (OpenTelemetry specification, "Transformation to non-OTLP
/// formats"), or an attribute.
pub(super) fn set_tag(span: &mut Span, key: &str, value: Any) {
    let text = if let Any::StringValue(text) = &value { Some(text.as_str()) } else { None };
    match (key, text) {
        ("span.kind", Some(name)) if Kind::from_name(name).is_some() => {
            span.kind = Kind::from_name(name).unwrap_or_default() as i32;
        }
        // Zipkin's says what went wrong, Jaeger's is true or false.
        ("error", _) => {
            let is_error = !(value == Any::BoolValue(false) || text == Some("false"));
            if is_error {
                let status = span.status.get_or_insert_default();
                status.code = Status::Error as i32;
                if let Some(text) = text.filter(|text| !text.is_empty() && *text != "true") {
                    text.clone_into(&mut status.message);
                }
            }
        }
        ("otel.status_code", Some("OK")) => span.status.get_or_insert_default().code |= Status::Ok as i32,
        ("otel.status_code", Some("ERROR")) => {
            span.status.get_or_insert_default().code = Status::Error as i32;
        }
        ("otel.status_description", Some(text)) => {
            text.clone_into(&mut span.status.get_or_insert_default().message);
        }
        ("w3c.tracestate", Some(text)) => text.clone_into(&mut span.trace_state),
        _ => span.attributes.push(key_value(key, value)),
    }
    // Failed and good at once is failed.
    if let Some(OtlpStatus { code, .. }) = &mut span.status
        && *code > Status::Error as i32
    {
        *code = Status::Error as i32;
    }
}

/// An attribute.
pub(super) fn key_value(key: &str, value: Any) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// An attribute of text.
pub(super) fn text(key: &str, value: &str) -> KeyValue {
    key_value(key, Any::StringValue(value.to_owned()))
}

/// Microseconds, the unit of Zipkin and Jaeger, in nanoseconds. What cannot be is the nearest that can.
pub(super) fn nanoseconds(micros: i64) -> u64 {
    u64::try_from(micros).unwrap_or_default().saturating_mul(1000)
}

/// The spans of one service.
pub(super) fn group(service: &str, mut attributes: Vec<KeyValue>, spans: Vec<Span>) -> ResourceSpans {
    attributes.retain(|attribute| attribute.key != "service.name");
    if !service.is_empty() {
        attributes.insert(0, text("service.name", service));
    }
    ResourceSpans {
        resource: Some(Resource { attributes, ..Resource::default() }),
        scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    }
}

/// A request of these.
pub(super) fn request(resource_spans: Vec<ResourceSpans>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest { resource_spans }
}
