//! Alerts, and silences.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
};
use serde_json::{Value, json};

use super::super::{
    app::{App, now_ns},
    error::ApiError,
    params::Params,
};
use crate::alerts::{NewSilence, Phase, SilenceError};

pub(super) async fn alerts(State(app): State<Arc<App>>, params: Params) -> Result<Json<Value>, ApiError> {
    let phase = params.read("state", "pending, firing or resolved", |text| match text {
        "pending" => Some(Phase::Pending),
        "firing" => Some(Phase::Firing),
        "resolved" => Some(Phase::Resolved),
        _ => None,
    })?;
    Ok(Json(app.alerts.describe(phase, now_ns())))
}

pub(super) async fn silence(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    // Pages of other sites cannot send this type without asking first.
    let content_type = headers.get(header::CONTENT_TYPE).map(header::HeaderValue::as_bytes);
    if !content_type.is_some_and(|value| value.starts_with(b"application/json")) {
        return Err(ApiError::Body("send it with the header `content-type: application/json`.".to_owned()));
    }
    let new: NewSilence = serde_json::from_slice(&body).map_err(|error| ApiError::Body(error.to_string()))?;
    let id = app.alerts.silence(new, now_ns()).map_err(refuse)?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

pub(super) async fn unsilence(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let known = match id.parse() {
        Ok(number) => app.alerts.unsilence(number).map_err(refuse)?,
        Err(_) => false,
    };
    if known { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::NoSilence(id)) }
}

fn refuse(error: SilenceError) -> ApiError {
    match error {
        SilenceError::Write(error) => {
            tracing::warn!(%error, "a silence cannot be stored");
            ApiError::Failed
        }
        refused => ApiError::Body(refused.to_string()),
    }
}
