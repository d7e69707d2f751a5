//! OTLP/HTTP with protobuf bodies.

use crate::{
    backend::{HttpBackend, HttpReply, Reply},
    support::{batch, eventually, finish, names, settings, settings_for, start},
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use std::time::{Duration, SystemTime};
use tracer_otlp::{Compression, DropReason, Headers, Protocol};

#[test]
fn batches_arrive_with_headers_and_user_agent() {
    let backend = HttpBackend::start(Vec::new());
    let mut settings = settings_for(Protocol::HttpProtobuf, &format!("http://{}/prefix/", backend.address));
    settings.headers = Headers::parse("api-key=k%3D1,user-agent=mine").unwrap();
    let (exporter, stats) = start(settings);
    exporter.offer(batch(&["a", "b"])).unwrap();
    exporter.offer(batch(&["c"])).unwrap();
    finish(exporter);

    let seen = backend.desk.seen();
    assert_eq!(names(&seen), ["a", "b", "c"]);
    for request in &seen {
        assert_eq!(request.path, "POST /prefix/v1/traces");
        assert_eq!(request.header("content-type"), "application/x-protobuf");
        assert_eq!(request.header("content-encoding"), "");
        assert_eq!(request.header("api-key"), "k=1");
        assert_eq!(request.header("user-agent"), "mine");
    }
    let snapshot = stats.snapshot();
    assert_eq!((snapshot.exported_batches, snapshot.exported_spans), (2, 3));
    assert_eq!(snapshot.dropped_spans, [0; 8]);
    assert_eq!(snapshot.last_error, None);
}

#[test]
fn gzip_is_used_and_understood() {
    let backend = HttpBackend::start(vec![Reply::Now(HttpReply::status(503))]);
    let mut settings = settings(Protocol::HttpProtobuf, backend.address);
    settings.compression = Compression::Gzip;
    let (exporter, stats) = start(settings);
    let sent = batch(&["a"; 1000]);
    let plain = sent.payload.len();
    exporter.offer(sent).unwrap();
    eventually("the batch is exported", || stats.snapshot().exported_spans == 1000);
    finish(exporter);

    let seen = backend.desk.seen();
    assert_eq!(seen.len(), 2);
    for request in seen {
        assert_eq!(request.header("content-encoding"), "gzip");
        assert!(request.header("content-length").parse::<usize>().unwrap() < plain / 10);
        assert_eq!(request.names, ["a"; 1000]);
    }
    assert_eq!(stats.snapshot().exported_bytes, plain as u64);
}

#[test]
fn two_requests_are_in_flight_at_once() {
    // The first shows that the backend answers; each of the others is answered only when all have arrived.
    let backend = HttpBackend::start([1, 3, 3].map(Reply::After).into());
    let (exporter, stats) = start(settings(Protocol::HttpProtobuf, backend.address));
    for name in ["a", "b", "c"] {
        exporter.offer(batch(&[name])).unwrap();
    }
    finish(exporter);
    assert_eq!(stats.snapshot().retries, 0);
    assert_eq!(names(&backend.desk.seen()), ["a", "b", "c"]);
}

#[test]
fn passing_failures_are_retried() {
    let statuses = [429, 502, 503, 504];
    let script = statuses.iter().map(|&status| Reply::Now(HttpReply::status(status))).collect();
    let backend = HttpBackend::start(script);
    let (exporter, stats) = start(settings(Protocol::HttpProtobuf, backend.address));
    exporter.offer(batch(&["a"])).unwrap();
    eventually("the batch is exported", || stats.snapshot().exported_spans == 1);
    finish(exporter);

    let snapshot = stats.snapshot();
    assert_eq!(snapshot.retries, 4);
    assert!(snapshot.last_error.unwrap().text.ends_with("the backend answered 504 Gateway Timeout"));
    assert_eq!(names(&backend.desk.seen()), ["a"; 5]);
}

#[test]
fn an_answer_that_does_not_come_is_retried() {
    let backend = HttpBackend::start(vec![Reply::Never]);
    let mut settings = settings(Protocol::HttpProtobuf, backend.address);
    settings.timeout = Duration::from_millis(300);
    let (exporter, stats) = start(settings);
    exporter.offer(batch(&["a"])).unwrap();
    eventually("the batch is exported", || stats.snapshot().exported_spans == 1);
    finish(exporter);
    assert!(stats.snapshot().last_error.unwrap().text.ends_with("no answer within 300ms"));
}

#[test]
fn retry_after_seconds_holds_every_batch_back() {
    let busy = HttpReply::status(429).header("retry-after", "1");
    let backend = HttpBackend::start(vec![Reply::Now(busy)]);
    let (exporter, stats) = start(settings(Protocol::HttpProtobuf, backend.address));
    exporter.offer(batch(&["a"])).unwrap();
    eventually("the backend has asked for a pause", || stats.snapshot().failing);
    exporter.offer(batch(&["b"])).unwrap();
    eventually("both batches are exported", || stats.snapshot().exported_spans == 2);
    finish(exporter);

    let seen = backend.desk.seen();
    assert_eq!(names(&seen), ["a", "a", "b"]);
    assert!(seen[1..].iter().all(|request| request.at - seen[0].at >= Duration::from_secs(1)));
}

#[test]
fn retry_after_date_is_honoured() {
    // Dates have whole seconds: two from now is more than one away.
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
    let backend =
        HttpBackend::start(vec![Reply::Now(HttpReply::status(503).header("retry-after", date.clone()))]);
    let (exporter, stats) = start(settings(Protocol::HttpProtobuf, backend.address));
    exporter.offer(batch(&["a"])).unwrap();
    eventually("the batch is exported", || stats.snapshot().exported_spans == 1);
    let arrived = SystemTime::now();
    finish(exporter);
    assert!(arrived >= httpdate::parse_http_date(&date).unwrap());
    assert_eq!(backend.desk.seen().len(), 2);
}

#[test]
fn a_wait_longer_than_the_retries_gives_the_batch_up() {
    let busy = HttpReply::status(503).header("retry-after", "3600");
    let backend = HttpBackend::start(vec![Reply::Now(busy)]);
    let mut settings = settings(Protocol::HttpProtobuf, backend.address);
    settings.retry.total = Duration::from_millis(300);
    let (exporter, stats) = start(settings);
    exporter.offer(batch(&["a"])).unwrap();
    eventually("the batch is given up", || stats.dropped(DropReason::RetriesExhausted) == 1);
    // The pause is bounded by the same time, so the next batch gets through.
    exporter.offer(batch(&["b"])).unwrap();
    eventually("the next batch is exported", || stats.snapshot().exported_spans == 1);
    finish(exporter);
}

#[test]
fn a_refusal_is_dropped_at_once() {
    #[derive(Clone, PartialEq, prost::Message)]
    struct RpcStatus {
        #[prost(int32, tag = "1")]
        code: i32,
        #[prost(string, tag = "2")]
        message: String,
    }
    let explained =
        HttpReply::status(400).protobuf(&RpcStatus { code: 3, message: "bad trace id".to_owned() });
    for (reply, text) in [
        (explained, "400 Bad Request: bad trace id"),
        (
            HttpReply { body: b"no\nsuch page".to_vec(), ..HttpReply::status(404) },
            "404 Not Found: no such page",
        ),
        (HttpReply::status(302).header("location", "/elsewhere"), "302 Found"),
        (HttpReply::status(500), "500 Internal Server Error"),
    ] {
        let backend = HttpBackend::start(vec![Reply::Now(reply)]);
        let (exporter, stats) = start(settings(Protocol::HttpProtobuf, backend.address));
        exporter.offer(batch(&["a", "b"])).unwrap();
        eventually("the batch is dropped", || stats.dropped(DropReason::Rejected) == 2);
        finish(exporter);
        let snapshot = stats.snapshot();
        assert_eq!((snapshot.retries, snapshot.failing), (0, false));
        let error = snapshot.last_error.unwrap().text;
        assert!(error.ends_with(&format!("/v1/traces failed: the backend answered {text}")), "{error}");
        assert_eq!(backend.desk.seen().len(), 1);
    }
}

#[test]
fn partial_success_counts_what_was_rejected() {
    let partial_success =
        Some(ExportTracePartialSuccess { rejected_spans: 2, error_message: "too old".to_owned() });
    let reply = HttpReply::status(200).protobuf(&ExportTraceServiceResponse { partial_success });
    let backend = HttpBackend::start(vec![Reply::Now(reply)]);
    let (exporter, stats) = start(settings(Protocol::HttpProtobuf, backend.address));
    exporter.offer(batch(&["a", "b", "c"])).unwrap();
    finish(exporter);
    let snapshot = stats.snapshot();
    assert_eq!((snapshot.exported_spans, snapshot.dropped(DropReason::PartialSuccess)), (1, 2));
    assert!(snapshot.last_error.unwrap().text.contains("rejected 2 of 3 spans: too old"));
    assert_eq!(backend.desk.seen().len(), 1);
}

#[test]
fn a_success_with_an_odd_body_is_a_success() {
    let json = HttpReply { body: b"{}".to_vec(), ..HttpReply::status(202) };
    let garbage = HttpReply {
        body: vec![0xff; 64],
        ..HttpReply::status(200).header("content-type", "application/x-protobuf")
    };
    let huge = HttpReply { body: vec![0; 5 << 20], ..HttpReply::status(200) };
    let backend = HttpBackend::start(vec![Reply::Now(json), Reply::Now(garbage), Reply::Now(huge)]);
    let (exporter, stats) = start(settings(Protocol::HttpProtobuf, backend.address));
    for name in ["a", "b", "c"] {
        exporter.offer(batch(&[name])).unwrap();
    }
    finish(exporter);
    let snapshot = stats.snapshot();
    assert_eq!((snapshot.exported_spans, snapshot.retries, snapshot.dropped_spans), (3, 0, [0; 8]));
    assert_eq!(backend.desk.seen().len(), 3);
}
