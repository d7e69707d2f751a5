//! OTLP/HTTP: `POST /v1/traces` and `/v1/metrics` in protobuf or JSON ("OTLP/HTTP" of the specification).

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use prost::Message;
use serde::Serialize;
use tonic::Code;

use super::{
    body,
    intake::{Intake, Refusal},
    plain::status_of,
    status::RpcStatus,
};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// Seconds after which a client may try again what the server had no room for.
const RETRY_AFTER: &str = "1";

/// The paths.
pub(crate) fn router(intake: Intake) -> Router {
    Router::new().route("/v1/traces", post(traces)).route("/v1/metrics", post(metrics)).with_state(intake)
}

async fn traces(State(intake): State<Intake>, request: Request) -> Response {
    export(intake, request, async |intake, encoding, bytes| match encoding {
        Encoding::Protobuf => intake.take_protobuf(bytes).await,
        Encoding::Json => intake.take_json(&bytes).await,
    })
    .await
}

async fn metrics(State(intake): State<Intake>, request: Request) -> Response {
    export(intake, request, async |intake, encoding, bytes| match encoding {
        Encoding::Protobuf => intake.take_metrics(bytes),
        Encoding::Json => intake.take_metrics_json(&bytes),
    })
    .await
}

#[derive(Clone, Copy)]
enum Encoding {
    Protobuf,
    Json,
}

async fn export<T: Message + Serialize>(
    intake: Intake,
    request: Request,
    take: impl AsyncFnOnce(Intake, Encoding, Bytes) -> Result<T, Refusal>,
) -> Response {
    let (head, body) = request.into_parts();
    // Also what cannot be read is refused in a form that the client can read: protobuf, the default of exporters.
    let encoding = encoding_of(&head.headers);
    let reply = encoding.as_ref().copied().unwrap_or(Encoding::Protobuf);
    let result = match encoding {
        Ok(encoding) => match read(&intake, &head.headers, body).await {
            Ok(bytes) => take(intake.clone(), encoding, bytes).await,
            Err(refusal) => Err(refusal),
        },
        Err(refusal) => Err(refusal),
    };
    match result {
        Ok(response) => answer(reply, StatusCode::OK, &response),
        Err(refusal) => {
            intake.count(&refusal);
            let (status, code) = codes(&refusal);
            let mut response = answer(reply, status, &RpcStatus::new(code, refusal.to_string()));
            if status == StatusCode::SERVICE_UNAVAILABLE {
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, header::HeaderValue::from_static(RETRY_AFTER));
            }
            response
        }
    }
}

async fn read(intake: &Intake, headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
    intake.authorize(headers.get(header::AUTHORIZATION).map(header::HeaderValue::as_bytes))?;
    body::read(headers, body).await
}

fn encoding_of(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let value = headers.get(header::CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or("?"));
    match value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        PROTOBUF => Ok(Encoding::Protobuf),
        JSON => Ok(Encoding::Json),
        _ => Err(Refusal::ContentType(value.to_owned(), "application/x-protobuf or application/json")),
    }
}

/// "Failures" of OTLP/HTTP: only 429, 502, 503 and 504 are tried again.
fn codes(refusal: &Refusal) -> (StatusCode, Code) {
    let code = match refusal {
        Refusal::Unauthorized => Code::Unauthenticated,
        Refusal::Append(_) => Code::Unavailable,
        _ => Code::InvalidArgument,
    };
    (status_of(refusal), code)
}

fn answer<T: Message + Serialize>(encoding: Encoding, status: StatusCode, message: &T) -> Response {
    match encoding {
        Encoding::Protobuf => {
            (status, [(header::CONTENT_TYPE, PROTOBUF)], message.encode_to_vec()).into_response()
        }
        Encoding::Json => {
            let mut json = serde_json::to_value(message).unwrap_or_default();
            // What is not there is left out, as protobuf's JSON mapping has it.
            if let Some(fields) = json.as_object_mut() {
                fields.retain(|_, value| !value.is_null());
            }
            (status, [(header::CONTENT_TYPE, JSON)], json.to_string()).into_response()
        }
    }
}
