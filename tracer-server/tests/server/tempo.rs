//! Tempo's API.

use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message as _;
use serde_json::json;

use crate::support::{Running, now_ns, shop_trace, trace_hex};

#[test]
fn traces_come_as_json_and_as_protobuf() {
    let server = Running::start(|_| {});
    let sent = shop_trace(now_ns());
    server.send(sent);
    for prefix in ["", "/tempo"] {
        assert_eq!(server.get(&format!("{prefix}/api/echo"), &[]).text(), "echo");
        let v2 = server.json(&format!("{prefix}/api/v2/traces/{}", trace_hex(1)));
        assert_eq!(v2["trace"]["resourceSpans"].as_array().unwrap().len(), 2);
        let path = format!("{prefix}/api/traces/{}", trace_hex(1));
        let protobuf = server.get(&path, &[("accept", "application/protobuf")]);
        assert_eq!(protobuf.header("content-type"), Some("application/protobuf"));
        let data = TracesData::decode(&*protobuf.body).unwrap();
        let spans: usize = data.resource_spans.iter().map(|group| group.scope_spans[0].spans.len()).sum();
        assert_eq!(spans, 3);
    }
    let json = server.json(&format!("/tempo/api/traces/{}", trace_hex(1)));
    assert_eq!(json["batches"].as_array().unwrap().len(), 2);
    assert_eq!(server.get(&format!("/tempo/api/traces/{}", trace_hex(7)), &[]).status, 404);
}

#[test]
fn searches_name_traces_and_their_matching_spans() {
    let server = Running::start(|_| {});
    let base = now_ns();
    server.send(shop_trace(base));
    let answer =
        server.json("/api/search?tags=service.name%3Dstock%20status%3Derror&minDuration=1ms&limit=5");
    let trace = &answer["traces"][0];
    assert_eq!(trace["traceID"], trace_hex(1));
    assert_eq!((&trace["rootServiceName"], &trace["rootTraceName"]), (&json!("shop"), &json!("GET /cart")));
    assert_eq!((&trace["startTimeUnixNano"], &trace["durationMs"]), (&json!(base.to_string()), &json!(50)));
    assert_eq!(trace["spanSets"][0]["matched"], 1);
    let span = &trace["spanSets"][0]["spans"][0];
    assert_eq!((&span["spanID"], &span["durationNanos"]), (&json!("0303030303030303"), &json!("20000000")));
    assert_eq!(server.json("/api/search?tags=service.name%3Dnone")["traces"], json!([]));
    assert_eq!(server.get("/api/search?tags=novalue", &[]).status, 400);
}
