//! ClickHouse instead of blocks: its engine (chdb), behind a small server that speaks its HTTP interface.

use std::{net::SocketAddr, path::Path, process::Command, time::Duration};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, ArrayValue, KeyValueList, any_value::Value as Any},
    trace::v1::span::{Link, SpanKind},
};
use serde_json::{Value, json};

use crate::{
    child::{self, Process},
    environment::{self, free_address, script, tool},
    support::{
        Running, attribute, exchange, failed, normalise, now_ns, of_service, request, shop_trace, span, text,
        trace_hex, wait_until,
    },
};

/// The engine behind its interface; its tables outlive it.
struct Engine {
    address: SocketAddr,
    directory: tempfile::TempDir,
    process: Option<environment::Running>,
}

impl Engine {
    /// None where there is no environment.
    fn start() -> Option<Self> {
        let mut engine =
            Self { address: free_address(), directory: tempfile::tempdir().unwrap(), process: None };
        engine.again().then_some(engine)
    }

    fn again(&mut self) -> bool {
        let Some(python) = tool("python") else { return false };
        let mut command = Command::new(python);
        command.arg(script("clickhouse_http.py")).arg(self.address.port().to_string());
        command.arg(self.directory.path()).args(["tracer", "secret"]);
        self.process = Some(environment::Running::start(&mut command, self.address));
        true
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A server whose spans go there at once.
    fn server(&self) -> Running {
        Running::start(|settings| {
            settings.limits.block_age = Duration::from_millis(100);
            settings.limits.clickhouse = Some(child::clickhouse(&self.url()));
        })
    }

    /// Runs a statement and returns the answer.
    #[track_caller]
    fn sql(&self, statement: &str) -> String {
        let headers = [("x-clickhouse-user", "tracer"), ("x-clickhouse-key", "secret")];
        let answer = exchange(self.address, "POST", "/", &headers, statement.as_bytes());
        assert_eq!(answer.status, 200, "{statement}: {}", answer.text());
        answer.text()
    }
}

/// What the status says of ClickHouse.
fn state(server: &Running) -> Value {
    server.json("/api/v1/status")["store"]["clickhouse"].clone()
}

#[track_caller]
fn wait_for_inserts(server: &Running, spans: u64) {
    wait_until("the spans are in ClickHouse", || {
        let status = server.json("/api/v1/status");
        status["store"]["clickhouse"]["spans_inserted"] == spans && status["store"]["spans_in_memory"] == 0
    });
}

/// Everything that a span can have, and what is awkward in a query.
fn odd_trace(base: u64) -> ExportTraceServiceRequest {
    let list = |values: Vec<Any>| {
        let values = values.into_iter().map(|value| AnyValue { value: Some(value) }).collect();
        Any::ArrayValue(ArrayValue { values })
    };
    let mut root = span(2, 1, 0, "it's `odd`\\ \"\n\t\u{1f4a5}", base, 0, 5_000_000);
    root.attributes = vec![
        attribute("it's", text("a'b\\c\"d\ne\tf'; DROP TABLE otel_traces; --")),
        attribute("digits", text("500")),
        attribute("count", Any::IntValue(500)),
        attribute("zero", Any::DoubleValue(-0.0)),
        attribute("large", Any::DoubleValue(1e21)),
        attribute("small", Any::DoubleValue(1.5e-9)),
        attribute("whole", Any::DoubleValue(3.0)),
        attribute("lowest", Any::IntValue(i64::MIN)),
        attribute("empty", text("")),
        attribute("truth", Any::BoolValue(false)),
        attribute("word", text("true")),
        attribute(
            "numbers",
            list(vec![Any::IntValue(7), Any::DoubleValue(0.5), text("x"), Any::BoolValue(true)]),
        ),
        attribute("map", Any::KvlistValue(KeyValueList { values: vec![attribute("k", Any::IntValue(1))] })),
        attribute("bytes", Any::BytesValue(vec![0, 255])),
    ];
    root.links = vec![
        Link {
            trace_id: vec![7; 16],
            span_id: vec![1; 8],
            flags: 0x301,
            trace_state: "l=1".to_owned(),
            attributes: vec![attribute("n", Any::IntValue(1))],
            ..Link::default()
        },
        Link { trace_id: vec![8; 16], span_id: vec![1; 8], ..Link::default() },
    ];
    let mut unnamed = failed(span(2, 2, 1, "", base, 1000, 0));
    unnamed.kind = 0;
    let mut of_scope = of_service("odd", vec![root, unnamed]);
    let scope = of_scope.scope_spans[0].scope.as_mut().unwrap();
    "1.2".clone_into(&mut scope.version);
    scope.attributes = vec![attribute("a", Any::IntValue(3))];
    of_scope
        .resource
        .as_mut()
        .unwrap()
        .attributes
        .extend([attribute("list", list(vec![text("one"), text("two")])), attribute("host's", text("h'1"))]);
    let mut nameless = of_service("", vec![span(2, 3, 1, "of nobody", base, 2000, 10)]);
    nameless.resource = None;
    request(vec![of_scope, nameless])
}

/// Calls between hosts, whose other ends are in traces of their own.
fn far_traces(base: u64) -> ExportTraceServiceRequest {
    let mut call = span(3, 2, 1, "GET", base, 10, 30);
    call.kind = SpanKind::Client as i32;
    call.links = vec![Link {
        trace_id: vec![4; 16],
        span_id: vec![1; 8],
        attributes: vec![attribute("tracer.parent.evidence", text("tcp-seq"))],
        ..Link::default()
    }];
    let near = vec![span(3, 1, 0, "GET /", base, 0, 50), call];
    request(vec![of_service("near", near), of_service("far", vec![span(4, 1, 0, "GET /", base, 15, 20)])])
}

/// A text as part of a query string.
fn encoded(query: &str) -> String {
    form_urlencoded::byte_serialize(query.as_bytes()).collect()
}

/// Every question that the APIs take.
fn questions(base: u64) -> Vec<String> {
    let window = format!("start={}&end={}", base - 1_000_000_000, base + 60_000_000_000);
    let seconds = format!("start={}&end={}", base / 1_000_000_000 - 1, base / 1_000_000_000 + 60);
    let micros = format!("start={}&end={}", base / 1000 - 1_000_000, base / 1000 + 60_000_000);
    let millis = format!("endTs={}&lookback=120000", base / 1_000_000 + 60_000);
    let mut questions: Vec<String> =
        (1..=4).map(|trace| format!("/api/v1/traces/{}", trace_hex(trace))).collect();
    let searches = [
        "",
        "limit=2",
        "limit=1&offset=1",
        "service=shop",
        "service=unknown_service",
        "service=nobody",
        "operation=GET%20/cart",
        "kind=client",
        "kind=unspecified",
        "error=true",
        "error=false",
        "min_duration=20ms",
        "max_duration=100ns",
        "min_duration=1ms&service=odd",
    ];
    questions.extend(searches.map(|search| format!("/api/v1/traces?count=true&{window}&{search}")));
    let tags = [
        "http.response.status_code>=500",
        "http.response.status_code=500.0",
        "http.response.status_code=5e2",
        "digits=500",
        "digits=500.0",
        "count=500",
        "count<9",
        "count>9",
        "ratio<1",
        "ratio=0.50",
        "cached=true",
        "cached=True",
        "word=true",
        "truth=false",
        "zero=0",
        "zero=-0",
        "large=1e21",
        "small=0.0000000015",
        "whole=3",
        "lowest=-9223372036854775808",
        "empty=",
        "numbers=7",
        "numbers=x",
        "numbers=0.5",
        "numbers=8",
        "list=two",
        "resource.list=two",
        "resource.list=three",
        "process.pid=7",
        "resource.process.pid>6",
        "resource.host's=h'1",
        "it's=a'b\\c\"d\ne\tf'; DROP TABLE otel_traces; --",
        "it's!=x",
        "nothing=x",
        "nothing!=x",
        "number!=11",
    ];
    questions.extend(tags.map(|tag| format!("/api/v1/traces?count=true&{window}&tag={}", encoded(tag))));
    questions.extend([
        "/api/v1/services".to_owned(),
        format!("/api/v1/analytics/operations?{window}&step=10s"),
        format!("/api/v1/analytics/service-dependencies?{window}"),
        format!("/api/v1/compare?a={}&b={}", trace_hex(1), trace_hex(2)),
        "/api/services".to_owned(),
        "/api/services/shop/operations".to_owned(),
        "/api/operations?service=shop&spanKind=server".to_owned(),
        format!("/api/traces?service=shop&tags={}&{micros}", encoded(r#"{"cached":"true"}"#)),
        format!("/api/traces/{}", trace_hex(2)),
        format!("/api/dependencies?{millis}"),
        "/api/v3/services".to_owned(),
        "/api/v3/operations?service=odd".to_owned(),
        format!("/api/v3/traces/{}", trace_hex(2)),
        format!("/tempo/api/traces/{}", trace_hex(1)),
        format!("/tempo/api/search?tags=service.name%3Dstock&{seconds}"),
        format!("/tempo/api/search/tags?{seconds}"),
        format!("/tempo/api/v2/search/tags?{seconds}"),
        format!("/tempo/api/search/tag/service.name/values?{seconds}"),
        format!("/tempo/api/v2/search/tag/.http.response.status_code/values?{seconds}"),
        format!("/tempo/api/v2/search/tag/resource.host's/values?{seconds}"),
        "/zipkin/api/v2/services".to_owned(),
        "/zipkin/api/v2/spans?serviceName=shop".to_owned(),
        format!("/zipkin/api/v2/traces?serviceName=shop&{millis}"),
        format!("/zipkin/api/v2/trace/{}", trace_hex(1)),
        format!("/zipkin/api/v2/dependencies?{millis}"),
    ]);
    let queries = [
        "{}",
        "{ status = error }",
        "{ kind = client } >> { status = error }",
        "{ .count > 9 && .count < 501 }",
        "{ .digits = `500` }",
        "{ span.numbers = 7 }",
        "{ resource.list = `one` }",
        "{ name =~ `GET.*` }",
        "{ duration > 1ms } | by(resource.service.name) | count() > 0",
        "{ .zero = 0.0 } || { event:name = `exception` }",
        "{ link.n = 1 }",
        "{ statusMessage = `it broke` }",
        "{ rootServiceName = `odd` }",
    ];
    questions.extend(
        queries.map(|query| format!("/tempo/api/search?limit=40&spss=5&{seconds}&q={}", encoded(query))),
    );
    questions
}

#[test]
fn every_question_is_answered_as_by_the_embedded_store() {
    let Some(engine) = Engine::start() else { return };
    let (embedded, server) = (Running::start(|_| {}), engine.server());
    let base = now_ns() - 5_000_000_000;
    for both in [&embedded, &server] {
        both.send(shop_trace(base));
        both.send(odd_trace(base + 1_000_000));
        both.send(far_traces(base + 2_000_000));
    }
    wait_for_inserts(&server, 9);
    for question in questions(base) {
        let answer = |server: &Running| {
            let response = server.get(&question, &[]);
            assert_eq!(
                (response.status, response.header("x-tracer-partial")),
                (200, None),
                "{question}: {}",
                response.text()
            );
            let mut answer = response.json();
            normalise(&mut answer);
            answer
        };
        let (expected, got) = (answer(&embedded), answer(&server));
        assert_eq!(got, expected, "{question}");
    }
    assert_eq!(state(&server)["last_error"], Value::Null);
}

/// The collector's own rows: without the column that is ours, and from a time when it wrote the names of protobuf.
#[test]
fn rows_of_the_collector_are_read() {
    let Some(engine) = Engine::start() else { return };
    let server = engine.server();
    server.send(request(vec![of_service("ours", vec![span(9, 1, 0, "here", now_ns(), 0, 5)])]));
    wait_for_inserts(&server, 1);
    let base = now_ns() - 1_000_000_000;
    engine.sql(&format!(
        "INSERT INTO traces.otel_traces (Timestamp, TraceId, SpanId, ParentSpanId, TraceState, SpanName, SpanKind, ServiceName,
            ResourceAttributes, ScopeName, ScopeVersion, SpanAttributes, Duration, StatusCode, StatusMessage,
            `Events.Timestamp`, `Events.Name`, `Events.Attributes`, `Links.TraceId`, `Links.SpanId`, `Links.TraceState`, `Links.Attributes`)
        SELECT fromUnixTimestamp64Nano(toInt64({base})), '{}', '0101010101010101', '', '', 'old', 'SPAN_KIND_SERVER', 'theirs',
            map('service.name', 'theirs', 'process.pid', '7'), 'scope', '', map('code', '500', 'ratio', '0.5', 'ok', 'true', 'list', '[1]'),
            1500000, 'STATUS_CODE_ERROR', 'no', [fromUnixTimestamp64Nano(toInt64({base}))], ['e'], [map('n', '1')], [], [], [], []",
        trace_hex(1),
    ));
    let trace = server.json(&format!("/api/v1/traces/{}", trace_hex(1)));
    let span = &trace["spans"][0];
    assert_eq!(
        (&span["kind"], &span["status"], &span["duration_ns"]),
        (&json!("server"), &json!("error"), &json!(1_500_000))
    );
    // What would be written just so is taken for a number or a truth value.
    assert_eq!(span["attributes"], json!({"code": 500, "ratio": 0.5, "ok": true, "list": "[1]"}));
    assert_eq!(span["events"], json!([{"time_ns": base, "name": "e", "attributes": {"n": 1}}]));
    assert_eq!(trace["resources"][0], json!({"service.name": "theirs", "process.pid": 7}));
    for search in
        ["tag=code%3E=500", "tag=ratio=0.5", "kind=server&error=true&service=theirs", "min_duration=1ms"]
    {
        let found = server.json(&format!("/api/v1/traces?{search}"));
        assert_eq!(found["traces"][0]["trace_id"], trace_hex(1), "{search}");
    }
    assert_eq!(server.json("/api/services")["data"], json!(["ours", "theirs"]));
}

fn numbered(number: u8) -> ExportTraceServiceRequest {
    let mut one = span(number, 1, 0, "one", now_ns(), 0, 1000);
    one.attributes = vec![attribute("number", Any::IntValue(i64::from(number)))];
    request(vec![of_service("numbers", vec![one, span(number, 2, 1, "two", now_ns(), 0, 100)])])
}

#[test]
fn what_was_acknowledged_is_there_once_after_kill_9() {
    let Some(engine) = Engine::start() else { return };
    let data = tempfile::tempdir().unwrap();
    for round in 0..4_u8 {
        // Killed while batches are on their way, some of which have arrived and some not.
        let process = Process::start_clickhouse(data.path(), 6, &engine.url());
        for number in 1..=25 {
            assert_eq!(process.send(&numbered(round * 25 + number)), 200);
        }
    }
    let process = Process::start_clickhouse(data.path(), 6, &engine.url());
    let count = || engine.sql("SELECT count(), uniqExact(TraceId, SpanId) FROM traces.otel_traces");
    wait_until("all are there, none twice", || count() == "\"200\",\"200\"\n" || count() == "200,200\n");
    assert_eq!(process.json("/api/v1/traces?service=numbers&count=true&limit=1")["total"], 100);
    assert_eq!(process.json("/api/v1/analytics/operations")["operations"][0]["calls"]["calls"], 100);
}

#[test]
fn while_it_is_down_spans_wait_and_answers_say_that_they_are_partial() {
    let Some(mut engine) = Engine::start() else { return };
    let server = engine.server();
    server.send(numbered(1));
    wait_for_inserts(&server, 2);
    engine.process = None;
    server.send(numbered(2));
    wait_until("an insert has failed", || state(&server)["failed_inserts"].as_u64() > Some(0));
    assert!(state(&server)["last_error"].as_str().unwrap().contains("does not answer"), "{}", state(&server));
    let found = server.json("/api/v1/traces?service=numbers");
    assert_eq!((&found["partial"], &found["traces"][0]["trace_id"]), (&json!(true), &json!(trace_hex(2))));
    for path in
        ["/api/traces?service=numbers", "/zipkin/api/v2/services", "/tempo/api/search?tags=number%3D1"]
    {
        let response = server.get(path, &[]);
        assert_eq!((response.status, response.header("x-tracer-partial")), (200, Some("true")), "{path}");
    }
    assert!(engine.again());
    wait_for_inserts(&server, 4);
    let found = server.json("/api/v1/traces?service=numbers&count=true");
    assert_eq!((&found["partial"], &found["total"]), (&json!(false), &json!(2)));
    assert_eq!(state(&server)["last_error"], Value::Null);
}

#[test]
fn servers_share_tables_whose_old_spans_go() {
    let Some(engine) = Engine::start() else { return };
    let (one, other) = (engine.server(), engine.server());
    one.send(numbered(1));
    let mut old = numbered(2);
    for span in &mut old.resource_spans[0].scope_spans[0].spans {
        span.start_time_unix_nano -= 3 * 24 * 3_600_000_000_000;
        span.end_time_unix_nano -= 3 * 24 * 3_600_000_000_000;
    }
    one.send(old);
    wait_for_inserts(&one, 4);
    assert_eq!(
        other.json("/api/v1/traces?service=numbers&lookback=1000h&count=true")["traces"][0]["trace_id"],
        trace_hex(1)
    );
    engine.sql("OPTIMIZE TABLE traces.otel_traces FINAL");
    assert_eq!(other.get(&format!("/api/v1/traces/{}", trace_hex(2)), &[]).status, 404);
    assert_eq!(other.get(&format!("/api/v1/traces/{}", trace_hex(1)), &[]).status, 200);
}

#[test]
fn a_table_that_is_not_the_collectors_is_named() {
    let Some(engine) = Engine::start() else { return };
    engine.sql("CREATE DATABASE traces");
    engine.sql("CREATE TABLE traces.otel_traces (Timestamp DateTime64(9), TraceId String) ENGINE = MergeTree ORDER BY Timestamp");
    let server = Running::start(|settings| {
        settings.limits.block_age = Duration::from_millis(100);
        let mut clickhouse = child::clickhouse(&engine.url());
        clickhouse.create = None;
        settings.limits.clickhouse = Some(clickhouse);
    });
    server.send(numbered(1));
    wait_until("it is told", || {
        let error = state(&server)["last_error"].clone();
        error.as_str().is_some_and(|error| error.contains("lacks the columns SpanId, "))
    });
    assert_eq!(
        server.json(&format!("/api/v1/traces/{}", trace_hex(1)))["spans"].as_array().unwrap().len(),
        2
    );
}

/// A ClickHouse that is told a wrong password says so, and nothing is lost meanwhile.
#[test]
fn a_refusal_is_told() {
    let Some(engine) = Engine::start() else { return };
    let server = Running::start(|settings| {
        settings.limits.block_age = Duration::from_millis(100);
        let mut clickhouse = child::clickhouse(&engine.url());
        clickhouse.password = "wrong".to_owned();
        settings.limits.clickhouse = Some(clickhouse);
    });
    server.send(numbered(1));
    wait_until("it is told", || {
        let error = state(&server)["last_error"].clone();
        error.as_str().is_some_and(|error| error.contains("403") && error.contains("Authentication failed"))
    });
    let log = Path::new(server.data()).join("logs");
    assert!(std::fs::read_dir(log).unwrap().count() >= 2);
    assert_eq!(
        server.json(&format!("/api/v1/traces/{}", trace_hex(1)))["spans"].as_array().unwrap().len(),
        2
    );
}
