//! What clients of Jaeger send, as OpenTelemetry's exporters for Python (opentelemetry-exporter-jaeger 1.21.0) send it.

use bytes::Bytes;
use serde_json::json;
use tonic::{Code, Status, client::Grpc, codec::DecodeBuf, transport::Channel};
use tracer_otlp::{Messages, Received};
use tracer_server::LARGEST_REQUEST;

use crate::support::{Refused, Response, Running, block_on, exchange};

const THRIFT: &[u8] = include_bytes!("data/jaeger-thrift.bin");
const GRPC: &[u8] = include_bytes!("data/jaeger-grpc.bin");

const TRACE: &str = "a1a2a3a4a5a6a7a8b1b2b3b4b5b6b7b8";

const TYPE: (&str, &str) = ("content-type", "application/x-thrift");

fn post(server: &Running, headers: &[(&str, &str)], body: &[u8]) -> Response {
    let path = "/api/traces?format=jaeger.thrift";
    exchange(server.addresses.jaeger_http.unwrap(), "POST", path, headers, body)
}

/// An answer that says nothing.
struct Nothing;

impl Received for Nothing {
    fn read(_: &mut DecodeBuf<'_>) -> Result<Self, Status> {
        Ok(Self)
    }
}

fn post_spans(server: &Running, body: Bytes) -> Result<(), Status> {
    block_on(async {
        let address = server.addresses.jaeger_grpc.unwrap();
        let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        let mut client = Grpc::new(channel);
        client.ready().await.unwrap();
        let path = "/jaeger.api_v2.CollectorService/PostSpans".parse().unwrap();
        client.unary(tonic::Request::new(body), path, Messages::<Bytes, Nothing>::default()).await.map(drop)
    })
}

/// To a microsecond: one of the exporters calculates times in floating point.
fn is_close(value: &serde_json::Value, nanoseconds: u64) -> bool {
    value.as_u64().unwrap().abs_diff(nanoseconds) < 1000
}

#[test]
fn both_ways_bring_the_same_spans() {
    let over_http = Running::start(|_| {});
    assert_eq!(post(&over_http, &[TYPE], THRIFT).status, 202);
    let over_grpc = Running::start(|_| {});
    post_spans(&over_grpc, Bytes::from_static(GRPC)).unwrap();
    for server in [over_http, over_grpc] {
        let trace = server.json(&format!("/api/v1/traces/{TRACE}"));
        let (root, child) = (&trace["spans"][0], &trace["spans"][1]);
        assert_eq!(
            (&root["service"], &root["name"], &root["kind"]),
            (&json!("shop"), &json!("GET /cart"), &json!("server"))
        );
        assert_eq!(root["start_unix_ns"], "1790000000000000000");
        assert!(is_close(&root["duration_ns"], 50_000_000), "{root}");
        let attributes = &root["attributes"];
        assert_eq!(
            (&attributes["http.method"], &attributes["http.status_code"]),
            (&json!("GET"), &json!(500))
        );
        assert_eq!((&attributes["ratio"], &attributes["cached"]), (&json!(0.5), &json!(true)));
        assert_eq!(attributes["host.name"], "h1");
        assert_eq!((&child["kind"], &child["parent_span_id"]), (&json!("client"), &root["span_id"]));
        assert_eq!((&child["status"], &child["status_message"]), (&json!("error"), &json!("it broke")));
        assert_eq!(child["links"][0]["span_id"], "0000000000000088");
        let event = &child["events"][0];
        assert!(is_close(&event["time_ns"], 1_790_000_000_002_000_000), "{event}");
        assert_eq!(event["attributes"]["attempt"], 2);
    }
}

#[test]
fn what_is_no_batch_is_refused_and_counted() {
    let server = Running::start(|_| {});
    let zeros = vec![0; LARGEST_REQUEST + 1];
    let bomb = zstd::encode_all(&*zeros, 1).unwrap();
    let cases: [Refused<'_>; 6] = [
        ("malformed", 400, &[TYPE], b""),
        ("malformed", 400, &[TYPE], &THRIFT[..THRIFT.len() - 1]),
        ("malformed", 400, &[TYPE, ("content-encoding", "gzip")], THRIFT),
        ("too_large", 413, &[TYPE], &zeros),
        ("too_large", 413, &[TYPE, ("content-encoding", "zstd")], &bomb),
        ("unsupported", 415, &[("content-type", "application/json")], b"{}"),
    ];
    for (reason, status, headers, body) in cases {
        let before = server.lost(reason);
        let response = post(&server, headers, body);
        assert_eq!(
            (response.status, server.lost(reason)),
            (status, before + 1),
            "{headers:?} {}",
            response.text()
        );
    }
    let before = server.lost("malformed");
    let refused = post_spans(&server, Bytes::from_static(b"\xff\xff\xff")).unwrap_err();
    assert_eq!(
        (refused.code(), server.lost("malformed")),
        (Code::InvalidArgument, before + 1),
        "{refused:?}"
    );
    let before = server.lost("too_large");
    let refused = post_spans(&server, Bytes::from(zeros)).unwrap_err();
    assert_eq!(
        (refused.code(), server.lost("too_large")),
        (Code::InvalidArgument, before + 1),
        "{refused:?}"
    );
}
