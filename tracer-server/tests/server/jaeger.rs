//! Jaeger's API in both versions.

use serde_json::{Value, json};

use crate::support::{Running, now_ns, shop_trace, trace_hex};

#[test]
fn version_1_answers_in_its_envelope() {
    let server = Running::start(|_| {});
    let base = now_ns() - 60_000_000_000;
    server.send(shop_trace(base));
    assert_eq!(
        server.json("/api/services"),
        json!({"data": ["shop", "stock"], "total": 2, "limit": 0, "offset": 0, "errors": null})
    );
    assert_eq!(server.json("/api/services/shop/operations")["data"], json!(["GET", "GET /cart"]));
    assert_eq!(
        server.json("/api/operations?service=shop&spanKind=server")["data"],
        json!([{"name": "GET /cart", "spanKind": "server"}])
    );
    let by_id = server.json(&format!("/api/traces/{}", trace_hex(1)));
    let trace = &by_id["data"][0];
    assert_eq!(trace["traceID"], trace_hex(1));
    let root = &trace["spans"][0];
    assert_eq!((&root["startTime"], &root["duration"]), (&json!(base / 1000), &json!(50_000)));
    assert_eq!(root["references"], json!([]));
    assert_eq!(
        trace["processes"][root["processID"].as_str().unwrap()],
        json!({
        "serviceName": "shop", "tags": [{"key": "process.pid", "type": "int64", "value": 7}]})
    );
    let tags = root["tags"].as_array().unwrap();
    let expected = [
        json!({"key": "http.response.status_code", "type": "int64", "value": 500}),
        json!({"key": "ratio", "type": "float64", "value": 0.5}),
        json!({"key": "cached", "type": "bool", "value": true}),
        json!({"key": "span.kind", "type": "string", "value": "server"}),
        json!({"key": "list", "type": "string", "value": "[\"x\",1]"}),
    ];
    for tag in expected {
        assert!(tags.contains(&tag), "{tag} is not in {tags:?}");
    }
    assert_eq!(root["logs"][0]["fields"][0], json!({"key": "event", "type": "string", "value": "exception"}));
    let call = &trace["spans"][1];
    assert_eq!(
        call["references"],
        json!([{"refType": "CHILD_OF", "traceID": trace_hex(1), "spanID": "0101010101010101"}])
    );

    let start = base / 1000 - 1;
    let end = base / 1000 + 1_000_000;
    let search = |query: &str| -> usize {
        let answer = server.json(&format!("/api/traces?{query}&start={start}&end={end}"));
        answer["data"].as_array().unwrap().len()
    };
    assert_eq!(search("service=shop&limit=20&lookback=custom&maxDuration&minDuration"), 1);
    assert_eq!(search("service=shop&tags=%7B%22error%22%3A%22true%22%7D"), 0);
    assert_eq!(search("service=stock&tags=%7B%22error%22%3A%22true%22%7D"), 1);
    assert_eq!(search("service=shop&minDuration=100ms"), 0);
    assert_eq!(search(&format!("traceID={}", trace_hex(1))), 1);

    let end = now_ns() / 1_000_000;
    assert_eq!(
        server.json(&format!("/api/dependencies?endTs={end}&lookback=604800000"))["data"],
        json!([{"parent": "shop", "child": "stock", "callCount": 1}])
    );
}

#[test]
fn version_1_errors_are_in_the_envelope() {
    let server = Running::start(|_| {});
    let response = server.get(&format!("/api/traces/{}", trace_hex(5)), &[]);
    assert_eq!(response.status, 404);
    let body = response.json();
    assert_eq!((&body["data"], &body["errors"][0]["code"]), (&Value::Null, &json!(404)));
    assert_eq!(server.get("/api/traces", &[]).status, 400);
}

#[test]
fn version_3_answers_in_otlp() {
    let server = Running::start(|_| {});
    let base = now_ns();
    let sent = shop_trace(base);
    server.send(sent.clone());
    assert_eq!(server.json("/api/v3/services"), json!({"services": ["shop", "stock"]}));
    assert_eq!(
        server.json("/api/v3/operations?service=stock"),
        json!({"operations": [{"name": "GET /items", "spanKind": "server"}]})
    );
    let trace = server.json(&format!("/api/v3/traces/{}", trace_hex(1)));
    // The very spans that were sent: nothing is lost on the way through the store.
    let mut expected = serde_json::to_value(&sent.resource_spans).unwrap();
    // Resource attributes are kept as a JSON object, which has its keys in order.
    for group in expected.as_array_mut().unwrap() {
        group["resource"]["attributes"].as_array_mut().unwrap().reverse();
    }
    assert_eq!(trace["result"]["resourceSpans"], expected);
    let window = "query.startTimeMin=2020-01-01T00:00:00Z&query.start_time_max=2100-01-01T00:00:00Z";
    let found =
        server.json(&format!("/api/v3/traces?query.serviceName=stock&query.durationMin=1ms&{window}"));
    assert_eq!(found["result"]["resourceSpans"].as_array().unwrap().len(), 2);
    let none = server.get(&format!("/api/v3/traces?query.service_name=none&{window}"), &[]);
    assert_eq!((none.status, &none.json()["error"]["httpCode"]), (404, &json!(404)));
    let without_time = server.get("/api/v3/traces?query.service_name=shop", &[]);
    assert_eq!((without_time.status, &without_time.json()["error"]["httpCode"]), (400, &json!(400)));
}
