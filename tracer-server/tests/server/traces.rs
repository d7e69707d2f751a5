//! Our own API: one trace, and searches.

use opentelemetry_proto::tonic::trace::v1::{
    Span,
    span::{Link, SpanKind},
};
use serde_json::json;

use crate::support::{
    Running, attribute, failed, now_ns, of_service, request, shop_trace, span, text, trace_hex,
};

#[test]
fn a_trace_comes_back_as_it_was_sent() {
    let server = Running::start(|_| {});
    let base = now_ns();
    server.send(shop_trace(base));
    let trace = server.json(&format!("/api/v1/traces/{}", trace_hex(1)));
    let summary = &trace["summary"];
    assert_eq!(summary["root_service"], "shop");
    assert_eq!(summary["root_name"], "GET /cart");
    assert_eq!(summary["start_unix_ns"], base.to_string());
    assert_eq!(
        (&summary["duration_ns"], &summary["spans"], &summary["errors"]),
        (&json!(50_000_000), &json!(3), &json!(1))
    );
    assert_eq!(
        summary["services"],
        json!([
        {"service": "shop", "spans": 2, "errors": 0}, {"service": "stock", "spans": 1, "errors": 1}])
    );
    let root = &trace["spans"][0];
    assert_eq!(
        root["attributes"],
        json!({
        "http.request.method": "GET", "http.response.status_code": 500, "ratio": 0.5, "cached": true, "list": ["x", 1]})
    );
    assert_eq!(
        root["events"],
        json!([{"time_ns": base + 5, "name": "exception", "attributes": {"exception.type": "E"}}])
    );
    assert_eq!(root["links"][0]["trace_id"], trace_hex(9));
    assert_eq!((&root["trace_state"], &root["parent_span_id"]), (&json!("a=b"), &json!(null)));
    assert_eq!(root["scope"], json!({"name": "test"}));
    let failure = &trace["spans"][2];
    assert_eq!((&failure["status"], &failure["status_message"]), (&json!("error"), &json!("it broke")));
    assert_eq!(trace["resources"][failure["resource"].as_u64().unwrap() as usize]["service.name"], "stock");
}

/// A call of trace `trace` that links to the root of trace `far`, by this evidence.
fn linked_call(trace: u8, far: u8, evidence: &str) -> Span {
    let mut call = span(trace, 2, 1, "GET", now_ns(), 10, 30);
    call.kind = SpanKind::Client as i32;
    call.links = vec![Link {
        trace_id: vec![far; 16],
        span_id: vec![1; 8],
        attributes: vec![attribute("tracer.parent.evidence", text(evidence))],
        ..Link::default()
    }];
    call
}

/// Services and parents of a trace's spans, by start.
fn shape(server: &Running, trace: u8) -> Vec<(String, bool)> {
    let trace = server.json(&format!("/api/v1/traces/{}", trace_hex(trace)));
    let spans = trace["spans"].as_array().unwrap().iter();
    let mut shape: Vec<_> = spans
        .map(|span| (span["service"].as_str().unwrap().to_owned(), span["parent_span_id"].is_string()))
        .collect();
    shape.sort();
    shape
}

#[test]
fn a_trace_goes_on_on_other_hosts() {
    let server = Running::start(|_| {});
    for (trace, name) in [(1, "a"), (2, "b"), (3, "c")] {
        let mut spans = vec![span(trace, 1, 0, "GET /", now_ns(), 0, 50)];
        if trace < 3 {
            spans.push(linked_call(trace, trace + 1, "tcp-seq"));
        }
        server.send(request(vec![of_service(name, spans)]));
    }
    let of = |service: &str, has_parent| (service.to_owned(), has_parent);
    let (b, c) = ([of("b", true), of("b", true)], of("c", true));
    assert_eq!(
        shape(&server, 1),
        [[of("a", false), of("a", true)].as_slice(), &b, std::slice::from_ref(&c)].concat()
    );
    assert_eq!(shape(&server, 2), [of("b", false), of("b", true), c]);
    assert_eq!(shape(&server, 3), [of("c", false)]);
    let all = server.json("/api/v1/traces");
    assert_eq!(all["traces"].as_array().unwrap().len(), 3, "each is found by itself");
}

#[test]
fn what_only_looks_like_it_joins_nothing() {
    let server = Running::start(|_| {});
    // A link for another reason; one to a trace that is not there; one to a span that has a parent.
    let calls = [linked_call(1, 9, "because"), linked_call(2, 8, "tcp-seq"), linked_call(3, 7, "tcp-seq")];
    server.send(request(vec![of_service("a", calls.to_vec())]));
    let others = vec![span(9, 1, 0, "GET /", now_ns(), 0, 50), span(7, 1, 5, "GET /", now_ns(), 0, 50)];
    server.send(request(vec![of_service("b", others)]));
    for trace in 1..=3 {
        assert_eq!(shape(&server, trace), [("a".to_owned(), true)]);
    }
}

/// Two calls that link to each other's traces.
#[test]
fn a_circle_of_links_ends() {
    let server = Running::start(|_| {});
    for (trace, far) in [(1, 2), (2, 1)] {
        let spans = vec![span(trace, 1, 0, "GET /", now_ns(), 0, 50), linked_call(trace, far, "tcp-seq")];
        server.send(request(vec![of_service(if trace == 1 { "a" } else { "b" }, spans)]));
    }
    let shape = shape(&server, 1);
    assert!(shape.len() >= 3 && shape.len() <= 4, "{shape:?}");
}

#[test]
fn a_span_that_came_twice_is_there_once() {
    let server = Running::start(|_| {});
    let sent = shop_trace(now_ns());
    server.send(sent.clone());
    server.send(sent);
    let trace = server.json(&format!("/api/v1/traces/{}", trace_hex(1)));
    assert_eq!(trace["spans"].as_array().unwrap().len(), 3);
}

#[test]
fn searches_find_what_they_ask_for() {
    let server = Running::start(|_| {});
    let base = now_ns() - 60_000_000_000;
    server.send(shop_trace(base));
    let mut slow = span(2, 1, 0, "GET /slow", base, 20_000_000, 900_000_000);
    slow.attributes = vec![attribute("user.id", text("u-17"))];
    server.send(request(vec![of_service("shop", vec![slow])]));
    server.send(request(vec![of_service(
        "other",
        vec![failed(span(3, 1, 0, "GET /slow", base, 30_000_000, 5))],
    )]));
    let found = |query: &str| -> Vec<String> {
        let answer = server.json(&format!("/api/v1/traces?{query}"));
        assert_eq!(answer["partial"], false);
        let ids = answer["traces"].as_array().unwrap().iter();
        ids.map(|trace| trace["trace_id"].as_str().unwrap()[..2].to_owned()).collect()
    };
    // The newest first.
    let cases: [(&str, &[&str]); 16] = [
        ("", &["03", "02", "01"]),
        ("limit=2", &["03", "02"]),
        ("limit=2&offset=1", &["02", "01"]),
        ("service=shop", &["02", "01"]),
        ("service=stock", &["01"]),
        ("service=nobody", &[]),
        ("operation=GET%20/slow", &["03", "02"]),
        ("service=shop&operation=GET%20/slow", &["02"]),
        ("min_duration=60ms", &["02"]),
        ("max_duration=10ns", &["03"]),
        ("error=true", &["03", "01"]),
        ("service=shop&error=true", &[]),
        ("tag=user.id=u-17", &["02"]),
        ("tag=http.response.status_code%3E=500&tag=cached=true", &["01"]),
        ("tag=resource.process.pid=7&service=other", &["03"]),
        ("tag=user.id!=u-17", &[]),
    ];
    for (query, expected) in cases {
        assert_eq!(found(query), expected, "{query}");
    }
    assert_eq!(found(&format!("start={}&end={}", base + 20_000_000, base + 25_000_000)), ["02"]);
    let answer = server.json("/api/v1/traces?limit=1&count=true");
    assert_eq!((&answer["total"], &answer["total_is_exact"]), (&json!(3), &json!(true)));
}

#[test]
fn what_cannot_be_answered_says_why() {
    let server = Running::start(|_| {});
    let cases = [
        ("/api/v1/traces/xyz", 400, "bad_parameter", "up to 32 hexadecimal digits"),
        ("/api/v1/traces/ab", 404, "trace_not_found", "There is no trace ab"),
        ("/api/v1/traces?limit=many", 400, "bad_parameter", "a whole number"),
        ("/api/v1/traces?min_duration=5", 400, "bad_parameter", "a duration such as"),
        ("/api/v1/traces?tag=novalue", 400, "bad_parameter", "a comparison"),
    ];
    for (path, status, reason, words) in cases {
        let response = server.get(path, &[]);
        let error = &response.json()["error"];
        assert_eq!((response.status, error["reason"].as_str()), (status, Some(reason)), "{path}");
        assert!(error["message"].as_str().unwrap().contains(words), "{path}: {error}");
    }
}
