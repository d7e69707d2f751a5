//! Our own API, under `/api/v1`. `openapi.json` describes it, and tests hold the two together.

mod alerts;
mod analytics;
mod live;
mod search;
mod trace;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::header,
    routing::{MethodRouter, delete, get, post},
};
use serde_json::{Map, Value, json};

use super::{
    app::{App, now_ns},
    error::ApiError,
};
use crate::store::Store;
pub(super) use trace::trace_id;

/// The description of this API.
const OPENAPI: &str = include_str!("../../../openapi.json");

/// Every path, as the description has them.
fn table() -> [(&'static str, MethodRouter<Arc<App>>); 13] {
    [
        ("/api/v1/traces", get(search::search)),
        ("/api/v1/traces/{id}", get(trace::trace)),
        ("/api/v1/compare", get(trace::compare_two)),
        ("/api/v1/live", get(live::live)),
        ("/api/v1/services", get(services)),
        ("/api/v1/status", get(status)),
        ("/api/v1/agents", get(agents)),
        ("/api/v1/analytics/service-dependencies", get(analytics::dependencies)),
        ("/api/v1/analytics/operations", get(analytics::operations)),
        ("/api/v1/alerts", get(alerts::alerts)),
        ("/api/v1/alerts/silences", post(alerts::silence)),
        ("/api/v1/alerts/silences/{id}", delete(alerts::unsilence)),
        ("/api/v1/openapi.json", get(async || ([(header::CONTENT_TYPE, "application/json")], OPENAPI))),
    ]
}

pub(super) fn routes() -> Router<Arc<App>> {
    table().into_iter().fold(Router::new(), |router, (path, method)| router.route(path, method))
}

async fn status(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    let size = app.ask(|store, _| store.size()).await?;
    Ok(Json(json!({"version": env!("CARGO_PKG_VERSION"), "spans": app.counters.read(), "store": size})))
}

async fn agents(State(app): State<Arc<App>>) -> Json<Value> {
    Json(app.agents.describe(now_ns()))
}

async fn services(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    let operations = app.ask(Store::operations).await?;
    let mut services = Map::new();
    for operation in operations {
        let entry = services.entry(operation.service).or_insert_with(|| json!([]));
        if let Value::Array(names) = entry {
            names.push(json!({"name": operation.name, "kind": operation.kind.name()}));
        }
    }
    Ok(Json(json!({ "services": services })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_has_exactly_the_paths_that_there_are() {
        let description: Value = serde_json::from_str(OPENAPI).expect("JSON");
        let mut described: Vec<&str> =
            description["paths"].as_object().expect("paths").keys().map(String::as_str).collect();
        described.sort_unstable();
        let mut there: Vec<&str> = table().iter().map(|(path, _)| *path).collect();
        there.sort_unstable();
        assert_eq!(described, there);
    }
}
