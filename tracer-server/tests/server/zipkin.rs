//! Zipkin's API: spans in, questions out.

use serde_json::{Value, json};

use crate::support::{Refused, Response, Running, exchange, shop_trace, trace_hex};
use tracer_server::LARGEST_REQUEST;

/// As OpenTelemetry's exporter for Python (opentelemetry-exporter-zipkin-json 1.21.0) sends it.
const RECORDED: &[u8] = include_bytes!("data/zipkin.json");

const TRACE: &str = "a1a2a3a4a5a6a7a8b1b2b3b4b5b6b7b8";

const JSON: (&str, &str) = ("content-type", "application/json");

fn post(server: &Running, headers: &[(&str, &str)], body: &[u8]) -> Response {
    exchange(server.addresses.zipkin.unwrap(), "POST", "/api/v2/spans", headers, body)
}

fn ask(server: &Running, path: &str) -> Value {
    let response = exchange(server.addresses.zipkin.unwrap(), "GET", path, &[], &[]);
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    assert_eq!(server.json(&format!("/zipkin{path}")), response.json(), "{path}");
    response.json()
}

#[test]
fn what_a_client_sends_is_there_as_otlp_has_it() {
    let server = Running::start(|_| {});
    assert_eq!(post(&server, &[JSON], RECORDED).status, 202);
    let trace = server.json(&format!("/api/v1/traces/{TRACE}"));
    let (root, child) = (&trace["spans"][0], &trace["spans"][1]);
    assert_eq!(
        (&root["service"], &root["name"], &root["kind"]),
        (&json!("shop"), &json!("GET /cart"), &json!("server"))
    );
    assert_eq!(root["attributes"]["http.status_code"], "500");
    assert_eq!(root["start_unix_ns"], "1790000000000000000");
    assert_eq!((&child["kind"], &child["parent_span_id"]), (&json!("client"), &root["span_id"]));
    assert_eq!((&child["status"], &child["status_message"]), (&json!("error"), &json!("it broke")));
    assert_eq!(
        (&child["duration_ns"], &child["events"][0]["time_ns"]),
        (&json!(30_000_000), &json!(1_790_000_000_002_000_000_u64))
    );
}

#[test]
fn questions_are_answered_in_zipkins_form() {
    let server = Running::start(|_| {});
    post(&server, &[], RECORDED);
    let trace = ask(&server, &format!("/api/v2/trace/{TRACE}"));
    let child = &trace[1];
    let expected = json!({
        "traceId": TRACE, "id": "0102030405060702", "parentId": "0102030405060701", "name": "call", "kind": "CLIENT",
        "timestamp": 1_790_000_000_001_000_u64, "duration": 30_000, "localEndpoint": {"serviceName": "shop"},
        "annotations": [{"timestamp": 1_790_000_000_002_000_u64, "value": "{\"retry\": {\"attempt\": 2}}"}],
        "tags": child["tags"],
    });
    assert_eq!(*child, expected);
    assert_eq!((&child["tags"]["error"], &child["tags"]["host.name"]), (&json!("it broke"), &json!("h1")));

    let other = r#"[{"traceId":"00000000000000ab","id":"01","name":"get","kind":"CLIENT","timestamp":1790000000000000,"duration":900,
        "localEndpoint":{"serviceName":"a","ipv4":"10.0.0.1"},"remoteEndpoint":{"serviceName":"b","ipv6":"::1","port":80}},
        {"traceId":"00000000000000ab","id":"01","shared":true,"name":"get","kind":"SERVER","timestamp":1790000000000100,"duration":700,
        "localEndpoint":{"serviceName":"b"},"tags":{"x":"1"}}]"#;
    assert_eq!(post(&server, &[JSON], other.as_bytes()).status, 202);
    assert_eq!(ask(&server, "/api/v2/services"), json!(["a", "b", "shop"]));
    assert_eq!(ask(&server, "/api/v2/spans?serviceName=shop"), json!(["GET /cart", "call"]));
    let window = "endTs=1790000001000&lookback=60000";
    assert_eq!(ask(&server, &format!("/api/v2/remoteServices?serviceName=a&{window}")), json!(["b"]));
    let found =
        |query: &str| ask(&server, &format!("/api/v2/traces?{window}&{query}")).as_array().unwrap().len();
    assert_eq!((found(""), found("limit=1"), found("serviceName=b"), found("spanName=call")), (2, 1, 1, 1));
    assert_eq!((found("annotationQuery=error"), found("annotationQuery=x%3D1%20and%20error")), (1, 0));
    assert_eq!(
        (found("minDuration=40000"), found("maxDuration=600"), found("remoteServiceName=b")),
        (1, 0, 1)
    );
    assert_eq!(ask(&server, &format!("/api/v2/traceMany?traceIds=ab,{TRACE}")).as_array().unwrap().len(), 2);
    let pair = ask(&server, "/api/v2/trace/ab");
    assert_eq!(pair[0]["remoteEndpoint"], json!({"serviceName": "b", "ipv6": "::1", "port": 80}));
    assert_eq!((&pair[1]["shared"], &pair[1]["id"]), (&json!(true), &json!("0000000000000001")));
    assert_eq!(
        ask(&server, &format!("/api/v2/dependencies?{window}")),
        json!([{"parent": "a", "child": "b", "callCount": 1, "errorCount": 0}])
    );
    assert_eq!(ask(&server, "/health")["status"], "UP");
    for wrong in
        ["/api/v2/trace/zz", "/api/v2/traces?annotationQuery=x", "/api/v2/dependencies", "/api/v2/spans"]
    {
        assert_eq!(exchange(server.addresses.zipkin.unwrap(), "GET", wrong, &[], &[]).status, 400, "{wrong}");
    }
    let missing = format!("/api/v2/trace/{}", trace_hex(7));
    assert_eq!(exchange(server.addresses.zipkin.unwrap(), "GET", &missing, &[], &[]).status, 404);
}

#[test]
fn other_spans_are_answered_too() {
    let server = Running::start(|_| {});
    server.send(shop_trace(crate::support::now_ns()));
    let trace = ask(&server, &format!("/api/v2/trace/{}", trace_hex(1)));
    assert_eq!(trace[0]["tags"]["ratio"], "0.5");
    assert_eq!(trace[0]["annotations"][0]["value"], "exception");
}

#[test]
fn what_is_no_list_of_spans_is_refused_and_counted() {
    let server = Running::start(|_| {});
    let zeros = vec![b' '; LARGEST_REQUEST + 1];
    let bomb = zstd::encode_all(&*zeros, 1).unwrap();
    let cases: [Refused<'_>; 8] = [
        ("malformed", 400, &[JSON], b"{}"),
        ("malformed", 400, &[JSON], b"[{}]"),
        ("malformed", 400, &[JSON], br#"[{"traceId":"zz","id":"1"}]"#),
        ("malformed", 400, &[JSON], br#"[{"traceId":"1","id":"0"}]"#),
        ("malformed", 400, &[JSON, ("content-encoding", "zstd")], b"x"),
        ("too_large", 413, &[JSON], &zeros),
        ("too_large", 413, &[JSON, ("content-encoding", "zstd")], &bomb),
        ("unsupported", 415, &[("content-type", "application/x-protobuf")], b""),
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
}
