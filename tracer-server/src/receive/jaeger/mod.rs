//! Jaeger in: Thrift over HTTP (`POST /api/traces`), and gRPC (`jaeger.api_v2.CollectorService/PostSpans`).
//!
//! The formats are those of jaeger-idl: thrift/jaeger.thrift and proto/api_v2/model.proto.

mod convert;
mod grpc;
mod http;
mod model;
mod thrift;

pub(crate) use grpc::service as grpc_service;
pub(super) use http::from_thrift;
pub(crate) use http::router as http_router;
