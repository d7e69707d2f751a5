//! Zipkin's HTTP API, version 2 (zipkin-api, zipkin2-api.yaml), under `/zipkin` and on the port where its clients look for it.

use std::{collections::BTreeSet, ops::ControlFlow, ops::Range, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Map, Value, json};

use super::{
    app::{App, now_ns},
    error::ApiError,
    own::trace_id,
    params::Params,
};
use crate::{
    analysis::{Graph, Trace, traces},
    query::{Condition, Field, Filter, Op, Scope, Search},
    receive::PEER_SERVICE,
    spans::{Kind, SpanRef, TraceId, ValueRef},
    store::Store,
};

/// Most traces in one answer.
const MOST_TRACES: usize = 1000;

/// Milliseconds, the unit of Zipkin's ranges, in nanoseconds.
const MILLISECOND_NS: u64 = 1_000_000;

/// Zipkin's default of `lookback`, milliseconds.
const DAY_MS: u64 = 86_400_000;

/// Names of services that are told, at most.
const MOST_NAMES: usize = 1000;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/health", get(async || Json(json!({"status": "UP"}))))
        .route("/info", get(async || Json(json!({"zipkin": {"version": env!("CARGO_PKG_VERSION")}}))))
        .route("/api/v2/services", get(services))
        .route("/api/v2/spans", get(names))
        .route("/api/v2/remoteServices", get(remote_services))
        .route("/api/v2/traces", get(search))
        .route("/api/v2/trace/{id}", get(trace))
        .route("/api/v2/traceMany", get(trace_many))
        .route("/api/v2/dependencies", get(dependencies))
        // Nothing is set aside for completion.
        .route("/api/v2/autocompleteKeys", get(async || Json(json!([]))))
        .route("/api/v2/autocompleteValues", get(async || Json(json!([]))))
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

type Answer = Result<Json<Value>, Failure>;

async fn services(State(app): State<Arc<App>>) -> Answer {
    let operations = app.ask(Store::operations).await?;
    let mut names: Vec<String> = operations.into_iter().map(|operation| operation.service).collect();
    names.dedup();
    Ok(Json(json!(names)))
}

async fn names(State(app): State<Arc<App>>, params: Params) -> Answer {
    let service = params.get("serviceName").ok_or(ApiError::Missing("serviceName"))?;
    let operations = app.ask(Store::operations).await?;
    let of_service = operations.into_iter().filter(|operation| operation.service == service);
    let names: BTreeSet<String> = of_service.map(|operation| operation.name).collect();
    Ok(Json(json!(names)))
}

async fn remote_services(State(app): State<Arc<App>>, params: Params) -> Answer {
    let service = params.get("serviceName").ok_or(ApiError::Missing("serviceName"))?;
    let conditions = vec![Condition::equals(Field::Service, service)];
    let filter = Filter { start_ns: range(&params)?, conditions };
    let field = Field::Attribute(Scope::Span, PEER_SERVICE.to_owned());
    let names = app.ask(move |store, deadline| {
        let mut names = BTreeSet::new();
        store.select(&filter, std::slice::from_ref(&field), deadline, |span| {
            if let Some(ValueRef::Text(name)) = field.of(span) {
                names.insert(name.to_owned());
            }
            if names.len() < MOST_NAMES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        names
    });
    Ok(Json(json!(names.await?)))
}

/// From `lookback` before `endTs` to `endTs`, both in milliseconds.
fn range(params: &Params) -> Result<Range<u64>, ApiError> {
    let end = params.number("endTs")?.unwrap_or_else(|| now_ns() / MILLISECOND_NS);
    let lookback = params.number("lookback")?.unwrap_or(DAY_MS);
    let nanoseconds = |milliseconds: u64| milliseconds.saturating_mul(MILLISECOND_NS);
    Ok(nanoseconds(end.saturating_sub(lookback))..nanoseconds(end.saturating_add(1)))
}

fn filter(params: &Params) -> Result<Filter, ApiError> {
    let mut conditions = Vec::new();
    let mut equals = |field, name: &str| {
        // What old pages send for "any".
        if let Some(value) = params.get(name).filter(|value| *value != "all") {
            conditions.push(Condition::equals(field, value));
        }
    };
    equals(Field::Service, "serviceName");
    equals(Field::Name, "spanName");
    equals(Field::Attribute(Scope::Span, PEER_SERVICE.to_owned()), "remoteServiceName");
    for (name, op) in [("minDuration", Op::Ge), ("maxDuration", Op::Le)] {
        if let Some(micros) = params.number(name)? {
            let value = micros.saturating_mul(1000).to_string();
            conditions.push(Condition { field: Field::Duration, op, value });
        }
    }
    for term in params.get("annotationQuery").unwrap_or_default().split(" and ").map(str::trim) {
        match term.split_once('=') {
            _ if term.is_empty() => {}
            None if term == "error" => conditions.push(Condition::equals(Field::Status, "error")),
            Some((key, value)) => {
                conditions.push(Condition::equals(Field::Attribute(Scope::Any, key.to_owned()), value));
            }
            None => {
                return Err(ApiError::Parameter {
                    name: "annotationQuery".to_owned(),
                    value: term.to_owned(),
                    expected: "`error` or tags such as http.method=GET, joined by ` and `",
                });
            }
        }
    }
    Ok(Filter { start_ns: range(params)?, conditions })
}

async fn search(State(app): State<Arc<App>>, params: Params) -> Answer {
    let limit = params.bounded("limit", 10, 1..MOST_TRACES + 1)?;
    let search = Search { filter: filter(&params)?, limit, count: false };
    let found = app.ask(move |store, deadline| {
        let found = store.find(&search, deadline);
        let ids: Vec<TraceId> = found.traces.iter().map(|trace| trace.trace_id).collect();
        let spans = store.traces(&ids, deadline).spans;
        let mut traces = traces(&spans);
        traces.sort_by_cached_key(|trace| ids.iter().position(|id| *id == trace.id));
        traces.iter().map(trace_json).collect::<Vec<Value>>()
    });
    Ok(Json(json!(found.await?)))
}

async fn load(app: &Arc<App>, ids: Vec<TraceId>) -> Result<Vec<Value>, ApiError> {
    app.ask(move |store, deadline| {
        let spans = store.traces(&ids, deadline).spans;
        traces(&spans).iter().map(trace_json).collect()
    })
    .await
}

async fn trace(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    let found = load(&app, vec![trace_id(&id)?]).await?;
    found.into_iter().next().map(Json).ok_or_else(|| ApiError::NoTrace(id).into())
}

async fn trace_many(State(app): State<Arc<App>>, params: Params) -> Answer {
    let ids = params.get("traceIds").ok_or(ApiError::Missing("traceIds"))?;
    let ids: Vec<TraceId> = ids.split(',').take(MOST_TRACES).map(trace_id).collect::<Result<_, _>>()?;
    Ok(Json(json!(load(&app, ids).await?)))
}

async fn dependencies(State(app): State<Arc<App>>, params: Params) -> Result<Response, Failure> {
    if params.get("endTs").is_none() {
        return Err(ApiError::Missing("endTs").into());
    }
    let range = range(&params)?;
    let graph = app
        .ask(move |store, deadline| {
            let mut graph = Graph::default();
            store.visit(&range, deadline, |spans| graph.add(spans, &range));
            graph
        })
        .await?;
    let edges = graph.edges().map(|edge| {
        json!({
            "parent": edge.parent,
            "child": edge.child,
            "callCount": edge.red.calls,
            "errorCount": edge.red.errors,
        })
    });
    Ok((StatusCode::OK, Json(edges.collect::<Vec<Value>>())).into_response())
}

fn trace_json(trace: &Trace<'_>) -> Value {
    (0..trace.spans.len()).map(|index| span_json(trace, index)).collect()
}

fn span_json(trace: &Trace<'_>, index: usize) -> Value {
    let span = trace.spans[index];
    let row = span.row();
    let parent = trace.parents[index].map(|parent| trace.spans[parent]);
    // Zipkin's server shares the span with its client: the parent is the client's parent.
    let twin = parent.filter(|parent| parent.row().span_id == row.span_id);
    let mut json = Map::new();
    let mut set = |key: &str, value: Value| drop(json.insert(key.to_owned(), value));
    set("traceId", json!(row.trace_id.to_string()));
    set("id", json!(row.span_id.to_string()));
    if row.parent_id.is_some() {
        set("parentId", json!(row.parent_id.to_string()));
    }
    set("name", json!(span.name()));
    if !matches!(row.kind, Kind::Unspecified | Kind::Internal) {
        set("kind", json!(row.kind.name().to_ascii_uppercase()));
    }
    set("timestamp", json!(row.start_ns / 1000));
    // Zero stands for a span that is not finished.
    set("duration", json!((row.duration_ns / 1000).max(1)));
    set("localEndpoint", endpoint(span, Some(span.service()), "network.local"));
    let peer = span.attribute(PEER_SERVICE).map(ValueRef::to_text);
    let remote = endpoint(span, peer.as_deref(), "network.peer");
    if remote.as_object().is_some_and(|remote| !remote.is_empty()) {
        set("remoteEndpoint", remote);
    }
    let events: Vec<Value> = serde_json::from_str(span.text(row.events)).unwrap_or_default();
    if !events.is_empty() {
        let annotation = |event: &Value| json!({"timestamp": event["time_ns"].as_u64().unwrap_or_default() / 1000, "value": event["name"]});
        set("annotations", events.iter().map(annotation).collect());
    }
    set("tags", tags(span));
    if twin.is_some() {
        set("shared", json!(true));
    }
    Value::Object(json)
}

fn endpoint(span: SpanRef<'_>, service: Option<&str>, prefix: &str) -> Value {
    let mut json = Map::new();
    if let Some(service) = service {
        json.insert("serviceName".to_owned(), json!(service));
    }
    if let Some(address) = span.attribute(&format!("{prefix}.address")).map(ValueRef::to_text) {
        match address.parse() {
            Ok(std::net::IpAddr::V4(_)) => drop(json.insert("ipv4".to_owned(), json!(address))),
            Ok(std::net::IpAddr::V6(_)) => drop(json.insert("ipv6".to_owned(), json!(address))),
            // The path of a unix socket.
            Err(_) => {}
        }
    }
    if let Some(ValueRef::Int(port)) = span.attribute(&format!("{prefix}.port")) {
        json.insert("port".to_owned(), json!(port));
    }
    Value::Object(json)
}

/// All attributes as texts, and `error`.
fn tags(span: SpanRef<'_>) -> Value {
    let mut tags: Map<String, Value> =
        span.attributes().map(|(key, value)| (key.to_owned(), json!(value.to_text()))).collect();
    if span.is_error() {
        let message = span.text(span.row().status_message);
        tags.insert("error".to_owned(), json!(if message.is_empty() { "true" } else { message }));
    }
    Value::Object(tags)
}
