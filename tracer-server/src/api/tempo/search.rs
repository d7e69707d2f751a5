//! Searches: by TraceQL (`q`), or by what came before it (`tags`, `minDuration`, `maxDuration`).

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::{
    super::{app::App, error::ApiError, params::Params},
    Failure, SECOND_NS,
};
use crate::{
    analysis::{Trace, traces},
    query::{Condition, Field, Filter, FoundTrace, Op, Scope, Search},
    spans::{SpanRef, TraceId, ValueRef, to_json},
    traceql,
};

/// Most traces in one answer.
const MOST_TRACES: usize = 1000;

/// Sets of spans of one trace in an answer, at most.
const MOST_SETS: usize = 20;

pub(super) async fn search(State(app): State<Arc<App>>, params: Params) -> Result<Json<Value>, Failure> {
    let limit = params.bounded("limit", 20, 1..MOST_TRACES + 1)?;
    let spans_per_set = params.bounded("spss", 3, 1..101)?;
    if let Some(query) = params.get("q") {
        let query = traceql::parse(query).map_err(ApiError::Query)?;
        return Ok(Json(by_query(&app, query, params.range(SECOND_NS)?, limit, spans_per_set).await?));
    }
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

async fn by_query(
    app: &Arc<App>,
    query: traceql::Query,
    range: std::ops::Range<u64>,
    limit: usize,
    spans_per_set: usize,
) -> Result<Value, ApiError> {
    let hits = app
        .ask(move |store, deadline| {
            let shown = query.shown();
            traceql::search(store, &query, &range, limit, deadline, |hit| {
                let sets: Vec<Value> = hit
                    .sets
                    .iter()
                    .take(MOST_SETS)
                    .map(|set| set_json(hit.trace, set, &shown, spans_per_set))
                    .collect();
                let mut json = head_json(hit.trace);
                json["spanSet"] = sets.first().cloned().unwrap_or_default();
                json["spanSets"] = Value::Array(sets);
                json
            })
        })
        .await?;
    Ok(json!({
        "traces": hits.hits,
        "metrics": {"inspectedTraces": hits.traces, "inspectedSpans": hits.spans.to_string()},
        "partial": hits.partial,
    }))
}

/// A set of spans, with what `by` and the aggregates say of it as its attributes, as Tempo has it.
fn set_json(trace: &Trace<'_>, set: &traceql::SpanSet, shown: &[&traceql::Field], most: usize) -> Value {
    let by = set.by.iter().map(|(name, value)| (format!("by({name})"), query_value(value)));
    let numbers = set.numbers.iter().map(|(name, number)| (name.clone(), json!({"doubleValue": number})));
    let attributes: Vec<Value> =
        by.chain(numbers).map(|(key, value)| json!({"key": key, "value": value})).collect();
    let spans = set.spans.iter().take(most).map(|&index| {
        let span = trace.spans[index];
        let attributes: Vec<Value> = shown
            .iter()
            .filter_map(|field| match field.of(trace, index) {
                traceql::Value::Nil => None,
                value => Some(json!({"key": field.plain_name(), "value": query_value(&value)})),
            })
            .collect();
        json!({
            "spanID": span.row().span_id.to_string(),
            "name": span.name(),
            "startTimeUnixNano": span.row().start_ns.to_string(),
            "durationNanos": span.row().duration_ns.to_string(),
            "attributes": attributes,
        })
    });
    let spans: Vec<Value> = spans.collect();
    json!({"spans": spans, "matched": set.spans.len(), "attributes": attributes})
}

fn query_value(value: &traceql::Value) -> Value {
    match value {
        traceql::Value::Int(number) | traceql::Value::Duration(number) => any_value(ValueRef::Int(*number)),
        traceql::Value::Float(number) => any_value(ValueRef::Double(*number)),
        traceql::Value::Bool(truth) => any_value(ValueRef::Bool(*truth)),
        other => any_value(ValueRef::Text(&other.to_text())),
    }
}

fn trace_json(trace: &Trace<'_>, hit: &FoundTrace, spans_per_set: usize) -> Value {
    let matching = trace.spans.iter().filter(|span| hit.spans.contains(&span.row().span_id));
    let spans: Vec<Value> = matching.take(spans_per_set).map(|span| span_json(*span)).collect();
    let span_set = json!({"spans": spans, "matched": hit.matched});
    let mut json = head_json(trace);
    json["spanSet"] = span_set.clone();
    json["spanSets"] = json!([span_set]);
    json
}

/// What is said of a trace whatever was asked for.
fn head_json(trace: &Trace<'_>) -> Value {
    let (start, end) = trace.extent();
    let root = trace.root();
    json!({
        "traceID": trace.id.to_string(),
        "rootServiceName": root.map_or("", SpanRef::service),
        "rootTraceName": root.map_or("", SpanRef::name),
        "startTimeUnixNano": start.to_string(),
        "durationMs": (end - start) / 1_000_000,
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
