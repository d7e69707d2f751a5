//! gRPC services of one method: `Export` of OTLP, and the frame of others like it.
//!
//! They are written out instead of generated because the log wants the very bytes that came.

use std::{
    convert::Infallible,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use axum::http::{HeaderValue, Request, Response};
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::{
    metrics::v1::ExportMetricsServiceResponse, trace::v1::ExportTraceServiceResponse,
};
use prost::Message;
use tonic::{
    Code, Status,
    body::Body,
    codec::CompressionEncoding,
    server::{Grpc, NamedService, UnaryService},
};
use tower_service::Service;
use tracer_otlp::{Messages, Protobuf};

use super::{
    LARGEST_REQUEST,
    intake::{Intake, Refusal},
};

/// The one method of a service.
pub(crate) trait Method: Clone + Copy + Send + Sync + 'static {
    /// The service's name.
    const SERVICE: &'static str;
    /// The method's path.
    const PATH: &'static str;
    /// What it answers.
    type Response: Message + Default + 'static;

    /// Takes a request; resolves when it is durable.
    fn take(
        intake: Intake,
        body: Bytes,
    ) -> Pin<Box<dyn Future<Output = Result<Self::Response, Refusal>> + Send>>;
}

/// `Export` of OTLP (opentelemetry/proto/collector/trace/v1/trace_service.proto).
#[derive(Clone, Copy)]
pub(crate) struct Export;

impl Method for Export {
    const SERVICE: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
    const PATH: &'static str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    type Response = ExportTraceServiceResponse;

    fn take(
        intake: Intake,
        body: Bytes,
    ) -> Pin<Box<dyn Future<Output = Result<ExportTraceServiceResponse, Refusal>> + Send>> {
        Box::pin(async move { intake.take_protobuf(body).await })
    }
}

/// `Export` of OTLP (opentelemetry/proto/collector/metrics/v1/metrics_service.proto).
#[derive(Clone, Copy)]
pub(crate) struct ExportMetrics;

impl Method for ExportMetrics {
    const SERVICE: &'static str = "opentelemetry.proto.collector.metrics.v1.MetricsService";
    const PATH: &'static str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
    type Response = ExportMetricsServiceResponse;

    fn take(
        intake: Intake,
        body: Bytes,
    ) -> Pin<Box<dyn Future<Output = Result<ExportMetricsServiceResponse, Refusal>> + Send>> {
        Box::pin(async move { intake.take_metrics(body) })
    }
}

/// The metrics service.
pub(crate) fn metrics_service(intake: Intake) -> Unary<ExportMetrics> {
    Unary::new(intake)
}

/// The trace service.
pub(crate) fn service(intake: Intake) -> Unary<Export> {
    Unary::new(intake)
}

/// A service of one method.
#[derive(Clone)]
pub(crate) struct Unary<M> {
    intake: Intake,
    method: PhantomData<M>,
}

impl<M: Method> Unary<M> {
    pub(super) fn new(intake: Intake) -> Self {
        Self { intake, method: PhantomData }
    }
}

impl<M: Method> NamedService for Unary<M> {
    const NAME: &'static str = M::SERVICE;
}

impl<M: Method> Service<Request<Body>> for Unary<M> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            if request.uri().path() != M::PATH {
                let message = format!("This service has one method, {}.", M::PATH);
                return Ok(Status::unimplemented(message).into_http());
            }
            let header = request.headers().get("authorization").map(HeaderValue::as_bytes);
            if let Err(refusal) = service.intake.authorize(header) {
                service.intake.count(&refusal);
                return Ok(status(&refusal).into_http());
            }
            let mut grpc = Grpc::new(Messages::<Protobuf<M::Response>, Bytes>::default())
                .accept_compressed(CompressionEncoding::Gzip)
                .accept_compressed(CompressionEncoding::Zstd)
                .max_decoding_message_size(LARGEST_REQUEST);
            let intake = service.intake.clone();
            let mut response = grpc.unary(service, request).await;
            explain(&intake, &mut response);
            Ok(response)
        })
    }
}

/// What tonic itself refuses: counts it, and says that a retry is of no use where OTLP clients would take its code for
/// retryable ("Failures" of OTLP/gRPC).
fn explain(intake: &Intake, response: &mut Response<Body>) {
    let Some(code) = response.headers().get("grpc-status").map(|value| Code::from_bytes(value.as_bytes()))
    else {
        return;
    };
    let refusal = match code {
        // Too large as sent, too large decompressed.
        Code::OutOfRange | Code::ResourceExhausted => Refusal::TooLarge,
        // Cannot be decompressed, or is no gRPC.
        Code::Internal => Refusal::Body("it is no gRPC message, or cannot be decompressed".to_owned()),
        Code::Unimplemented => Refusal::ContentEncoding("of the message".to_owned()),
        // From `Export`, counted there.
        _ => return,
    };
    intake.count(&refusal);
    *response = status(&refusal).into_http();
}

fn status(refusal: &Refusal) -> Status {
    let code = match refusal {
        Refusal::Unauthorized => Code::Unauthenticated,
        Refusal::ContentEncoding(_) => Code::Unimplemented,
        Refusal::ContentType(..) | Refusal::TooLarge | Refusal::Malformed(..) | Refusal::Body(_) => {
            Code::InvalidArgument
        }
        Refusal::Append(_) => Code::Unavailable,
    };
    Status::new(code, refusal.to_string())
}

impl<M: Method> UnaryService<Bytes> for Unary<M> {
    type Response = Protobuf<M::Response>;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Self::Response>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let intake = self.intake.clone();
        Box::pin(async move {
            let result = M::take(intake.clone(), request.into_inner()).await;
            result.map(|answer| tonic::Response::new(Protobuf(answer))).map_err(|refusal| {
                intake.count(&refusal);
                status(&refusal)
            })
        })
    }
}
