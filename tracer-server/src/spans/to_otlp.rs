//! Spans as OTLP again, for the answers that are OTLP JSON.

use hashbrown::HashMap;
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, InstrumentationScope, any_value::Value as Any},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status as OtlpStatus, span},
};
use serde_json::{Map, Value as Json};

use super::{
    batch::{SpanRef, Spans},
    ids::{SpanId, TraceId},
    json::{key_value, to_any, to_attributes, to_json},
    texts::{FastState, Text},
    value::{Status, ValueRef},
};

/// Spans grouped by resource and scope, in order of appearance.
pub fn resource_spans<'a>(
    spans: &'a Spans,
    chosen: impl IntoIterator<Item = SpanRef<'a>>,
) -> Vec<ResourceSpans> {
    let mut groups: Vec<ResourceSpans> = Vec::new();
    let mut group_of: HashMap<u32, usize, FastState> = HashMap::default();
    let mut scope_of: HashMap<(u32, Text), usize, FastState> = HashMap::default();
    for span in chosen {
        let row = span.row();
        let group = *group_of.entry(row.resource).or_insert_with(|| {
            let json = spans.texts.get(spans.resources[row.resource as usize].json);
            let attributes = to_attributes(&object(json));
            groups.push(ResourceSpans {
                resource: Some(Resource { attributes, ..Resource::default() }),
                ..ResourceSpans::default()
            });
            groups.len() - 1
        });
        let scopes = &mut groups[group].scope_spans;
        let scope = *scope_of.entry((row.resource, row.scope)).or_insert_with(|| {
            scopes.push(ScopeSpans { scope: scope(span.text(row.scope)), ..ScopeSpans::default() });
            scopes.len() - 1
        });
        scopes[scope].spans.push(otlp_span(span));
    }
    groups
}

fn otlp_span(span: SpanRef<'_>) -> Span {
    let row = span.row();
    Span {
        trace_id: row.trace_id.0.to_vec(),
        span_id: row.span_id.to_bytes().to_vec(),
        trace_state: span.text(row.trace_state).to_owned(),
        parent_span_id: if row.parent_id.is_some() { row.parent_id.to_bytes().to_vec() } else { Vec::new() },
        flags: row.flags,
        name: span.name().to_owned(),
        kind: row.kind as i32,
        start_time_unix_nano: row.start_ns,
        end_time_unix_nano: span.end_ns(),
        attributes: span.attributes().map(|(key, value)| key_value(key, any_value(value))).collect(),
        events: list(span.text(row.events)).iter().map(event).collect(),
        links: list(span.text(row.links)).iter().map(link).collect(),
        status: (row.status != Status::Unset || row.status_message != Text::default()).then(|| OtlpStatus {
            code: row.status as i32,
            message: span.text(row.status_message).to_owned(),
        }),
        ..Span::default()
    }
}

fn any_value(value: ValueRef<'_>) -> AnyValue {
    let value = match value {
        ValueRef::Text(text) => Any::StringValue(text.to_owned()),
        ValueRef::Int(number) => Any::IntValue(number),
        ValueRef::Double(number) => Any::DoubleValue(number),
        ValueRef::Bool(truth) => Any::BoolValue(truth),
        ValueRef::Json(_) => return to_any(&to_json(value)),
    };
    AnyValue { value: Some(value) }
}

fn scope(json: &str) -> Option<InstrumentationScope> {
    if json.is_empty() {
        return None;
    }
    let map = object(json);
    let text = |key| map.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    Some(InstrumentationScope {
        name: text("name"),
        version: text("version"),
        attributes: attributes(map.get("attributes")),
        ..InstrumentationScope::default()
    })
}

fn event(json: &Json) -> span::Event {
    span::Event {
        time_unix_nano: json["time_ns"].as_u64().unwrap_or_default(),
        name: json["name"].as_str().unwrap_or_default().to_owned(),
        attributes: attributes(json.get("attributes")),
        ..span::Event::default()
    }
}

fn link(json: &Json) -> span::Link {
    let text = |key: &str| json[key].as_str().unwrap_or_default();
    let span_id = u64::from_str_radix(text("span_id"), 16).unwrap_or_default();
    span::Link {
        trace_id: TraceId::parse(text("trace_id")).map(|id| id.0.to_vec()).unwrap_or_default(),
        span_id: SpanId(span_id).to_bytes().to_vec(),
        trace_state: text("trace_state").to_owned(),
        attributes: attributes(json.get("attributes")),
        flags: json["flags"].as_u64().unwrap_or_default() as u32,
        ..span::Link::default()
    }
}

fn attributes(json: Option<&Json>) -> Vec<opentelemetry_proto::tonic::common::v1::KeyValue> {
    json.and_then(Json::as_object).map(to_attributes).unwrap_or_default()
}

fn object(json: &str) -> Map<String, Json> {
    match serde_json::from_str(json) {
        Ok(Json::Object(map)) => map,
        _ => Map::new(),
    }
}

fn list(json: &str) -> Vec<Json> {
    if json.is_empty() {
        return Vec::new();
    }
    serde_json::from_str(json).unwrap_or_default()
}
