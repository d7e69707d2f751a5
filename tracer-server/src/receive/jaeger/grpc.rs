//! `jaeger.api_v2.CollectorService/PostSpans` (jaeger-idl, proto/api_v2/collector.proto and model.proto).

use std::{future::Future, pin::Pin};

use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use prost::Message;

use super::{
    super::{
        Intake, Refusal, foreign,
        grpc::{Method, Unary},
    },
    model::{Batch, Log, Reference, Span},
};

/// The collector's service.
pub(crate) fn service(intake: Intake) -> Unary<PostSpans> {
    Unary::new(intake)
}

/// See the module.
#[derive(Clone, Copy)]
pub(crate) struct PostSpans;

impl Method for PostSpans {
    const SERVICE: &'static str = "jaeger.api_v2.CollectorService";
    const PATH: &'static str = "/jaeger.api_v2.CollectorService/PostSpans";
    type Response = PostSpansResponse;

    fn take(
        intake: Intake,
        body: Bytes,
    ) -> Pin<Box<dyn Future<Output = Result<PostSpansResponse, Refusal>> + Send>> {
        Box::pin(async move {
            let request = PostSpansRequest::decode(body)
                .map_err(|error| Refusal::Malformed("PostSpansRequest of Jaeger's", error.to_string()))?;
            let batches = request.batch.unwrap_or_default().by_process();
            let groups = batches.into_iter().map(Batch::into_otlp).collect();
            intake.take_converted(foreign::request(groups)).await?;
            Ok(PostSpansResponse {})
        })
    }
}

#[derive(Clone, PartialEq, Message)]
struct PostSpansRequest {
    #[prost(message, optional, tag = "1")]
    batch: Option<BatchMessage>,
}

/// Says nothing.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PostSpansResponse {}

#[derive(Clone, PartialEq, Message)]
struct BatchMessage {
    #[prost(message, repeated, tag = "1")]
    spans: Vec<SpanMessage>,
    #[prost(message, optional, tag = "2")]
    process: Option<Process>,
}

#[derive(Clone, PartialEq, Message)]
struct Process {
    #[prost(string, tag = "1")]
    service_name: String,
    #[prost(message, repeated, tag = "2")]
    tags: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct SpanMessage {
    #[prost(bytes = "bytes", tag = "1")]
    trace_id: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    span_id: Bytes,
    #[prost(string, tag = "3")]
    operation_name: String,
    #[prost(message, repeated, tag = "4")]
    references: Vec<SpanRef>,
    #[prost(uint32, tag = "5")]
    flags: u32,
    #[prost(message, optional, tag = "6")]
    start_time: Option<Time>,
    #[prost(message, optional, tag = "7")]
    duration: Option<Time>,
    #[prost(message, repeated, tag = "8")]
    tags: Vec<KeyValue>,
    #[prost(message, repeated, tag = "9")]
    logs: Vec<LogMessage>,
    #[prost(message, optional, tag = "10")]
    process: Option<Process>,
}

/// `google.protobuf.Timestamp` and `Duration`, which have the same fields.
#[derive(Clone, Copy, PartialEq, Message)]
struct Time {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
struct SpanRef {
    #[prost(bytes = "bytes", tag = "1")]
    trace_id: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    span_id: Bytes,
    /// 1 is `FOLLOWS_FROM`.
    #[prost(int32, tag = "3")]
    ref_type: i32,
}

#[derive(Clone, PartialEq, Message)]
struct LogMessage {
    #[prost(message, optional, tag = "1")]
    timestamp: Option<Time>,
    #[prost(message, repeated, tag = "2")]
    fields: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    /// Which of the following counts.
    #[prost(int32, tag = "2")]
    v_type: i32,
    #[prost(string, tag = "3")]
    v_str: String,
    #[prost(bool, tag = "4")]
    v_bool: bool,
    #[prost(int64, tag = "5")]
    v_int64: i64,
    #[prost(double, tag = "6")]
    v_float64: f64,
    #[prost(bytes = "vec", tag = "7")]
    v_binary: Vec<u8>,
}

impl BatchMessage {
    /// The spans by process: those that name none are of the batch's.
    fn by_process(self) -> Vec<Batch> {
        let mut batches = vec![Process::batch(self.process.unwrap_or_default())];
        for mut span in self.spans {
            match span.process.take() {
                None => batches[0].spans.push(span.into_span()),
                Some(process) => {
                    let mut batch = process.batch();
                    batch.spans.push(span.into_span());
                    batches.push(batch);
                }
            }
        }
        batches.retain(|batch| !batch.spans.is_empty());
        batches
    }
}

impl Process {
    fn batch(self) -> Batch {
        Batch { service: self.service_name, tags: pairs(self.tags), spans: Vec::new() }
    }
}

impl SpanMessage {
    fn into_span(self) -> Span {
        Span {
            trace_id: id(&self.trace_id),
            id: id(&self.span_id),
            parent_id: [0; 8],
            name: self.operation_name,
            references: self
                .references
                .into_iter()
                .map(|reference| Reference {
                    trace_id: id(&reference.trace_id),
                    span_id: id(&reference.span_id),
                    follows: reference.ref_type == 1,
                })
                .collect(),
            flags: self.flags,
            start_ns: self.start_time.map_or(0, Time::nanoseconds),
            duration_ns: self.duration.map_or(0, Time::nanoseconds),
            tags: pairs(self.tags),
            logs: self
                .logs
                .into_iter()
                .map(|log| Log {
                    time_ns: log.timestamp.map_or(0, Time::nanoseconds),
                    fields: pairs(log.fields),
                })
                .collect(),
        }
    }
}

impl Time {
    fn nanoseconds(self) -> u64 {
        let unsigned = |number: i64| u64::try_from(number).unwrap_or_default();
        unsigned(self.seconds).saturating_mul(1_000_000_000).saturating_add(unsigned(i64::from(self.nanos)))
    }
}

/// An id; one of another length is all zero, which is refused as no id.
fn id<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().unwrap_or([0; N])
}

fn pairs(tags: Vec<KeyValue>) -> Vec<(String, Any)> {
    tags.into_iter().map(KeyValue::into_pair).collect()
}

impl KeyValue {
    fn into_pair(self) -> (String, Any) {
        let value = match self.v_type {
            1 => Any::BoolValue(self.v_bool),
            2 => Any::IntValue(self.v_int64),
            3 => Any::DoubleValue(self.v_float64),
            4 => Any::BytesValue(self.v_binary),
            _ => Any::StringValue(self.v_str),
        };
        (self.key, value)
    }
}
