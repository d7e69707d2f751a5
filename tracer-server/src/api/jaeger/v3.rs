//! v3: OTLP JSON.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};

use super::{
    super::{app::App, error::ApiError, own::trace_id, params::Params, time::parse_rfc3339},
    v1::{kind_name, tag_conditions},
};
use crate::{
    query::{Condition, Field, Filter, Op, Search},
    spans::{Spans, TraceId, resource_spans},
    store::Store,
};

/// Most traces in one answer.
const MOST_TRACES: usize = 1500;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v3/services", get(services))
        .route("/api/v3/operations", get(operations))
        .route("/api/v3/traces", get(search))
        .route("/api/v3/traces/{id}", get(trace))
}

/// v3's form of an error.
struct Failure(ApiError);

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = self.0.status();
        let error = json!({"httpCode": status.as_u16(), "message": self.0.to_string()});
        (status, Json(json!({ "error": error }))).into_response()
    }
}

type Answer = Result<Json<Value>, Failure>;

async fn services(State(app): State<Arc<App>>) -> Answer {
    let operations = app.ask(Store::operations).await?;
    let mut names: Vec<String> = operations.into_iter().map(|operation| operation.service).collect();
    names.dedup();
    Ok(Json(json!({ "services": names })))
}

async fn operations(State(app): State<Arc<App>>, params: Params) -> Answer {
    let service = params.get("service").ok_or(ApiError::Missing("service"))?;
    let kind = params.get("spanKind").or_else(|| params.get("span_kind"));
    let operations = app.ask(Store::operations).await?;
    let chosen: Vec<Value> = operations
        .iter()
        .filter(|operation| {
            operation.service == service && kind.is_none_or(|kind| operation.kind.name() == kind)
        })
        .map(|operation| json!({"name": operation.name, "spanKind": kind_name(operation.kind)}))
        .collect();
    Ok(Json(json!({ "operations": chosen })))
}

async fn trace(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    let wanted = trace_id(&id)?;
    let spans = app.ask(move |store, deadline| store.traces(&[wanted], deadline).spans).await?;
    if spans.is_empty() {
        return Err(ApiError::NoTrace(id).into());
    }
    Ok(result(&spans))
}

fn result(spans: &Spans) -> Json<Value> {
    Json(json!({"result": {"resourceSpans": resource_spans(spans, spans.iter())}}))
}

async fn search(State(app): State<Arc<App>>, params: Params) -> Answer {
    let limit = field(&params, "searchDepth", "search_depth")
        .or_else(|| field(&params, "numTraces", "num_traces"))
        .map(|text| {
            text.parse::<usize>().map_err(|_| ApiError::Parameter {
                name: "query.searchDepth".to_owned(),
                value: text.to_owned(),
                expected: "a whole number",
            })
        })
        .transpose()?
        .unwrap_or(20)
        .clamp(1, MOST_TRACES);
    let search = Search { filter: filter(&params)?, limit, count: false };
    let spans = app
        .ask(move |store, deadline| {
            let found = store.find(&search, deadline);
            let ids: Vec<TraceId> = found.traces.iter().map(|trace| trace.trace_id).collect();
            store.traces(&ids, deadline).spans
        })
        .await?;
    if spans.is_empty() {
        return Err(ApiError::NoTrace("that was asked for".to_owned()).into());
    }
    Ok(result(&spans))
}

/// A field of `query`, in camel or snake case.
fn field<'a>(params: &'a Params, camel: &str, snake: &str) -> Option<&'a str> {
    params.get(&format!("query.{camel}")).or_else(|| params.get(&format!("query.{snake}")))
}

fn filter(params: &Params) -> Result<Filter, ApiError> {
    let time = |camel: &'static str, snake| {
        let text = field(params, camel, snake).ok_or(ApiError::Missing(camel))?;
        parse_rfc3339(text).ok_or_else(|| ApiError::Parameter {
            name: format!("query.{camel}"),
            value: text.to_owned(),
            expected: "a time such as 2026-01-31T12:00:00.5Z",
        })
    };
    let start = time("startTimeMin", "start_time_min")?;
    let end = time("startTimeMax", "start_time_max")?;
    let mut conditions = Vec::new();
    if let Some(service) = field(params, "serviceName", "service_name") {
        conditions.push(Condition::equals(Field::Service, service));
    }
    if let Some(operation) = field(params, "operationName", "operation_name") {
        conditions.push(Condition::equals(Field::Name, operation));
    }
    let durations = [("durationMin", "duration_min", Op::Ge), ("durationMax", "duration_max", Op::Le)];
    for (camel, snake, op) in durations {
        if let Some(text) = field(params, camel, snake) {
            let duration = crate::query::parse_duration(text).ok_or_else(|| ApiError::Parameter {
                name: format!("query.{camel}"),
                value: text.to_owned(),
                expected: "a duration such as 250ms",
            })?;
            conditions.push(Condition { field: Field::Duration, op, value: duration.to_string() });
        }
    }
    if let Some(attributes) = field(params, "attributes", "attributes") {
        conditions.extend(tag_conditions("query.attributes", attributes)?);
    }
    Ok(Filter { start_ns: start..end.saturating_add(1), conditions })
}
