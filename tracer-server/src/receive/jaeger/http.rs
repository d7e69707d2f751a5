//! `POST /api/traces`: a batch in Thrift.

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::post,
};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

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

/// The spans of a batch.
pub(in crate::receive) fn from_thrift(bytes: &[u8]) -> Result<ExportTraceServiceRequest, Refusal> {
    let batch = read_batch(bytes)
        .map_err(|error| Refusal::Malformed("batch of Jaeger's (Thrift, binary)", error.to_string()))?;
    Ok(foreign::request(vec![batch.into_otlp()]))
}

async fn take(State(intake): State<Intake>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let result = async {
        plain::authorize(&intake, &head.headers)?;
        if !is_type(&head.headers, &TYPES) {
            return Err(plain::other_type(&head.headers, "application/x-thrift"));
        }
        let bytes = body::read(&head.headers, body).await?;
        intake.take_converted(from_thrift(&bytes)?).await
    };
    plain::answer(&intake, result.await, || StatusCode::ACCEPTED.into_response())
}
