//! Spans in: OTLP over gRPC and HTTP (<https://opentelemetry.io/docs/specs/otlp/>), and what clients of Zipkin and Jaeger send.

mod body;
mod foreign;
mod grpc;
mod http;
mod intake;
mod jaeger;
mod plain;
mod status;
mod zipkin;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

pub(crate) use grpc::{metrics_service as grpc_metrics_service, service as grpc_service};
pub(crate) use http::router as http_router;
pub(crate) use intake::{Intake, Refusal};
pub(crate) use jaeger::{grpc_service as jaeger_grpc_service, http_router as jaeger_http_router};
pub(crate) use zipkin::{PEER_SERVICE, router as zipkin_router};

/// Spans out of a list of Zipkin's (JSON, version 2); else what is wrong with it.
pub fn from_zipkin(json: &[u8]) -> Result<ExportTraceServiceRequest, String> {
    zipkin::convert(json).map_err(|refusal| refusal.to_string())
}

/// Spans out of a batch of Jaeger's (Thrift, binary protocol); else what is wrong with it.
pub fn from_jaeger_thrift(bytes: &[u8]) -> Result<ExportTraceServiceRequest, String> {
    jaeger::from_thrift(bytes).map_err(|refusal| refusal.to_string())
}

/// Largest request, as sent and decompressed, in bytes. Batches of OpenTelemetry SDKs are a hundredth of it.
pub const LARGEST_REQUEST: usize = 16 << 20;
