//! What is taken, and what is refused and how.

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message as _;
use std::io::Write as _;
use tonic::{Code, codec::CompressionEncoding};
use tracer_server::LARGEST_REQUEST;

use crate::support::{
    Running, block_on, grpc_client, now_ns, of_service, request, shop_trace, span, trace_hex,
};

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn spans_of_trace_1(server: &Running) -> usize {
    let path = format!("/api/v1/traces/{}", trace_hex(1));
    let response = server.get(&path, &[]);
    if response.status == 404 { 0 } else { response.json()["spans"].as_array().unwrap().len() }
}

#[test]
fn every_transport_encoding_and_compression_is_taken() {
    let sent = shop_trace(now_ns());
    let protobuf = sent.encode_to_vec();
    let json = serde_json::to_vec(&sent).unwrap();
    let ways = [
        (vec![PROTOBUF], protobuf.clone()),
        (vec![PROTOBUF, ("content-encoding", "gzip")], gzip(&protobuf)),
        (vec![PROTOBUF, ("content-encoding", "zstd")], zstd::encode_all(&*protobuf, 1).unwrap()),
        (vec![JSON], json.clone()),
        (
            vec![("content-type", "application/json; charset=utf-8"), ("content-encoding", "gzip")],
            gzip(&json),
        ),
    ];
    for (headers, body) in ways {
        let server = Running::start(|_| {});
        let response = server.post(&headers, &body);
        assert_eq!(response.status, 200, "{headers:?} {}", response.text());
        if headers[0] == PROTOBUF {
            let answer = ExportTraceServiceResponse::decode(&*response.body).unwrap();
            assert_eq!(answer.partial_success, None);
        } else {
            assert_eq!(response.text(), "{}");
        }
        assert_eq!(spans_of_trace_1(&server), 3, "{headers:?}");
    }
    for compression in [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Zstd)] {
        let server = Running::start(|_| {});
        block_on(async {
            let mut client = grpc_client(server.addresses.otlp_grpc).await;
            if let Some(compression) = compression {
                client = client.send_compressed(compression);
            }
            client.export(sent.clone()).await.unwrap();
        });
        assert_eq!(spans_of_trace_1(&server), 3, "{compression:?}");
    }
}

#[test]
fn json_as_other_clients_write_it_is_read() {
    let server = Running::start(|_| {});
    // The example of the specification's own repository in short: numbers as text, ids as hex, an unknown field.
    let body = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"js"}}}}]}},
        "scopeSpans":[{{"spans":[{{"traceId":"{}","spanId":"EEE19B7EC3C1B174","name":"n","kind":2,"later":[1],
        "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000000,
        "attributes":[{{"key":"a","value":{{"intValue":"42"}}}}]}}]}}]}}]}}"#,
        trace_hex(1)
    );
    let response = server.post(&[JSON], body.as_bytes());
    assert_eq!(response.status, 200, "{}", response.text());
    let trace = server.json(&format!("/api/v1/traces/{}", trace_hex(1)));
    let span = &trace["spans"][0];
    assert_eq!(
        (span["duration_ns"].as_u64(), span["attributes"]["a"].as_i64()),
        (Some(1_000_000_000), Some(42))
    );
    assert_eq!(span["span_id"], "eee19b7ec3c1b174");
}

#[test]
fn what_cannot_be_read_is_refused_and_counted() {
    let server = Running::start(|_| {});
    let zeros = vec![0; LARGEST_REQUEST + 1];
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let cases = [
        ("malformed", 400, vec![PROTOBUF], b"\xff\xff\xff".to_vec()),
        ("malformed", 400, vec![JSON], b"{".to_vec()),
        ("malformed", 400, vec![JSON], nested.into_bytes()),
        ("malformed", 400, vec![PROTOBUF, ("content-encoding", "gzip")], b"no gzip".to_vec()),
        ("too_large", 413, vec![PROTOBUF], zeros.clone()),
        // Bombs: a few kilobytes that unpack to more than is taken.
        ("too_large", 413, vec![PROTOBUF, ("content-encoding", "gzip")], gzip(&zeros)),
        (
            "too_large",
            413,
            vec![PROTOBUF, ("content-encoding", "zstd")],
            zstd::encode_all(&*zeros, 1).unwrap(),
        ),
        ("unsupported", 415, vec![("content-type", "text/plain")], Vec::new()),
        ("unsupported", 415, vec![PROTOBUF, ("content-encoding", "br")], Vec::new()),
    ];
    for (reason, status, headers, body) in cases {
        let before = server.lost(reason);
        let response = server.post(&headers, &body);
        assert_eq!(response.status, status, "{headers:?}");
        assert_eq!(server.lost(reason), before + 1, "{reason} {headers:?}");
        if headers[0] == JSON {
            let message = response.json()["message"].as_str().unwrap().to_owned();
            assert!(message.starts_with("The request is no ExportTraceServiceRequest"), "{message}");
        }
    }
    let method = crate::support::exchange(server.addresses.otlp_http, "GET", "/v1/traces", &[], &[]);
    assert_eq!(method.status, 405);
    // And it still takes what is right.
    assert_eq!(server.post(&[PROTOBUF], &shop_trace(now_ns()).encode_to_vec()).status, 200);
}

#[test]
fn grpc_refuses_for_good_what_a_retry_cannot_help() {
    let server = Running::start(|_| {});
    let name = "x".repeat(LARGEST_REQUEST + 1);
    let large = request(vec![of_service("a", vec![span(1, 1, 0, &name, now_ns(), 0, 1)])]);
    // Compressed, they are bombs: a few kilobytes that unpack to more than is taken.
    for compression in [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Zstd)] {
        let status = block_on(async {
            let mut client = grpc_client(server.addresses.otlp_grpc).await;
            if let Some(compression) = compression {
                client = client.send_compressed(compression);
            }
            client.export(large.clone()).await.unwrap_err()
        });
        assert_eq!(status.code(), Code::InvalidArgument, "{compression:?} {status:?}");
    }
    assert_eq!(server.lost("too_large"), 3);
}

#[test]
fn spans_without_valid_ids_are_refused_alone() {
    let server = Running::start(|_| {});
    let base = now_ns();
    let mut short = span(1, 2, 0, "short", base, 0, 1);
    short.trace_id.pop();
    let zero = span(1, 0, 0, "zero", base, 0, 1);
    let sent: ExportTraceServiceRequest =
        request(vec![of_service("a", vec![short, zero, span(1, 1, 0, "good", base, 0, 1)])]);
    let partial = block_on(async {
        let mut client = grpc_client(server.addresses.otlp_grpc).await;
        client.export(sent).await.unwrap().into_inner().partial_success.expect("partial success")
    });
    assert_eq!(partial.rejected_spans, 2);
    assert!(partial.error_message.contains("2 spans have no valid trace id"), "{}", partial.error_message);
    assert_eq!((spans_of_trace_1(&server), server.lost("invalid_ids")), (1, 2));
}
