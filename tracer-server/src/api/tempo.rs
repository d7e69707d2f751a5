//! Tempo's HTTP API, for Grafana's data source of that name (docs: Tempo, "HTTP API").
//!
//! It lives under `/tempo` as a whole. The paths that Jaeger does not have work at the root as well; of the one that both
//! have, `/api/traces/{id}`, clients of Tempo get their form by asking for protobuf, as Grafana does.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message as _;
use serde_json::{Value, json};

use super::{app::App, error::ApiError, own::trace_id, params::Params};
use crate::{
    analysis::{Trace, traces},
    query::{Condition, Field, Filter, FoundTrace, Op, Scope, Search},
    spans::{SpanRef, TraceId, ValueRef, resource_spans, to_json},
};

/// Most traces in one answer.
const MOST_TRACES: usize = 1000;

/// Seconds, the unit of Tempo's times, in nanoseconds.
const SECOND_NS: u64 = 1_000_000_000;

const PROTOBUF: &str = "application/protobuf";

pub(super) fn routes() -> Router<Arc<App>> {
    let shared = Router::new()
        .route("/ready", get(async || "ready\n"))
        .route("/api/echo", get(async || "echo"))
        .route("/api/status/buildinfo", get(build_info))
        .route("/api/v2/traces/{id}", get(trace_v2))
        .route("/api/search", get(search));
    let prefixed = shared.clone().route("/api/traces/{id}", get(trace));
    shared.nest("/tempo", prefixed)
}

/// Errors are plain sentences here.
struct Failure(ApiError);

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0.status(), self.0.to_string()).into_response()
    }
}

async fn build_info() -> Json<Value> {
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "revision": "", "branch": "", "buildDate": "", "buildUser": "", "goVersion": "",
    }))
}

/// Whether a client wants protobuf, which for the path of both APIs means that it speaks Tempo's.
pub(super) fn wants_protobuf(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains(PROTOBUF))
}

/// A trace by its id: `tempopb.Trace`, which has the fields of `TracesData` with `batches` for `resource_spans`.
pub(super) async fn trace_response(app: Arc<App>, id: String, protobuf: bool) -> Result<Response, ApiError> {
    let data = load(&app, &id).await?;
    Ok(if protobuf {
        (StatusCode::OK, [(header::CONTENT_TYPE, PROTOBUF)], data.encode_to_vec()).into_response()
    } else {
        Json(json!({ "batches": data.resource_spans })).into_response()
    })
}

async fn load(app: &Arc<App>, id: &str) -> Result<TracesData, ApiError> {
    let wanted = trace_id(id)?;
    let data = app.ask(move |store, deadline| {
        let spans = store.traces(&[wanted], deadline).spans;
        TracesData { resource_spans: resource_spans(&spans, spans.iter()) }
    });
    let data = data.await?;
    if data.resource_spans.is_empty() { Err(ApiError::NoTrace(id.to_owned())) } else { Ok(data) }
}

async fn trace(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    Ok(trace_response(app, id, wants_protobuf(&headers)).await?)
}

/// `tempopb.TraceByIDResponse`: the trace is its field 1.
#[derive(Clone, PartialEq, prost::Message)]
struct TraceById {
    #[prost(message, optional, tag = "1")]
    trace: Option<TracesData>,
}

async fn trace_v2(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let data = load(&app, &id).await?;
    Ok(if wants_protobuf(&headers) {
        let body = TraceById { trace: Some(data) }.encode_to_vec();
        (StatusCode::OK, [(header::CONTENT_TYPE, PROTOBUF)], body).into_response()
    } else {
        Json(json!({"trace": {"resourceSpans": data.resource_spans}, "metrics": {}})).into_response()
    })
}

async fn search(State(app): State<Arc<App>>, params: Params) -> Result<Json<Value>, Failure> {
    let limit = params.bounded("limit", 20, 1..MOST_TRACES + 1)?;
    let spans_per_set = params.bounded("spss", 3, 1..101)?;
    let search = Search { filter: filter(&params)?, limit, count: false };
    let (found, list) = app
        .ask(move |store, deadline| {
            let found = store.find(&search, deadline);
            let ids: Vec<TraceId> = found.traces.iter().map(|trace| trace.trace_id).collect();
            let spans = store.traces(&ids, deadline).spans;
            let traces = traces(&spans);
            let of = |id| traces.iter().find(|trace| trace.id == id);
            let list: Vec<Value> = found
                .traces
                .iter()
                .filter_map(|hit| Some(trace_json(of(hit.trace_id)?, hit, spans_per_set)))
                .collect();
            (found, list)
        })
        .await?;
    Ok(Json(json!({
        "traces": list,
        "metrics": {"inspectedTraces": found.total, "inspectedSpans": found.inspected.to_string()},
    })))
}

fn trace_json(trace: &Trace<'_>, hit: &FoundTrace, spans_per_set: usize) -> Value {
    let (start, end) = trace.extent();
    let root = trace.root();
    let matching = trace.spans.iter().filter(|span| hit.spans.contains(&span.row().span_id));
    let spans: Vec<Value> = matching.take(spans_per_set).map(|span| span_json(*span)).collect();
    let span_set = json!({"spans": spans, "matched": hit.matched});
    json!({
        "traceID": trace.id.to_string(),
        "rootServiceName": root.map_or("", SpanRef::service),
        "rootTraceName": root.map_or("", SpanRef::name),
        "startTimeUnixNano": start.to_string(),
        "durationMs": (end - start) / 1_000_000,
        "spanSet": span_set,
        "spanSets": [span_set],
    })
}

fn span_json(span: SpanRef<'_>) -> Value {
    let attributes = span.attributes().map(|(key, value)| json!({"key": key, "value": any_value(value)}));
    json!({
        "spanID": span.row().span_id.to_string(),
        "name": span.name(),
        "startTimeUnixNano": span.row().start_ns.to_string(),
        "durationNanos": span.row().duration_ns.to_string(),
        "attributes": attributes.collect::<Vec<Value>>(),
    })
}

/// A value as protobuf's JSON mapping has it: 64-bit numbers are text.
fn any_value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Int(number) => json!({"intValue": number.to_string()}),
        ValueRef::Double(_) => json!({"doubleValue": to_json(value)}),
        ValueRef::Bool(truth) => json!({"boolValue": truth}),
        ValueRef::Text(text) | ValueRef::Json(text) => json!({"stringValue": text}),
    }
}

/// `tags` (logfmt), `minDuration`, `maxDuration`, `start` and `end` (seconds).
fn filter(params: &Params) -> Result<Filter, ApiError> {
    let mut conditions = Vec::new();
    for (name, op) in [("minDuration", Op::Ge), ("maxDuration", Op::Le)] {
        if let Some(duration) = params.duration(name)? {
            conditions.push(Condition { field: Field::Duration, op, value: duration.to_string() });
        }
    }
    for (key, value) in logfmt(params.get("tags").unwrap_or_default())? {
        let field = match key.as_str() {
            "service.name" => Field::Service,
            "name" => Field::Name,
            "status" => Field::Status,
            "kind" => Field::Kind,
            _ => Field::Attribute(Scope::Any, key),
        };
        conditions.push(Condition::equals(field, value));
    }
    Ok(Filter { start_ns: params.range(SECOND_NS)?, conditions })
}

/// `key=value key2="value with spaces"`.
fn logfmt(text: &str) -> Result<Vec<(String, String)>, ApiError> {
    let wrong = || ApiError::Parameter {
        name: "tags".to_owned(),
        value: text.to_owned(),
        expected: "key=value pairs, values with spaces in double quotes",
    };
    let mut pairs = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or_else(wrong)?;
        let value;
        (value, rest) = if let Some(quoted) = after.strip_prefix('"') {
            unquote(quoted).ok_or_else(wrong)?
        } else {
            let (value, rest) = after.split_once(' ').unwrap_or((after, ""));
            (value.to_owned(), rest)
        };
        pairs.push((key.to_owned(), value));
        rest = rest.trim_start();
    }
    Ok(pairs)
}

/// Reads up to the closing quote; returns what was quoted and what follows.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logfmt_is_read() {
        let pairs = logfmt(r#"a=b  c="d \"e\" f" g="#).expect("logfmt");
        let expected = [("a", "b"), ("c", "d \"e\" f"), ("g", "")];
        assert_eq!(pairs, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        for wrong in ["a", "=b", "a=\"b", "a=b c"] {
            assert!(logfmt(wrong).is_err(), "{wrong}");
        }
    }
}
