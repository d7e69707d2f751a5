//! `google.rpc.Status` (googleapis, google/rpc/status.proto): the body of OTLP/HTTP's error answers.

use serde::Serialize;
use tonic::Code;

/// An error as clients of OTLP read it.
#[derive(Clone, PartialEq, Eq, Serialize, prost::Message)]
pub(super) struct RpcStatus {
    /// A gRPC code.
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    /// A sentence.
    #[prost(string, tag = "2")]
    pub(super) message: String,
}

impl RpcStatus {
    pub(super) fn new(code: Code, message: String) -> Self {
        Self { code: code as i32, message }
    }
}
