//! Questions about many spans at once.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::super::{app::App, error::ApiError, params::Params};
use crate::analysis::{Graph, Operations};

/// Steps of time in one answer, at most.
const STEPS: u64 = 1000;

pub(super) async fn dependencies(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let range = params.range(1)?;
    let (graph, complete) = app
        .ask(move |store, deadline| {
            let mut graph = Graph::default();
            let complete = store.visit(&range, deadline, |spans| graph.add(spans, &range));
            (graph, complete)
        })
        .await?;
    let edges: Vec<Value> = graph
        .edges()
        .map(|edge| {
            json!({
                "parent": edge.parent,
                "child": edge.child,
                "calls": edge.red.figures(),
                "example_trace_id": edge.examples.slowest().map(|id| id.to_string()),
                "example_error_trace_id": edge.examples.failed().map(|id| id.to_string()),
            })
        })
        .collect();
    Ok(Json(json!({"dependencies": edges, "unplaced_calls": graph.unplaced(), "partial": !complete})))
}

pub(super) async fn operations(State(app): State<Arc<App>>, params: Params) -> Result<Json<Value>, ApiError> {
    let range = params.range(1)?;
    let length = range.end - range.start;
    let step = params.read(
        "step",
        "a duration, such as 1m, of which at most 1000 fit into the range of time",
        |text| crate::query::parse_duration(text).filter(|&step| step > 0 && length / step <= STEPS),
    )?;
    let service = params.get("service").map(str::to_owned);
    let (operations, complete) = app
        .ask(move |store, deadline| {
            let mut operations = Operations::new(range.clone(), step, service);
            let complete = store.visit(&range, deadline, |spans| operations.add(spans));
            (operations, complete)
        })
        .await?;
    let seconds = length as f64 / 1e9;
    let list: Vec<Value> = operations
        .courses()
        .map(|((service, name, kind), course)| {
            let steps = course.steps.iter().map(|(start, step)| {
                json!({
                    "start_unix_ns": start.to_string(),
                    "calls": step.red.figures(),
                    "example_trace_id": step.examples.slowest().map(|id| id.to_string()),
                    "example_error_trace_id": step.examples.failed().map(|id| id.to_string()),
                })
            });
            json!({
                "service": service,
                "name": name,
                "kind": kind.name(),
                "calls": course.total.figures(),
                "calls_per_second": course.total.calls as f64 / seconds,
                "example_trace_id": course.examples.slowest().map(|id| id.to_string()),
                "example_error_trace_id": course.examples.failed().map(|id| id.to_string()),
                "steps": steps.collect::<Vec<Value>>(),
            })
        })
        .collect();
    Ok(Json(json!({"operations": list, "partial": !complete || operations.partial})))
}
