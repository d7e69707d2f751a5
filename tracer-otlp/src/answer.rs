//! The few protobuf messages that a backend answers with. Written out here since the generated crates bring all of OTLP
//! and an SDK with them.

use crate::outcome::Acceptance;
use prost::Message;
use std::time::Duration;

/// `opentelemetry.proto.collector.trace.v1.ExportTraceServiceResponse`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

/// `opentelemetry.proto.collector.trace.v1.ExportTracePartialSuccess`.
#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_spans: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// `google.rpc.Status`: the body of an OTLP/HTTP error and the `grpc-status-details-bin` trailer.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RpcStatus {
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "bytes", tag = "2")]
    value: bytes::Bytes,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<ProtoDuration>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, Copy, PartialEq, Message)]
struct ProtoDuration {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

impl ExportResponse {
    pub(crate) fn acceptance(self) -> Acceptance {
        let partial = self.partial_success.unwrap_or_default();
        Acceptance {
            rejected_spans: u64::try_from(partial.rejected_spans).unwrap_or(0),
            message: partial.error_message,
        }
    }
}

impl RpcStatus {
    /// The delay of a `RetryInfo` among the details. `None` if there is no such detail: its presence alone makes
    /// `RESOURCE_EXHAUSTED` retryable. A negative or missing delay is zero.
    pub(crate) fn retry_delay(&self) -> Option<Duration> {
        let detail = self.details.iter().find(|any| any.type_url.ends_with("/google.rpc.RetryInfo"))?;
        let delay = RetryInfo::decode(detail.value.clone()).ok()?.retry_delay.unwrap_or_default();
        let seconds = u64::try_from(delay.seconds).unwrap_or(0);
        let nanos = u32::try_from(delay.nanos).unwrap_or(0).min(999_999_999);
        Some(Duration::new(seconds, nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_delay(seconds: i64, nanos: i32) -> RpcStatus {
        let info = RetryInfo { retry_delay: Some(ProtoDuration { seconds, nanos }) };
        let value = info.encode_to_vec().into();
        let detail = Any { type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(), value };
        RpcStatus { message: String::new(), details: vec![Any::default(), detail] }
    }

    #[test]
    fn retry_delay_is_found_among_details() {
        assert_eq!(with_delay(2, 500_000_000).retry_delay(), Some(Duration::from_millis(2500)));
        assert_eq!(RpcStatus::default().retry_delay(), None);
    }

    #[test]
    fn nonsense_delays_do_not_overflow() {
        assert_eq!(with_delay(-1, -1).retry_delay(), Some(Duration::ZERO));
        assert_eq!(with_delay(i64::MAX, i32::MAX).retry_delay().unwrap().as_secs(), i64::MAX as u64);
    }

    #[test]
    fn negative_rejections_count_as_none() {
        let partial = PartialSuccess { rejected_spans: -3, error_message: "odd".to_owned() };
        let acceptance = ExportResponse { partial_success: Some(partial) }.acceptance();
        assert_eq!(acceptance, Acceptance { rejected_spans: 0, message: "odd".to_owned() });
    }
}
