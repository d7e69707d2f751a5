//! Which tags there are, and which values they have: what an editor of queries completes.

use std::{collections::BTreeSet, ops::ControlFlow, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::get,
};
use serde_json::{Value, json};

use super::{
    super::{app::App, error::ApiError, params::Params},
    Failure, SECOND_NS,
};
use crate::{
    query::{Field as StoreField, Filter, Scope},
    spans::{Kind, Status, ValueRef},
    traceql::{self, Field, Intrinsic},
};

/// Values in one answer, at most.
const MOST_VALUES: usize = 1000;

/// Spans that are looked at for one answer, at most.
const MOST_SPANS: usize = 1_000_000;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/search/tags", get(names))
        .route("/api/v2/search/tags", get(names_by_scope))
        .route("/api/search/tag/{tag}/values", get(values))
        .route("/api/v2/search/tag/{tag}/values", get(typed_values))
}

type Scopes = Vec<(&'static str, BTreeSet<String>)>;

/// The names of each scope that is asked for.
async fn scopes(app: &Arc<App>, params: &Params) -> Result<Scopes, ApiError> {
    const SCOPES: [&str; 6] = ["span", "resource", "intrinsic", "event", "link", "instrumentation"];
    let wanted = params.read(
        "scope",
        "one of span, resource, intrinsic, event, link, instrumentation and none",
        |scope| match scope {
            "none" => Some(None),
            scope => SCOPES.contains(&scope).then(|| Some(scope.to_owned())),
        },
    )?;
    let wanted = wanted.flatten();
    let range = params.range(SECOND_NS)?;
    let is_wanted = move |scope: &str| wanted.as_ref().is_none_or(|wanted| wanted == scope);
    app.ask(move |store, deadline| {
        let mut scopes = Scopes::new();
        if is_wanted("span") {
            scopes.push(("span", store.attribute_names(&range, deadline)));
        }
        if is_wanted("resource") {
            let mut names = BTreeSet::new();
            let filter = Filter { start_ns: range, conditions: Vec::new() };
            let mut looked = 0;
            store.select(
                &filter,
                &[StoreField::Attribute(Scope::Resource, String::new())],
                deadline,
                |span| {
                    for (key, _) in span.resource_attributes() {
                        if !names.contains(key) {
                            names.insert(key.to_owned());
                        }
                    }
                    looked += 1;
                    if looked < MOST_SPANS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                },
            );
            scopes.push(("resource", names));
        }
        if is_wanted("intrinsic") {
            let names =
                Intrinsic::ALL.iter().map(|(long, short, _)| if short.is_empty() { long } else { short });
            scopes.push(("intrinsic", names.map(|name| (*name).to_owned()).collect()));
        }
        scopes
    })
    .await
}

async fn names(State(app): State<Arc<App>>, params: Params) -> Result<Json<Value>, Failure> {
    let names: BTreeSet<String> =
        scopes(&app, &params).await?.into_iter().flat_map(|(_, names)| names).collect();
    Ok(Json(json!({"tagNames": names, "metrics": {}})))
}

async fn names_by_scope(State(app): State<Arc<App>>, params: Params) -> Result<Json<Value>, Failure> {
    let scopes = scopes(&app, &params).await?;
    let scopes: Vec<Value> =
        scopes.into_iter().map(|(name, tags)| json!({"name": name, "tags": tags})).collect();
    Ok(Json(json!({"scopes": scopes, "metrics": {}})))
}

/// A value and what Tempo calls its type.
type Typed = (String, &'static str);

async fn values(
    State(app): State<Arc<App>>,
    Path(tag): Path<String>,
    params: Params,
) -> Result<Json<Value>, Failure> {
    let values = of_tag(&app, &tag, &params).await?;
    let values: BTreeSet<String> = values.into_iter().map(|(value, _)| value).collect();
    Ok(Json(json!({"tagValues": values, "metrics": {}})))
}

async fn typed_values(
    State(app): State<Arc<App>>,
    Path(tag): Path<String>,
    params: Params,
) -> Result<Json<Value>, Failure> {
    let values = of_tag(&app, &tag, &params).await?;
    let values: Vec<Value> =
        values.into_iter().map(|(value, of)| json!({"type": of, "value": value})).collect();
    Ok(Json(json!({"tagValues": values, "metrics": {}})))
}

async fn of_tag(app: &Arc<App>, tag: &str, params: &Params) -> Result<BTreeSet<Typed>, ApiError> {
    // The first version of the API has names without scopes.
    let field = traceql::parse_field(tag).unwrap_or_else(|| Field::Attribute(tag.to_owned()));
    let keywords = |names: &mut dyn Iterator<Item = &'static str>| -> BTreeSet<Typed> {
        names.map(|name| (name.to_owned(), "keyword")).collect()
    };
    match &field {
        Field::Intrinsic(Intrinsic::Status) => {
            return Ok(keywords(&mut Status::ALL.iter().map(|status| status.name())));
        }
        Field::Intrinsic(Intrinsic::Kind) => {
            return Ok(keywords(&mut Kind::ALL.iter().map(|kind| kind.name())));
        }
        _ => {}
    }
    let conditions = match params.get("q") {
        Some(query) => {
            let needs = traceql::needs(&traceql::parse(query).map_err(ApiError::Query)?);
            // Of several alternatives none is needed.
            if let [conditions] = needs.as_slice() { conditions.clone() } else { Vec::new() }
        }
        None => Vec::new(),
    };
    let filter = Filter { start_ns: params.range(SECOND_NS)?, conditions };
    let Some(stored) = field.stored() else { return Ok(BTreeSet::new()) };
    app.ask(move |store, deadline| {
        let mut values = BTreeSet::new();
        let mut looked = 0;
        store.select(&filter, std::slice::from_ref(&stored), deadline, |span| {
            if let Some(value) = stored.of(span) {
                values.insert(typed(value));
            }
            looked += 1;
            let is_enough = looked >= MOST_SPANS || values.len() >= MOST_VALUES;
            if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        values
    })
    .await
}

fn typed(value: ValueRef<'_>) -> Typed {
    let of = match value {
        ValueRef::Text(_) | ValueRef::Json(_) => "string",
        ValueRef::Int(_) => "int",
        ValueRef::Double(_) => "float",
        ValueRef::Bool(_) => "bool",
    };
    (value.to_text(), of)
}
