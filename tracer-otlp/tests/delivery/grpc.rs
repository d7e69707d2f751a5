//! OTLP/gRPC.

use crate::{
    backend::{GrpcBackend, HttpBackend, HttpReply, Reply},
    support::{batch, eventually, finish, names, settings, start},
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use std::time::Duration;
use tonic::{Code, Status};
use tracer_otlp::{Compression, DropReason, Headers, Protocol, Signal};

/// `google.rpc.Status` with one `RetryInfo`, encoded by hand from rpc/status.proto and rpc/error_details.proto.
fn retry_info(delay: Duration) -> Vec<u8> {
    #[derive(Clone, PartialEq, Message)]
    struct Span {
        #[prost(int64, tag = "1")]
        seconds: i64,
        #[prost(int32, tag = "2")]
        nanos: i32,
    }
    #[derive(Clone, PartialEq, Message)]
    struct Info {
        #[prost(message, optional, tag = "1")]
        delay: Option<Span>,
    }
    #[derive(Clone, PartialEq, Message)]
    struct Any {
        #[prost(string, tag = "1")]
        type_url: String,
        #[prost(bytes = "vec", tag = "2")]
        value: Vec<u8>,
    }
    #[derive(Clone, PartialEq, Message)]
    struct Details {
        #[prost(message, repeated, tag = "3")]
        details: Vec<Any>,
    }
    let span = Span { seconds: delay.as_secs() as i64, nanos: delay.subsec_nanos() as i32 };
    let value = Info { delay: Some(span) }.encode_to_vec();
    let type_url = "type.googleapis.com/google.rpc.RetryInfo".to_owned();
    Details { details: vec![Any { type_url, value }] }.encode_to_vec()
}

#[test]
fn batches_arrive_with_headers_and_user_agent() {
    let backend = GrpcBackend::start(Vec::new());
    let mut settings = settings(Protocol::Grpc, backend.address);
    settings.headers = Headers::parse("authorization=Bearer%20token,x-scope=a").unwrap();
    let (exporter, stats) = start(settings);
    let sent = batch(&["a", "b"]);
    let bytes = sent.payload.len() as u64;
    exporter.offer(sent).unwrap();
    exporter.offer(batch(&["c"])).unwrap();
    finish(exporter);

    let seen = backend.desk.seen();
    assert_eq!(names(&seen), ["a", "b", "c"]);
    for request in &seen {
        assert_eq!(request.header("authorization"), "Bearer token");
        assert_eq!(request.header("x-scope"), "a");
        assert_eq!(request.header("grpc-encoding"), "");
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            request.header("user-agent"),
            format!("tracer/{version} OTel-OTLP-Exporter-Rust/{version}")
        );
    }
    let snapshot = stats.snapshot();
    assert_eq!((snapshot.exported_batches, snapshot.exported_spans), (2, 3));
    assert!(snapshot.exported_bytes > bytes);
    assert_eq!(snapshot.dropped_spans, [0; 8]);
    assert_eq!((snapshot.queued_batches, snapshot.queued_bytes, snapshot.retries), (0, 0, 0));
    assert_eq!(snapshot.last_error, None);
}

#[test]
fn gzip_is_used_and_understood() {
    let backend = GrpcBackend::start(Vec::new());
    let mut settings = settings(Protocol::Grpc, backend.address);
    settings.compression = Compression::Gzip;
    let (exporter, _) = start(settings);
    exporter.offer(batch(&["a"; 1000])).unwrap();
    finish(exporter);

    let seen = backend.desk.seen();
    assert_eq!(seen[0].header("grpc-encoding"), "gzip");
    assert_eq!(names(&seen), ["a"; 1000]);
}

#[test]
fn four_calls_are_in_flight_at_once() {
    // The first shows that the backend answers; each of the others is answered only when all have arrived.
    let backend = GrpcBackend::start([1, 5, 5, 5, 5].map(Reply::After).into());
    let (exporter, stats) = start(settings(Protocol::Grpc, backend.address));
    for name in ["a", "b", "c", "d", "e"] {
        exporter.offer(batch(&[name])).unwrap();
    }
    finish(exporter);
    assert_eq!(stats.snapshot().retries, 0);
    assert_eq!(names(&backend.desk.seen()), ["a", "b", "c", "d", "e"]);
}

#[test]
fn passing_failures_are_retried() {
    let codes = [
        Code::Cancelled,
        Code::DeadlineExceeded,
        Code::Aborted,
        Code::OutOfRange,
        Code::Unavailable,
        Code::DataLoss,
    ];
    let script = codes.iter().map(|&code| Reply::Now(Err(Status::new(code, "later")))).collect();
    let backend = GrpcBackend::start(script);
    let (exporter, stats) = start(settings(Protocol::Grpc, backend.address));
    exporter.offer(batch(&["a"])).unwrap();
    eventually("the batch is exported", || stats.snapshot().exported_spans == 1);
    finish(exporter);

    let snapshot = stats.snapshot();
    assert_eq!(snapshot.retries, codes.len() as u64);
    assert!(!snapshot.failing);
    assert!(snapshot.last_error.unwrap().text.ends_with("the backend answered DataLoss: later"));
    assert_eq!(backend.desk.seen().len(), codes.len() + 1);
}

#[test]
fn exhausted_resources_are_retried_only_when_told_when() {
    let delay = Duration::from_millis(300);
    let told = Status::with_details(Code::ResourceExhausted, "slow down", retry_info(delay).into());
    let backend = GrpcBackend::start(vec![Reply::Now(Err(told))]);
    let (exporter, stats) = start(settings(Protocol::Grpc, backend.address));
    exporter.offer(batch(&["a"])).unwrap();
    eventually("the batch is exported", || stats.snapshot().exported_spans == 1);
    finish(exporter);
    let seen = backend.desk.seen();
    assert!(seen[1].at - seen[0].at >= delay);

    let untold = Status::resource_exhausted("message too large");
    let backend = GrpcBackend::start(vec![Reply::Now(Err(untold))]);
    let (exporter, stats) = start(settings(Protocol::Grpc, backend.address));
    exporter.offer(batch(&["a", "b"])).unwrap();
    eventually("the batch is dropped", || stats.dropped(DropReason::Rejected) == 2);
    finish(exporter);
    assert_eq!(stats.snapshot().retries, 0);
}

#[test]
fn a_refusal_is_dropped_at_once() {
    let refusal = Status::unauthenticated("who are you");
    let backend = GrpcBackend::start(vec![Reply::Now(Err(refusal))]);
    let (exporter, stats) = start(settings(Protocol::Grpc, backend.address));
    exporter.offer(batch(&["a", "b"])).unwrap();
    eventually("the batch is dropped", || stats.dropped(DropReason::Rejected) == 2);
    exporter.offer(batch(&["c"])).unwrap();
    finish(exporter);

    let snapshot = stats.snapshot();
    assert_eq!((snapshot.exported_spans, snapshot.retries, snapshot.failing), (1, 0, false));
    assert!(snapshot.last_error.unwrap().text.contains("Unauthenticated: who are you"));
}

#[test]
fn partial_success_counts_what_was_rejected() {
    let partial = |rejected_spans, message: &str| {
        let partial_success =
            Some(ExportTracePartialSuccess { rejected_spans, error_message: message.to_owned() });
        Reply::Now(Ok(ExportTraceServiceResponse { partial_success }))
    };
    let backend = GrpcBackend::start(vec![partial(2, "too old"), partial(99, "lies"), partial(0, "upgrade")]);
    let mut settings = settings(Protocol::Grpc, backend.address);
    settings.concurrency = 1;
    let (exporter, stats) = start(settings);
    exporter.offer(batch(&["a", "b", "c"])).unwrap();
    eventually("the first batch is counted", || stats.snapshot().exported_batches == 1);
    let snapshot = stats.snapshot();
    assert_eq!((snapshot.exported_spans, snapshot.dropped(DropReason::PartialSuccess)), (1, 2));
    assert!(snapshot.last_error.unwrap().text.contains("rejected 2 of 3 spans: too old"));

    exporter.offer(batch(&["d"])).unwrap();
    exporter.offer(batch(&["e"])).unwrap();
    finish(exporter);
    let snapshot = stats.snapshot();
    // A backend cannot reject more than it got.
    assert_eq!((snapshot.exported_spans, snapshot.dropped(DropReason::PartialSuccess)), (2, 3));
    assert!(snapshot.last_error.unwrap().text.ends_with("accepted a batch with a warning: upgrade"));
    assert_eq!(backend.desk.seen().len(), 3);
}

#[test]
fn a_proxy_that_answers_with_plain_http_is_understood() {
    let backend = HttpBackend::start(vec![
        Reply::Now(HttpReply::status(503)),
        Reply::Now(HttpReply::status(403).header("content-type", "text/html")),
    ]);
    let (exporter, stats) = start(settings(Protocol::Grpc, backend.address));
    exporter.offer(batch(&["a"])).unwrap();
    eventually("the batch is dropped", || stats.dropped(DropReason::Rejected) == 1);
    finish(exporter);
    assert_eq!(stats.snapshot().retries, 1);
}

#[test]
fn malformed_status_details_do_no_harm() {
    let reply = HttpReply::status(200)
        .header("content-type", "application/grpc")
        .header("grpc-status", "3")
        .header("grpc-message", "bad%20span")
        .header("grpc-status-details-bin", "*not base64*");
    let backend = HttpBackend::start(vec![Reply::Now(reply)]);
    let (exporter, stats) = start(settings(Protocol::Grpc, backend.address));
    exporter.offer(batch(&["a"])).unwrap();
    eventually("the batch is dropped", || stats.snapshot().dropped_spans.iter().sum::<u64>() == 1);
    finish(exporter);
    assert_eq!(stats.dropped(DropReason::Rejected), 1);
    assert!(stats.snapshot().last_error.unwrap().text.contains("bad span"));
    let path = &backend.desk.seen()[0].path;
    assert!(path.ends_with("/opentelemetry.proto.collector.trace.v1.TraceService/Export"), "{path}");
}

#[test]
fn metrics_go_to_their_own_service() {
    let answer =
        || HttpReply::status(200).header("content-type", "application/grpc").header("grpc-status", "0");
    let backend = HttpBackend::start(vec![Reply::Now(answer())]);
    let mut settings = settings(Protocol::Grpc, backend.address);
    settings.signal = Signal::Metrics;
    let (exporter, _) = start(settings);
    exporter.offer(batch(&["a"])).unwrap();
    eventually("the batch arrives", || !backend.desk.seen().is_empty());
    finish(exporter);
    let path = &backend.desk.seen()[0].path;
    assert!(path.ends_with("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"), "{path}");
}
