//! v1, which Grafana searches through.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};

use super::super::{
    app::{App, now_ns},
    error::ApiError,
    own::trace_id,
    params::Params,
    tempo,
};
use crate::{
    analysis::{Graph, Trace, traces},
    query::{Condition, Field, Filter, Op, Scope, Search},
    spans::{Kind, SpanRef, Status, TraceId, ValueRef, to_json},
    store::Store,
};

/// Most traces in one answer.
const MOST_TRACES: usize = 1500;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/services", get(services))
        .route("/api/services/{service}/operations", get(operation_names))
        .route("/api/operations", get(operations))
        .route("/api/traces", get(search))
        .route("/api/traces/{id}", get(trace))
        .route("/api/dependencies", get(dependencies))
}

/// Jaeger's envelope.
struct Envelope {
    data: Value,
    total: usize,
}

impl IntoResponse for Envelope {
    fn into_response(self) -> Response {
        let body = json!({"data": self.data, "total": self.total, "limit": 0, "offset": 0, "errors": null});
        Json(body).into_response()
    }
}

/// Jaeger's envelope of an error.
struct Failure(ApiError);

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = self.0.status();
        let errors = json!([{"code": status.as_u16(), "msg": self.0.to_string()}]);
        (status, Json(json!({"data": null, "total": 0, "limit": 0, "offset": 0, "errors": errors})))
            .into_response()
    }
}

type Answer = Result<Envelope, Failure>;

fn list(items: Vec<Value>) -> Envelope {
    Envelope { total: items.len(), data: Value::Array(items) }
}

async fn services(State(app): State<Arc<App>>) -> Answer {
    let operations = app.ask(Store::operations).await?;
    let mut names: Vec<String> = operations.into_iter().map(|operation| operation.service).collect();
    names.dedup();
    Ok(list(names.into_iter().map(Value::String).collect()))
}

async fn operation_names(State(app): State<Arc<App>>, Path(service): Path<String>) -> Answer {
    let operations = app.ask(Store::operations).await?;
    let of_service = operations.into_iter().filter(|operation| operation.service == service);
    let mut names: Vec<String> = of_service.map(|operation| operation.name).collect();
    names.dedup();
    Ok(list(names.into_iter().map(Value::String).collect()))
}

async fn operations(State(app): State<Arc<App>>, params: Params) -> Answer {
    let service = params.get("service").ok_or(ApiError::Missing("service"))?;
    let kind = params.get("spanKind");
    let operations = app.ask(Store::operations).await?;
    let chosen = operations.into_iter().filter(|operation| {
        operation.service == service && kind.is_none_or(|kind| operation.kind.name() == kind)
    });
    Ok(list(
        chosen
            .map(|operation| json!({"name": operation.name, "spanKind": kind_name(operation.kind)}))
            .collect(),
    ))
}

/// Jaeger leaves the kind empty where it is not known.
pub(super) fn kind_name(kind: Kind) -> &'static str {
    if kind == Kind::Unspecified { "" } else { kind.name() }
}

async fn search(State(app): State<Arc<App>>, params: Params) -> Answer {
    // The page also loads named traces this way.
    let ids: Vec<TraceId> = params.all("traceID").map(trace_id).collect::<Result<_, ApiError>>()?;
    let limit = params.bounded("limit", 20, 1..MOST_TRACES + 1)?;
    let search =
        if ids.is_empty() { Some(Search { filter: filter(&params)?, limit, count: false }) } else { None };
    let traces = app
        .ask(move |store, deadline| {
            let ids = match &search {
                Some(search) => {
                    store.find(search, deadline).traces.into_iter().map(|trace| trace.trace_id).collect()
                }
                None => ids,
            };
            let spans = store.traces(&ids, deadline).spans;
            let mut traces = traces(&spans);
            traces.sort_by_cached_key(|trace| ids.iter().position(|id| *id == trace.id));
            traces.iter().map(trace_json).collect()
        })
        .await?;
    Ok(list(traces))
}

/// `service`, `operation`, `tags` (JSON), `minDuration`, `maxDuration`, `start` and `end` (microseconds).
fn filter(params: &Params) -> Result<Filter, ApiError> {
    let service = params.get("service").ok_or(ApiError::Missing("service"))?;
    let mut conditions = vec![Condition::equals(Field::Service, service)];
    if let Some(operation) = params.get("operation").filter(|&operation| operation != "all") {
        conditions.push(Condition::equals(Field::Name, operation));
    }
    for (name, op) in [("minDuration", Op::Ge), ("maxDuration", Op::Le)] {
        if let Some(duration) = params.duration(name)? {
            conditions.push(Condition { field: Field::Duration, op, value: duration.to_string() });
        }
    }
    if let Some(tags) = params.get("tags") {
        conditions.extend(tag_conditions("tags", tags)?);
    }
    for tag in params.all("tag") {
        let (key, value) = tag.split_once(':').ok_or_else(|| ApiError::Parameter {
            name: "tag".to_owned(),
            value: tag.to_owned(),
            expected: "key:value",
        })?;
        conditions.push(tag_condition(key, value));
    }
    Ok(Filter { start_ns: params.range(1000)?, conditions })
}

/// Conditions of `{"key": "value"}`.
pub(super) fn tag_conditions(name: &str, json: &str) -> Result<Vec<Condition>, ApiError> {
    let map: serde_json::Map<String, Value> =
        serde_json::from_str(json).map_err(|_| ApiError::Parameter {
            name: name.to_owned(),
            value: json.to_owned(),
            expected: "a JSON object of attributes and their values",
        })?;
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ok(map.iter().map(|(key, value)| tag_condition(key, &text(value))).collect())
}

/// What Jaeger keeps in tags is fields of the span here.
fn tag_condition(key: &str, value: &str) -> Condition {
    match (key, value) {
        ("error", "true") => Condition::equals(Field::Status, "error"),
        ("error", "false") => {
            Condition { field: Field::Status, op: Op::Ne, value: Status::Error.name().to_owned() }
        }
        ("span.kind", kind) => Condition::equals(Field::Kind, kind),
        ("otel.status_code", code) => Condition::equals(Field::Status, code.to_ascii_lowercase()),
        ("otel.status_description", text) => Condition::equals(Field::StatusMessage, text),
        (key, value) => Condition::equals(Field::Attribute(Scope::Any, key.to_owned()), value),
    }
}

/// Tempo has the same path; its clients are known by what they accept.
async fn trace(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    if tempo::wants_protobuf(&headers) {
        return Ok(tempo::trace_response(app, id, true).await?);
    }
    let wanted = trace_id(&id)?;
    let json = app
        .ask(move |store, deadline| {
            let spans = store.traces(&[wanted], deadline).spans;
            traces(&spans).first().map(trace_json)
        })
        .await?;
    let json = json.ok_or(ApiError::NoTrace(id))?;
    Ok((StatusCode::OK, Envelope { data: json!([json]), total: 0 }).into_response())
}

fn trace_json(trace: &Trace<'_>) -> Value {
    let mut processes = serde_json::Map::new();
    let mut process_of = std::collections::BTreeMap::new();
    let mut spans = Vec::with_capacity(trace.spans.len());
    for (index, span) in trace.spans.iter().enumerate() {
        let next = format!("p{}", process_of.len() + 1);
        let process = process_of.entry(span.row().resource).or_insert_with(|| {
            let tags = span.resource_attributes().filter(|(key, _)| *key != "service.name");
            let tags: Vec<Value> = tags.map(|(key, value)| tag(key, value)).collect();
            processes.insert(next.clone(), json!({"serviceName": span.service(), "tags": tags}));
            next
        });
        let parent =
            trace.parents[index].map_or(span.row().parent_id, |parent| trace.spans[parent].row().span_id);
        let mut span_json = span_json(*span, process);
        if parent.is_some() {
            span_json["references"] = json!([{
                "refType": "CHILD_OF",
                "traceID": trace.id.to_string(),
                "spanID": parent.to_string(),
            }]);
        }
        spans.push(span_json);
    }
    json!({"traceID": trace.id.to_string(), "spans": spans, "processes": processes, "warnings": null})
}

fn span_json(span: SpanRef<'_>, process: &str) -> Value {
    let row = span.row();
    let mut tags: Vec<Value> = span.attributes().map(|(key, value)| tag(key, value)).collect();
    if row.kind != Kind::Unspecified {
        tags.push(tag("span.kind", ValueRef::Text(row.kind.name())));
    }
    if row.status != Status::Unset {
        tags.push(tag("otel.status_code", ValueRef::Text(&row.status.name().to_ascii_uppercase())));
    }
    if row.status == Status::Error {
        tags.push(tag("error", ValueRef::Bool(true)));
    }
    let message = span.text(row.status_message);
    if !message.is_empty() {
        tags.push(tag("otel.status_description", ValueRef::Text(message)));
    }
    let events: Vec<Value> = serde_json::from_str(span.text(row.events)).unwrap_or_default();
    json!({
        "traceID": row.trace_id.to_string(),
        "spanID": row.span_id.to_string(),
        "flags": row.flags & 0xff,
        "operationName": span.name(),
        "references": [],
        "startTime": row.start_ns / 1000,
        "duration": row.duration_ns / 1000,
        "tags": tags,
        "logs": events.iter().map(log).collect::<Vec<Value>>(),
        "processID": process,
        "warnings": null,
    })
}

fn log(event: &Value) -> Value {
    let mut fields = vec![json!({"key": "event", "type": "string", "value": event["name"]})];
    for (key, value) in event["attributes"].as_object().into_iter().flatten() {
        fields.push(json_tag(key, value));
    }
    json!({"timestamp": event["time_ns"].as_u64().unwrap_or_default() / 1000, "fields": fields})
}

fn tag(key: &str, value: ValueRef<'_>) -> Value {
    json_tag(key, &to_json(value))
}

fn json_tag(key: &str, value: &Value) -> Value {
    let (kind, value) = match value {
        Value::Bool(_) => ("bool", value.clone()),
        Value::Number(number) if number.is_f64() => ("float64", value.clone()),
        Value::Number(_) => ("int64", value.clone()),
        Value::String(_) => ("string", value.clone()),
        other => ("string", Value::String(other.to_string())),
    };
    json!({"key": key, "type": kind, "value": value})
}

/// `endTs` and `lookback` in milliseconds.
async fn dependencies(State(app): State<Arc<App>>, params: Params) -> Answer {
    const DAY_MS: u64 = 86_400_000;
    let end = params.number("endTs")?.unwrap_or_else(|| now_ns() / 1_000_000);
    let lookback = params.number("lookback")?.unwrap_or(DAY_MS);
    let nanoseconds = |milliseconds: u64| milliseconds.saturating_mul(1_000_000);
    let range = nanoseconds(end.saturating_sub(lookback))..nanoseconds(end).saturating_add(1);
    let graph = app
        .ask(move |store, deadline| {
            let mut graph = Graph::default();
            store.visit(&range, deadline, |spans| graph.add(spans, &range));
            graph
        })
        .await?;
    let edges = graph.edges();
    Ok(list(
        edges
            .map(|edge| json!({"parent": edge.parent, "child": edge.child, "callCount": edge.red.calls}))
            .collect(),
    ))
}
