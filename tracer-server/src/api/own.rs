//! Our own API, under `/api/v1` (docs/api.md, openapi.json).

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::get,
};
use serde_json::{Map, Value, json};

use super::{app::App, error::ApiError, params::Params};
use crate::{
    analysis::{Summary, Trace, summarise, traces},
    query::{Condition, Field, Filter, Op, Scope, Search},
    spans::{SpanRef, Spans, TraceId, to_json},
};

/// Most traces in one answer.
const MOST_TRACES: usize = 1000;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/traces", get(search))
        .route("/api/v1/traces/{id}", get(trace))
        .route("/api/v1/services", get(services))
        .route("/api/v1/status", get(status))
}

async fn status(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({ "spans": app.counters.read() }))
}

async fn services(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    let operations = app.ask(|store, _| store.operations()).await?;
    let mut services = Map::new();
    for operation in operations {
        let entry = services.entry(operation.service).or_insert_with(|| json!([]));
        if let Value::Array(names) = entry {
            names.push(json!({"name": operation.name, "kind": operation.kind.name()}));
        }
    }
    Ok(Json(json!({ "services": services })))
}

async fn trace(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let wanted = trace_id(&id)?;
    let json = app
        .ask(move |store, deadline| {
            let spans = store.traces(&[wanted], deadline);
            traces(&spans).first().map(|trace| trace_json(&spans, trace))
        })
        .await?;
    json.map(Json).ok_or(ApiError::NoTrace(id))
}

/// The id of a trace in a path.
pub(super) fn trace_id(text: &str) -> Result<TraceId, ApiError> {
    TraceId::parse(text).ok_or_else(|| ApiError::Parameter {
        name: "trace id".to_owned(),
        value: text.chars().take(64).collect(),
        expected: "up to 32 hexadecimal digits, not all zero",
    })
}

fn trace_json(spans: &Spans, trace: &Trace<'_>) -> Value {
    let resources: Vec<Value> = spans
        .resources()
        .iter()
        .map(|resource| serde_json::from_str(spans.texts().get(resource.json)).unwrap_or(Value::Null))
        .collect();
    json!({
        "summary": summarise(trace),
        "spans": trace.spans.iter().map(|span| span_json(*span)).collect::<Vec<Value>>(),
        "resources": resources,
    })
}

fn span_json(span: SpanRef<'_>) -> Value {
    let row = span.row();
    let embedded = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
    let attributes: Map<String, Value> =
        span.attributes().map(|(key, value)| (key.to_owned(), to_json(value))).collect();
    json!({
        "span_id": row.span_id.to_string(),
        "parent_span_id": row.parent_id.is_some().then(|| row.parent_id.to_string()),
        "service": span.service(),
        "name": span.name(),
        "kind": row.kind.name(),
        "status": row.status.name(),
        "status_message": span.text(row.status_message),
        "start_unix_ns": row.start_ns.to_string(),
        "duration_ns": row.duration_ns,
        "attributes": attributes,
        "resource": row.resource,
        "scope": embedded(span.text(row.scope)),
        "events": embedded(span.text(row.events)),
        "links": embedded(span.text(row.links)),
        "trace_state": span.text(row.trace_state),
    })
}

async fn search(State(app): State<Arc<App>>, params: Params) -> Result<Json<Value>, ApiError> {
    let limit = params.bounded("limit", 20, 1..MOST_TRACES + 1)?;
    let offset = params.bounded("offset", 0, 0..MOST_TRACES)?;
    let count = params.flag("count")?;
    let search = Search { filter: filter(&params)?, limit: limit + offset, count };
    let (found, summaries) = app
        .ask(move |store, deadline| {
            let found = store.find(&search, deadline);
            let page: Vec<TraceId> = found.traces.iter().skip(offset).map(|trace| trace.trace_id).collect();
            let spans = store.traces(&page, deadline);
            let mut summaries: Vec<Summary> = traces(&spans).iter().map(summarise).collect();
            let place = |summary: &Summary| page.iter().position(|id| id.to_string() == summary.trace_id);
            summaries.sort_by_cached_key(place);
            (found, summaries)
        })
        .await?;
    Ok(Json(json!({
        "traces": summaries,
        "total": found.total,
        "total_is_exact": found.counted,
        "limit": limit,
        "offset": offset,
        "partial": found.partial,
        "inspected_spans": found.inspected,
    })))
}

/// What `service`, `operation`, `min_duration`, `max_duration`, `error`, `tag`, `start` and `end` (nanoseconds) ask for.
pub(super) fn filter(params: &Params) -> Result<Filter, ApiError> {
    let mut conditions = Vec::new();
    if let Some(service) = params.get("service") {
        conditions.push(Condition::equals(Field::Service, service));
    }
    if let Some(operation) = params.get("operation") {
        conditions.push(Condition::equals(Field::Name, operation));
    }
    if let Some(kind) = params.get("kind") {
        conditions.push(Condition::equals(Field::Kind, kind));
    }
    for (name, op) in [("min_duration", Op::Ge), ("max_duration", Op::Le)] {
        if let Some(duration) = params.duration(name)? {
            conditions.push(Condition { field: Field::Duration, op, value: duration.to_string() });
        }
    }
    if let Some(error) = params.read("error", "true or false", |value| value.parse::<bool>().ok())? {
        let op = if error { Op::Eq } else { Op::Ne };
        conditions.push(Condition { field: Field::Status, op, value: "error".to_owned() });
    }
    for tag in params.all("tag") {
        conditions.push(tag_condition(tag)?);
    }
    Ok(Filter { start_ns: params.range(1)?, conditions })
}

/// `key=value`, or another comparison: `key!=value`, `key>=500`.
fn tag_condition(tag: &str) -> Result<Condition, ApiError> {
    // The longer ones first: `>=` begins with `>`.
    const OPS: [(&str, Op); 6] =
        [("!=", Op::Ne), (">=", Op::Ge), ("<=", Op::Le), ("=", Op::Eq), (">", Op::Gt), ("<", Op::Lt)];
    let at = tag.find(['=', '!', '<', '>']).filter(|&at| at > 0);
    let parts = at.and_then(|at| {
        let (key, rest) = tag.split_at(at);
        let (text, op) = OPS.into_iter().find(|(text, _)| rest.starts_with(text))?;
        Some((key.trim(), op, &rest[text.len()..]))
    });
    let (key, op, value) = parts.ok_or_else(|| ApiError::Parameter {
        name: "tag".to_owned(),
        value: tag.to_owned(),
        expected: "an attribute, a comparison and a value, such as http.route=/users or http.response.status_code>=500",
    })?;
    let (scope, key) = match key.strip_prefix("resource.") {
        Some(key) => (Scope::Resource, key),
        None => (Scope::Any, key),
    };
    Ok(Condition { field: Field::Attribute(scope, key.to_owned()), op, value: value.to_owned() })
}
