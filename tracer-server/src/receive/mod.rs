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

pub(crate) use grpc::service as grpc_service;
pub(crate) use http::router as http_router;
pub(crate) use intake::{Intake, Refusal};
pub(crate) use jaeger::{grpc_service as jaeger_grpc_service, http_router as jaeger_http_router};
pub(crate) use zipkin::{PEER_SERVICE, router as zipkin_router};

/// Largest request, as sent and decompressed, in bytes. Batches of OpenTelemetry SDKs are a hundredth of it.
pub const LARGEST_REQUEST: usize = 16 << 20;
