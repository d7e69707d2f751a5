//! What both formats of Jaeger say of spans.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;

/// The spans of one process.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) service: String,
    pub(super) tags: Vec<(String, Any)>,
    pub(super) spans: Vec<Span>,
}

/// A span.
#[derive(Debug, Default)]
pub(super) struct Span {
    pub(super) trace_id: [u8; 16],
    pub(super) id: [u8; 8],
    /// Of Thrift alone; zero for none.
    pub(super) parent_id: [u8; 8],
    pub(super) name: String,
    pub(super) references: Vec<Reference>,
    pub(super) flags: u32,
    /// Nanoseconds since 1970.
    pub(super) start_ns: u64,
    pub(super) duration_ns: u64,
    pub(super) tags: Vec<(String, Any)>,
    pub(super) logs: Vec<Log>,
}

/// What a span refers to.
#[derive(Debug, Default)]
pub(super) struct Reference {
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
    /// `FOLLOWS_FROM` instead of `CHILD_OF`.
    pub(super) follows: bool,
}

/// What happened during a span.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Nanoseconds since 1970.
    pub(super) time_ns: u64,
    pub(super) fields: Vec<(String, Any)>,
}
