//! OTLP/gRPC: the method `Export` of the trace service.
//!
//! The service is written out instead of generated because the log wants the very bytes that came.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use axum::http::{HeaderValue, Request, Response};
use bytes::{Buf as _, Bytes};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use tonic::{
    Code, Status,
    body::Body,
    codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder},
    server::{Grpc, NamedService, UnaryService},
};
use tower_service::Service;

use super::{
    LARGEST_REQUEST,
    intake::{Intake, Refusal},
};

/// The one method (opentelemetry/proto/collector/trace/v1/trace_service.proto).
const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// The trace service.
pub(crate) fn service(intake: Intake) -> TraceService {
    TraceService { intake }
}

/// See [`service`].
#[derive(Clone)]
pub(crate) struct TraceService {
    intake: Intake,
}

impl NamedService for TraceService {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

impl Service<Request<Body>> for TraceService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let intake = self.intake.clone();
        Box::pin(async move {
            if request.uri().path() != EXPORT {
                return Ok(Status::unimplemented("The trace service has one method, Export.").into_http());
            }
            let header = request.headers().get("authorization").map(HeaderValue::as_bytes);
            if let Err(refusal) = intake.authorize(header) {
                intake.count(&refusal);
                return Ok(status(&refusal).into_http());
            }
            let mut grpc = Grpc::new(RawCodec)
                .accept_compressed(CompressionEncoding::Gzip)
                .accept_compressed(CompressionEncoding::Zstd)
                .max_decoding_message_size(LARGEST_REQUEST);
            let mut response = grpc.unary(Export { intake: intake.clone() }, request).await;
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
        Code::Internal => Refusal::Malformed("it is no gRPC message, or cannot be decompressed".to_owned()),
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
        Refusal::ContentType(_) | Refusal::TooLarge | Refusal::Malformed(_) => Code::InvalidArgument,
        Refusal::Append(_) => Code::Unavailable,
    };
    Status::new(code, refusal.to_string())
}

struct Export {
    intake: Intake,
}

impl UnaryService<Bytes> for Export {
    type Response = ExportTraceServiceResponse;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Self::Response>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let intake = self.intake.clone();
        Box::pin(async move {
            let result = intake.take_protobuf(request.into_inner()).await;
            result.map(tonic::Response::new).map_err(|refusal| {
                intake.count(&refusal);
                status(&refusal)
            })
        })
    }
}

/// Hands requests on as they came.
struct RawCodec;

impl Codec for RawCodec {
    type Encode = ExportTraceServiceResponse;
    type Decode = Bytes;
    type Encoder = RawCodec;
    type Decoder = RawCodec;

    fn encoder(&mut self) -> RawCodec {
        RawCodec
    }

    fn decoder(&mut self) -> RawCodec {
        RawCodec
    }
}

impl Encoder for RawCodec {
    type Item = ExportTraceServiceResponse;
    type Error = Status;

    fn encode(&mut self, response: Self::Item, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        response.encode(buffer).map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
