//! One trace, and two side by side.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::{Map, Value, json};

use super::super::{app::App, error::ApiError, params::Params};
use crate::{
    analysis::{
        ClockShifts, Graph, Step, Trace, adjust_clocks, compare, critical_path, statistics, summarise, traces,
    },
    spans::{SpanRef, Spans, TraceId, to_json},
};

/// The id of a trace in a path.
pub(in crate::api) fn trace_id(text: &str) -> Result<TraceId, ApiError> {
    TraceId::parse(text).ok_or_else(|| ApiError::Parameter {
        name: "trace id".to_owned(),
        value: text.chars().take(64).collect(),
        expected: "up to 32 hexadecimal digits, not all zero",
    })
}

pub(super) async fn trace(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let wanted = trace_id(&id)?;
    let raw = params.flag("raw_clocks")?;
    let json = app
        .ask(move |store, deadline| {
            let mut fetched = store.traces(&[wanted], deadline);
            let shifts = if raw { ClockShifts::default() } else { adjust_clocks(&mut fetched.spans) };
            let traces = traces(&fetched.spans);
            traces.first().map(|trace| trace_json(&fetched.spans, trace, &shifts, fetched.partial))
        })
        .await?;
    json.map(Json).ok_or(ApiError::NoTrace(id))
}

fn trace_json(spans: &Spans, trace: &Trace<'_>, shifts: &ClockShifts, partial: bool) -> Value {
    let resources: Vec<Value> = spans
        .resources()
        .iter()
        .map(|resource| serde_json::from_str(spans.texts().get(resource.json)).unwrap_or(Value::Null))
        .collect();
    let mut graph = Graph::default();
    graph.add(spans, &(0..u64::MAX));
    let edges: Vec<Value> = graph
        .edges()
        .map(|edge| json!({"parent": edge.parent, "child": edge.child, "calls": edge.red.figures()}))
        .collect();
    let step = |step: &Step| {
        json!({
            "span_id": trace.spans[step.span].row().span_id.to_string(),
            "start_unix_ns": step.start_ns.to_string(),
            "duration_ns": step.end_ns - step.start_ns,
        })
    };
    json!({
        "summary": summarise(trace),
        "spans": trace.spans.iter().map(|span| span_json(*span, shifts)).collect::<Vec<Value>>(),
        "resources": resources,
        "service_map": edges,
        "critical_path": critical_path(trace).iter().map(step).collect::<Vec<Value>>(),
        "statistics": statistics(trace),
        "partial": partial,
    })
}

fn span_json(span: SpanRef<'_>, shifts: &ClockShifts) -> Value {
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
        "clock_adjustment_ns": shifts.of(span),
        "duration_ns": row.duration_ns,
        "attributes": attributes,
        "resource": row.resource,
        "scope": embedded(span.text(row.scope)),
        "events": embedded(span.text(row.events)),
        "links": embedded(span.text(row.links)),
        "trace_state": span.text(row.trace_state),
    })
}

/// The traces `a` and `b`.
pub(super) async fn compare_two(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let a = trace_id(params.get("a").ok_or(ApiError::Missing("a"))?)?;
    let b = trace_id(params.get("b").ok_or(ApiError::Missing("b"))?)?;
    let json = app
        .ask(move |store, deadline| {
            let fetched = store.traces(&[a, b], deadline);
            let traces = traces(&fetched.spans);
            let of = |id: TraceId| {
                traces.iter().find(|trace| trace.id == id).ok_or_else(|| ApiError::NoTrace(id.to_string()))
            };
            let (a, b) = (of(a)?, of(b)?);
            Ok::<Value, ApiError>(json!({
                "a": summarise(a),
                "b": summarise(b),
                "places": compare(a, b),
                "partial": fetched.partial,
            }))
        })
        .await??;
    Ok(Json(json))
}
