//! OTLP/gRPC: one unary call per batch.

use crate::{
    answer::{ExportResponse, RpcStatus},
    client::{self, HttpClient, LARGEST_ANSWER},
    codec::{Messages, Received},
    outcome::Outcome,
    settings::{Compression, Settings},
    signal::Signal,
    text,
    tls::CredentialError,
};
use base64::{
    Engine, alphabet,
    engine::DecodePaddingMode,
    engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use http_body_util::{BodyExt, combinators::MapFrame};
use hyper::{
    HeaderMap, Response, Uri,
    body::{Frame, Incoming},
    http::uri::PathAndQuery,
};
use prost::Message;
use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tonic::{
    Code, Request, Status,
    body::Body,
    client::Grpc,
    codec::{CompressionEncoding, DecodeBuf},
    metadata::MetadataMap,
};
use tower_service::Service;

/// Trailer that holds a `google.rpc.Status` in base64.
const DETAILS: &str = "grpc-status-details-bin";
/// Base64 as gRPC's binary headers use it: with or without padding (gRPC over HTTP2, "Custom-Metadata").
const BINARY: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Requests as they are, and answers that are read.
type Codec = Messages<Bytes, ExportResponse>;

/// Calls `Export` on one target.
pub(crate) struct GrpcSender {
    client: Grpc<Connection>,
    metadata: MetadataMap,
    timeout: Duration,
    signal: Signal,
}

impl GrpcSender {
    /// `headers` are the ones that every request carries.
    pub(crate) fn new(settings: &Settings, headers: HeaderMap) -> Result<GrpcSender, CredentialError> {
        let origin: Uri = settings.endpoint.uri().clone();
        let connection = Connection { client: client::build(settings)? };
        let mut client = Grpc::with_origin(connection, origin).max_decoding_message_size(LARGEST_ANSWER);
        if settings.compression == Compression::Gzip {
            client = client.send_compressed(CompressionEncoding::Gzip);
        }
        let metadata = MetadataMap::from_headers(headers);
        Ok(GrpcSender { client, metadata, timeout: settings.timeout, signal: settings.signal })
    }

    pub(crate) async fn send(&self, payload: Bytes) -> Outcome {
        let mut request = Request::new(payload);
        *request.metadata_mut() = self.metadata.clone();
        request.set_timeout(self.timeout);
        let mut client = self.client.clone();
        match client.unary(request, PathAndQuery::from_static(self.signal.method()), Codec::default()).await {
            Ok(response) => Outcome::Accepted(response.into_inner().acceptance()),
            Err(status) => judge(&status),
        }
    }
}

/// "Failures" of OTLP/gRPC: which codes are retryable.
fn judge(status: &Status) -> Outcome {
    // A status that the backend sent has no source; one that tonic made of a broken connection has.
    if let Some(cause) = status.source() {
        return Outcome::unavailable(text::chain(cause));
    }
    let text = format!("the backend answered {:?}: {}", status.code(), status.message());
    let retry_after = RpcStatus::decode(status.details()).ok().and_then(|details| details.retry_delay());
    match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Outcome::Unavailable { text, retry_after },
        // Without a delay it means "too large" or "no quota", which a retry would not change.
        Code::ResourceExhausted if retry_after.is_some() => Outcome::Unavailable { text, retry_after },
        _ => Outcome::Refused(text),
    }
}

/// The HTTP client as tonic wants it.
#[derive(Clone)]
struct Connection {
    client: HttpClient<Body>,
}

/// A response body whose trailers tonic can read.
type Answer = MapFrame<Incoming, fn(Frame<Bytes>) -> Frame<Bytes>>;

/// A connection that failed, with its causes in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct ConnectionError(String);

impl Service<hyper::Request<Body>> for Connection {
    type Response = Response<Answer>;
    type Error = ConnectionError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Answer>, ConnectionError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: hyper::Request<Body>) -> Self::Future {
        let answer = self.client.request(request);
        Box::pin(async move {
            let mut response = answer.await.map_err(|error| ConnectionError(text::chain(&error)))?;
            remove_bad_details(response.headers_mut());
            Ok(response.map(|body| body.map_frame(readable as fn(_) -> _)))
        })
    }
}

fn readable(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            remove_bad_details(&mut trailers);
            Frame::trailers(trailers)
        }
        Err(frame) => frame,
    }
}

/// tonic 0.14 panics on status details that are not base64 (`Status::from_header_map`).
fn remove_bad_details(headers: &mut HeaderMap) {
    if headers.get(DETAILS).is_some_and(|value| BINARY.decode(value).is_err()) {
        headers.remove(DETAILS);
    }
}

impl Received for ExportResponse {
    /// The status is the verdict: an answer that cannot be read must not cause the batch to be sent twice.
    fn read(buffer: &mut DecodeBuf<'_>) -> Result<Self, Status> {
        Ok(Self::decode(buffer).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retryable_codes_are_those_of_the_specification() {
        let retryable: Vec<Code> = (1..17)
            .map(Code::from_i32)
            .filter(|&code| matches!(judge(&Status::new(code, "")), Outcome::Unavailable { .. }))
            .collect();
        assert_eq!(
            retryable,
            [
                Code::Cancelled,
                Code::DeadlineExceeded,
                Code::Aborted,
                Code::OutOfRange,
                Code::Unavailable,
                Code::DataLoss
            ]
        );
    }

    #[test]
    fn only_unreadable_details_are_removed() {
        let kept = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(DETAILS, value.parse().unwrap());
            remove_bad_details(&mut headers);
            headers.contains_key(DETAILS)
        };
        assert!(kept("CA4="));
        assert!(kept("CA4"));
        assert!(!kept("CA4*"));
        assert!(!kept("A"));
    }
}
