//! Tempo's HTTP API, for Grafana's data source of that name (docs: Tempo, "HTTP API").
//!
//! It lives under `/tempo` as a whole. The paths that Jaeger does not have work at the root as well; of the one that both
//! have, `/api/traces/{id}`, clients of Tempo get their form by asking for protobuf, as Grafana does.

mod search;
mod tags;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message as _;
use serde_json::{Value, json};

use super::{app::App, error::ApiError, own::trace_id};
use crate::spans::resource_spans;

/// Seconds, the unit of Tempo's times, in nanoseconds.
const SECOND_NS: u64 = 1_000_000_000;

const PROTOBUF: &str = "application/protobuf";

pub(super) fn routes() -> Router<Arc<App>> {
    let shared = Router::new()
        .route("/ready", get(async || "ready\n"))
        .route("/api/echo", get(async || "echo"))
        .route("/api/status/buildinfo", get(build_info))
        .route("/api/v2/traces/{id}", get(trace_v2))
        .route("/api/search", get(search::search))
        .merge(tags::routes());
    let prefixed = shared.clone().route("/api/traces/{id}", get(trace));
    shared.nest("/tempo", prefixed)
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

async fn build_info() -> Json<Value> {
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "revision": "", "branch": "", "buildDate": "", "buildUser": "", "goVersion": "",
    }))
}

/// Whether a client wants protobuf, which for the path of both APIs means that it speaks Tempo's.
pub(super) fn wants_protobuf(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains(PROTOBUF))
}

/// A trace by its id: `tempopb.Trace`, which has the fields of `TracesData` with `batches` for `resource_spans`.
pub(super) async fn trace_response(app: Arc<App>, id: String, protobuf: bool) -> Result<Response, ApiError> {
    let data = load(&app, &id).await?;
    Ok(if protobuf {
        (StatusCode::OK, [(header::CONTENT_TYPE, PROTOBUF)], data.encode_to_vec()).into_response()
    } else {
        Json(json!({ "batches": data.resource_spans })).into_response()
    })
}

async fn load(app: &Arc<App>, id: &str) -> Result<TracesData, ApiError> {
    let wanted = trace_id(id)?;
    let data = app.ask(move |store, deadline| {
        let spans = store.traces(&[wanted], deadline).spans;
        TracesData { resource_spans: resource_spans(&spans, spans.iter()) }
    });
    let data = data.await?;
    if data.resource_spans.is_empty() { Err(ApiError::NoTrace(id.to_owned())) } else { Ok(data) }
}

async fn trace(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    Ok(trace_response(app, id, wants_protobuf(&headers)).await?)
}

/// `tempopb.TraceByIDResponse`: the trace is its field 1.
#[derive(Clone, PartialEq, prost::Message)]
struct TraceById {
    #[prost(message, optional, tag = "1")]
    trace: Option<TracesData>,
}

async fn trace_v2(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let data = load(&app, &id).await?;
    Ok(if wants_protobuf(&headers) {
        let body = TraceById { trace: Some(data) }.encode_to_vec();
        (StatusCode::OK, [(header::CONTENT_TYPE, PROTOBUF)], body).into_response()
    } else {
        Json(json!({"trace": {"resourceSpans": data.resource_spans}, "metrics": {}})).into_response()
    })
}
