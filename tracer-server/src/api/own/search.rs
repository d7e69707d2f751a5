//! Searches for traces.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::super::{app::App, error::ApiError, params::Params};
use crate::{
    analysis::{Summary, summarise, traces},
    query::{Condition, Field, Filter, Op, Scope, Search},
    spans::TraceId,
};

/// Most traces in one answer.
const MOST_TRACES: usize = 1000;

pub(super) async fn search(State(app): State<Arc<App>>, params: Params) -> Result<Json<Value>, ApiError> {
    let limit = params.bounded("limit", 20, 1..MOST_TRACES + 1)?;
    let offset = params.bounded("offset", 0, 0..MOST_TRACES)?;
    let count = params.flag("count")?;
    let search = Search { filter: filter(&params)?, limit: limit + offset, count };
    let (found, summaries, partial) = app
        .ask(move |store, deadline| {
            let found = store.find(&search, deadline);
            let page: Vec<TraceId> = found.traces.iter().skip(offset).map(|trace| trace.trace_id).collect();
            let fetched = store.traces(&page, deadline);
            let mut summaries: Vec<Summary> = traces(&fetched.spans).iter().map(summarise).collect();
            let place = |summary: &Summary| page.iter().position(|id| id.to_string() == summary.trace_id);
            summaries.sort_by_cached_key(place);
            (found, summaries, fetched.partial)
        })
        .await?;
    Ok(Json(json!({
        "traces": summaries,
        "total": found.total,
        "total_is_exact": found.counted,
        "limit": limit,
        "offset": offset,
        "partial": found.partial || partial,
        "inspected_spans": found.inspected,
        "inspected_blocks": found.blocks,
    })))
}

/// What `service`, `operation`, `min_duration`, `max_duration`, `error`, `tag`, `start` and `end` (nanoseconds) ask for.
fn filter(params: &Params) -> Result<Filter, ApiError> {
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
