//! OTLP in: gRPC and HTTP (<https://opentelemetry.io/docs/specs/otlp/>).

mod body;
mod grpc;
mod http;
mod intake;
mod status;

pub(crate) use grpc::service as grpc_service;
pub(crate) use http::router as http_router;
pub(crate) use intake::{Intake, Refusal};

/// Largest request, as sent and decompressed, in bytes. Batches of OpenTelemetry SDKs are a hundredth of it.
pub const LARGEST_REQUEST: usize = 16 << 20;
