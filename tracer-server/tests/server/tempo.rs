//! Tempo's API.

use opentelemetry_proto::tonic::{common::v1::any_value::Value as Any, trace::v1::TracesData};
use prost::Message as _;
use serde_json::{Value, json};

use crate::support::{Running, attribute, now_ns, of_service, request, shop_trace, span, trace_hex};

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

/// A query as a parameter.
fn encoded(query: &str) -> String {
    form_urlencoded::byte_serialize(query.as_bytes()).collect()
}

#[test]
fn traceql_finds_traces_in_memory_and_in_blocks() {
    for block_spans in [1_000_000, 3] {
        let server = Running::start(|settings| settings.limits.block_spans = block_spans);
        let base = now_ns();
        for number in 0..30_u8 {
            let mut root = span(number + 10, 1, 0, "root", base, u64::from(number) * 1000, 100);
            root.attributes = vec![attribute("number", Any::IntValue(i64::from(number)))];
            let child = span(number + 10, 2, 1, "child", base, u64::from(number) * 1000, 50);
            server.send(request(vec![of_service("a", vec![root]), of_service("b", vec![child])]));
        }
        server.send(shop_trace(base));
        let found = |query: &str| -> Vec<Value> {
            let answer = server.json(&format!("/tempo/api/search?q={}&limit=40&spss=5", encoded(query)));
            assert_eq!(answer["partial"], false, "{query}");
            answer["traces"].as_array().unwrap().clone()
        };
        assert_eq!(found("{}").len(), 31);
        let one = found("{ .number = 17 }");
        assert_eq!((one.len(), &one[0]["traceID"]), (1, &json!(trace_hex(27))));
        let span = &one[0]["spanSets"][0]["spans"][0];
        assert_eq!(span["attributes"], json!([{"key": "number", "value": {"intValue": "17"}}]));
        assert_eq!(found("{ span.number >= 25 || span.number = 3 }").len(), 6);
        assert_eq!(found("{ resource.service.name = `a` } > { resource.service.name = `b` }").len(), 30);
        assert_eq!(found("{ .number < 5 } && { name = `child` } | count() > 1").len(), 5);
        let shop = found("{ name = `GET /cart` && .list = `x` } >> { status = error } | by(kind)");
        assert_eq!(shop[0]["rootServiceName"], "shop");
        assert_eq!(
            shop[0]["spanSets"][0]["attributes"],
            json!([{"key": "by(kind)", "value": {"stringValue": "server"}}])
        );
        assert_eq!(shop[0]["spanSets"][0]["spans"][0]["spanID"], "0303030303030303");

        let scopes = server.json("/api/v2/search/tags?scope=span");
        assert_eq!(scopes["scopes"][0]["name"], "span");
        let tags = scopes["scopes"][0]["tags"].as_array().unwrap();
        assert!(tags.contains(&json!("number")) && tags.contains(&json!("list")), "{scopes}");
        let names = server.json("/api/search/tags");
        assert!(names["tagNames"].as_array().unwrap().contains(&json!("service.name")), "{names}");
        let values = server.json("/api/search/tag/service.name/values");
        assert_eq!(values["tagValues"], json!(["a", "b", "shop", "stock"]));
        let query = encoded("{ resource.service.name = `a` && .number > 27 }");
        let values = server.json(&format!("/api/v2/search/tag/span.number/values?q={query}"));
        assert_eq!(
            values["tagValues"],
            json!([{"type": "int", "value": "28"}, {"type": "int", "value": "29"}])
        );
        let kinds = server.json("/api/v2/search/tag/kind/values");
        assert!(
            kinds["tagValues"].as_array().unwrap().contains(&json!({"type": "keyword", "value": "client"}))
        );
    }
}

#[test]
fn a_wrong_query_is_refused_with_its_place() {
    let server = Running::start(|_| {});
    let response = server.get(&format!("/tempo/api/search?q={}", encoded("{ status = }")), &[]);
    assert_eq!(response.status, 400);
    assert_eq!(
        response.text(),
        "The query is wrong at character 12 (`}`): a field or a value is expected here, not `}`."
    );
    assert_eq!(server.get("/api/v2/search/tags?scope=x", &[]).status, 400);
}
