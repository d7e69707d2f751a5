//! Answers of receivers whose clients read no more than the status: plain sentences.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::{Intake, Refusal};

/// Whether the request carries the token.
pub(super) fn authorize(intake: &Intake, headers: &HeaderMap) -> Result<(), Refusal> {
    intake.authorize(headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes))
}

/// Whether the body is of one of these types, without their parameters; "" stands for none said.
pub(super) fn is_type(headers: &HeaderMap, types: &[&str]) -> bool {
    let said = said(headers);
    types.contains(&said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str())
}

/// The refusal of a body of another type.
pub(super) fn other_type(headers: &HeaderMap, wanted: &'static str) -> Refusal {
    Refusal::ContentType(said(headers).to_owned(), wanted)
}

fn said(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or("?"))
}

/// The answer, or the refusal, which is counted.
pub(super) fn answer<T>(
    intake: &Intake,
    result: Result<T, Refusal>,
    taken: impl FnOnce() -> Response,
) -> Response {
    match result {
        Ok(_) => taken(),
        Err(refusal) => {
            intake.count(&refusal);
            (status_of(&refusal), format!("{refusal}\n")).into_response()
        }
    }
}

/// The status of a refusal, for every receiver over HTTP: 503 alone is worth another try.
pub(super) fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Unauthorized => StatusCode::UNAUTHORIZED,
        Refusal::ContentType(..) | Refusal::ContentEncoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::Malformed(..) | Refusal::Body(_) => StatusCode::BAD_REQUEST,
        Refusal::Append(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
