//! Our own API: what traces say together, side by side, and as they come in.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{Running, failed, now_ns, of_service, request, shop_trace, span, trace_hex};

#[test]
fn a_trace_says_what_it_waited_for() {
    let server = Running::start(|_| {});
    let base = now_ns();
    server.send(shop_trace(base));
    let trace = server.json(&format!("/api/v1/traces/{}", trace_hex(1)));
    let steps: Vec<(&str, u64)> = trace["critical_path"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            (&step["span_id"].as_str().unwrap()[..2], step["duration_ns"].as_u64().unwrap() / 1_000_000)
        })
        .collect();
    assert_eq!(steps, [("01", 10), ("02", 5), ("03", 20), ("02", 5), ("01", 10)]);
    assert_eq!(trace["service_map"][0]["parent"], "shop");
    assert_eq!(trace["service_map"][0]["calls"]["errors"], 1);
    let top = &trace["statistics"][0];
    assert_eq!(
        (&top["service"], &top["name"], &top["self_ns"]),
        (&json!("shop"), &json!("GET /cart"), &json!(20_000_000))
    );
}

#[test]
fn dependencies_and_operations_have_rate_errors_and_duration() {
    let server = Running::start(|_| {});
    let minute = 60_000_000_000;
    let base = now_ns() / minute * minute - 10 * minute;
    server.send(shop_trace(base));
    // A second call in the next minute, which does not fail.
    let root = span(2, 1, 0, "GET /cart", base, minute, 10_000_000);
    server.send(request(vec![
        of_service("shop", vec![root]),
        of_service("stock", vec![span(2, 2, 1, "GET /items", base, minute + 1, 5_000_000)]),
    ]));
    let range = format!("start={base}&end={}", base + 5 * minute);
    let answer = server.json(&format!("/api/v1/analytics/service-dependencies?{range}"));
    let edge = &answer["dependencies"][0];
    assert_eq!((&edge["parent"], &edge["child"]), (&json!("shop"), &json!("stock")));
    let calls = &edge["calls"];
    assert_eq!(
        (&calls["calls"], &calls["errors"], &calls["error_rate"]),
        (&json!(2), &json!(1), &json!(0.5))
    );
    assert_eq!((&calls["average_ns"], &calls["max_ns"]), (&json!(12_500_000), &json!(20_000_000)));
    assert_eq!(edge["example_trace_id"], trace_hex(1));
    assert_eq!((&answer["unplaced_calls"], &answer["partial"]), (&json!(0), &json!(false)));

    let answer = server.json(&format!("/api/v1/analytics/operations?service=stock&step=1m&{range}"));
    let operations = answer["operations"].as_array().unwrap();
    assert_eq!(operations.len(), 1);
    let operation = &operations[0];
    assert_eq!((&operation["name"], &operation["kind"]), (&json!("GET /items"), &json!("server")));
    let steps: Vec<(String, u64)> = operation["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            (step["start_unix_ns"].as_str().unwrap().to_owned(), step["calls"]["errors"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(steps, [(base.to_string(), 1), ((base + minute).to_string(), 0)]);
    let too_fine = server.get(&format!("/api/v1/analytics/operations?step=1ms&{range}"), &[]);
    assert_eq!(too_fine.status, 400);
}

#[test]
fn two_traces_are_compared_place_by_place() {
    let server = Running::start(|_| {});
    let base = now_ns();
    server.send(shop_trace(base));
    server.send(request(vec![of_service("shop", vec![failed(span(2, 1, 0, "GET /cart", base, 0, 7))])]));
    let answer = server.json(&format!("/api/v1/compare?a={}&b={}", trace_hex(1), trace_hex(2)));
    let places = answer["places"].as_array().unwrap();
    assert_eq!(places.len(), 3);
    assert_eq!(places[0]["a"], json!({"spans": 1, "errors": 0, "total_ns": 50_000_000}));
    assert_eq!(places[0]["b"], json!({"spans": 1, "errors": 1, "total_ns": 7}));
    assert_eq!(places[2]["b"], json!({"spans": 0, "errors": 0, "total_ns": 0}));
    assert_eq!(server.get(&format!("/api/v1/compare?a={}&b=77", trace_hex(1)), &[]).status, 404);
    assert_eq!(server.get("/api/v1/compare?a=1", &[]).json()["error"]["reason"], "missing_parameter");
}

#[test]
fn spans_can_be_watched_as_they_come() {
    let server = Running::start(|_| {});
    let mut stream = TcpStream::connect(server.addresses.query).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
        .write_all(b"GET /api/v1/live?service=stock&error=true HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    // It watches from here on.
    lines.find(|line| line.starts_with(": spans")).expect("a greeting");
    server.send(shop_trace(now_ns()));
    let event = lines.find(|line| line.starts_with("data: ")).expect("an event");
    let span: Value = serde_json::from_str(&event["data: ".len()..]).unwrap();
    assert_eq!((&span["name"], &span["trace_id"]), (&json!("GET /items"), &json!(trace_hex(1))));
}
