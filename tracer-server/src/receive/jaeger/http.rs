//! `POST /api/traces`: a batch in Thrift.

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::post,
};

use super::{
    super::{
        Intake, Refusal, body, foreign,
        plain::{self, is_type},
    },
    thrift::read_batch,
};

/// As jaeger-collector has them.
const TYPES: [&str; 2] = ["application/x-thrift", "application/vnd.apache.thrift.binary"];

/// The one path.
pub(crate) fn router(intake: Intake) -> Router {
    Router::new().route("/api/traces", post(take)).with_state(intake)
}

async fn take(State(intake): State<Intake>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let result = async {
        plain::authorize(&intake, &head.headers)?;
        if !is_type(&head.headers, &TYPES) {
            return Err(plain::other_type(&head.headers, "application/x-thrift"));
        }
        let bytes = body::read(&head.headers, body).await?;
        let batch = read_batch(&bytes)
            .map_err(|error| Refusal::Malformed("batch of Jaeger's (Thrift, binary)", error.to_string()))?;
        intake.take_converted(foreign::request(vec![batch.into_otlp()])).await
    };
    plain::answer(&intake, result.await, || StatusCode::ACCEPTED.into_response())
}
