//! Spans out of an OTLP request (opentelemetry/proto/trace/v1/trace.proto).

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value as Any},
    trace::v1::{Span, span},
};
use serde_json::{Map, Value as Json, json};

use super::{
    batch::{Row, Spans},
    ids::{SpanId, TraceId},
    json::{from_any, from_attributes, values_of_object},
    texts::{Text, Texts},
    value::{Kind, Status, Value},
};

/// The service of spans whose resource names none (semantic conventions, `service.name`).
pub(crate) const UNKNOWN_SERVICE: &str = "unknown_service";

/// Spans of a request that were not taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Those without a valid trace or span id.
    pub invalid_ids: u64,
}

/// Adds the spans of a request.
pub fn append(spans: &mut Spans, request: &ExportTraceServiceRequest) -> Refused {
    let mut refused = Refused::default();
    for of_resource in &request.resource_spans {
        let attributes: &[KeyValue] =
            of_resource.resource.as_ref().map_or(&[], |resource| &resource.attributes);
        let json = Json::Object(from_attributes(attributes)).to_string();
        let resource = spans.resource(&json, |texts| values_of_object(&json, texts));
        let service = service_of(attributes);
        let service = spans.texts.intern(service);
        for of_scope in &of_resource.scope_spans {
            let scope = of_scope.scope.as_ref().map(scope_json).unwrap_or_default();
            let scope = spans.texts.intern(&scope);
            for span in &of_scope.spans {
                if !push(spans, span, resource, service, scope) {
                    refused.invalid_ids += 1;
                }
            }
        }
    }
    refused
}

fn service_of(attributes: &[KeyValue]) -> &str {
    let value = attributes.iter().find(|attribute| attribute.key == "service.name");
    match value.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Any::StringValue(name)) if !name.is_empty() => name,
        _ => UNKNOWN_SERVICE,
    }
}

fn push(spans: &mut Spans, span: &Span, resource: u32, service: Text, scope: Text) -> bool {
    let (Some(trace_id), Some(span_id)) =
        (TraceId::from_bytes(&span.trace_id), SpanId::from_bytes(&span.span_id))
    else {
        return false;
    };
    let texts = &mut spans.texts;
    let status = span.status.as_ref();
    let row = Row {
        trace_id,
        span_id,
        parent_id: SpanId::from_bytes(&span.parent_span_id).unwrap_or_default(),
        start_ns: span.start_time_unix_nano,
        // A clock that was set back, or no end at all.
        duration_ns: span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano),
        name: texts.intern(&span.name),
        service,
        resource,
        scope,
        status_message: status.map_or_else(Text::default, |status| texts.intern(&status.message)),
        trace_state: texts.intern(&span.trace_state),
        events: list(texts, &span.events, event_json),
        links: list(texts, &span.links, link_json),
        flags: span.flags,
        attributes_at: 0,
        attributes: 0,
        kind: Kind::from_number(span.kind),
        status: status.map_or(Status::Unset, |status| Status::from_number(status.code)),
    };
    let attributes_at = spans.attributes.len();
    for attribute in &span.attributes {
        let Some(value) = attribute.value.as_ref().and_then(|value| value_of(value, &mut spans.texts)) else {
            continue;
        };
        let key = spans.texts.intern(&attribute.key);
        spans.attributes.push((key, value));
    }
    let count = spans.attributes.len() - attributes_at;
    spans.rows.push(Row { attributes_at: attributes_at as u32, attributes: count as u32, ..row });
    true
}

/// An attribute's value; none for one that says nothing.
fn value_of(value: &AnyValue, texts: &mut Texts) -> Option<Value> {
    Some(match value.value.as_ref()? {
        Any::StringValue(text) => Value::Text(texts.intern(text)),
        Any::BoolValue(truth) => Value::Bool(*truth),
        Any::IntValue(number) => Value::Int(*number),
        Any::DoubleValue(number) => Value::Double(*number),
        Any::ArrayValue(_) | Any::KvlistValue(_) | Any::BytesValue(_) => {
            Value::Json(texts.intern(&from_any(value).to_string()))
        }
        Any::StringValueStrindex(_) => return None,
    })
}

fn scope_json(scope: &InstrumentationScope) -> String {
    let mut map = Map::new();
    if !scope.name.is_empty() {
        map.insert("name".to_owned(), Json::from(scope.name.as_str()));
    }
    if !scope.version.is_empty() {
        map.insert("version".to_owned(), Json::from(scope.version.as_str()));
    }
    if !scope.attributes.is_empty() {
        map.insert("attributes".to_owned(), Json::Object(from_attributes(&scope.attributes)));
    }
    if map.is_empty() { String::new() } else { Json::Object(map).to_string() }
}

fn list<T>(texts: &mut Texts, items: &[T], json: impl Fn(&T) -> Json) -> Text {
    if items.is_empty() {
        return Text::default();
    }
    let list: Json = items.iter().map(json).collect();
    texts.intern(&list.to_string())
}

fn event_json(event: &span::Event) -> Json {
    json!({
        "time_ns": event.time_unix_nano,
        "name": event.name,
        "attributes": from_attributes(&event.attributes),
    })
}

fn link_json(link: &span::Link) -> Json {
    json!({
        "trace_id": TraceId::from_bytes(&link.trace_id).map(|id| id.to_string()),
        "span_id": SpanId::from_bytes(&link.span_id).map(|id| id.to_string()),
        "trace_state": link.trace_state,
        "flags": link.flags,
        "attributes": from_attributes(&link.attributes),
    })
}
