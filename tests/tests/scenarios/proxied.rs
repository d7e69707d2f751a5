//! curl -> nginx -> a threaded Python service, all of them (but curl) running before the daemon.

use std::collections::BTreeMap;

use tracer_tests::{
    apps::{Upstream, curl, nginx, threaded_backend},
    client::now_ns,
    scenario::Scenario,
    service::Service,
    span::{Attributes, ReceivedSpan},
    tree::assert_trees,
};

/// Two clocks are compared: the daemon turns the monotonic one into wall time by itself.
const CLOCK_SLACK_NS: u64 = 20_000_000;

fn find<'a>(spans: &'a [ReceivedSpan], kind: &str, service: &str) -> &'a ReceivedSpan {
    spans.iter().find(|span| span.kind == kind && span.service() == service).unwrap()
}

fn attributes(list: &[(&str, &str)]) -> Attributes {
    list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn names_attributes_and_resources_are_exact() {
    let scenario = Scenario::start("proxied-exact");
    let backend = threaded_backend(&scenario, None);
    let front = nginx(&scenario, &Upstream::Closing(&backend));
    let daemon = scenario.daemon();
    let before = now_ns();
    curl(["--user-agent", "exact/1.0", &front.url("/proxied/hello?token=secret&empty=")]);
    let after = now_ns();
    let spans = scenario.finish(daemon, "/proxied", 4);
    assert_trees(
        &spans,
        r#"
        CLIENT curl "GET" 200
          SERVER nginx "GET /proxied/hello" 200 by socket
            CLIENT nginx "GET" 200 by turn
              SERVER threaded_backend "GET /proxied/hello" 200 by socket
        "#,
    );

    let (front_port, back_port) = (front.port().to_string(), backend.port().to_string());
    let client = find(&spans, "CLIENT", "curl");
    assert_eq!(
        client.attributes,
        attributes(&[
            ("http.request.method", "GET"),
            ("http.response.body.size", "6"),
            ("http.response.status_code", "200"),
            ("network.peer.address", "127.0.0.1"),
            ("network.peer.port", &front_port),
            ("network.protocol.version", "1.1"),
            ("server.address", "127.0.0.1"),
            ("server.port", &front_port),
            ("url.full", &front.url("/proxied/hello?token=REDACTED&empty=")),
        ])
    );
    let server = find(&spans, "SERVER", "nginx");
    let client_port = server.attribute("network.peer.port").to_owned();
    assert!(client_port.parse::<u16>().is_ok_and(|port| port > 0));
    assert_eq!(
        server.attributes,
        attributes(&[
            ("client.address", "127.0.0.1"),
            ("client.port", &client_port),
            ("http.request.method", "GET"),
            ("http.response.body.size", "6"),
            ("http.response.status_code", "200"),
            ("http.route", "/proxied/hello"),
            ("network.peer.address", "127.0.0.1"),
            ("network.peer.port", &client_port),
            ("network.protocol.version", "1.1"),
            ("server.address", "127.0.0.1"),
            ("server.port", &front_port),
            ("tracer.parent.evidence", "tcp-seq"),
            ("url.path", "/proxied/hello"),
            ("url.query", "token=REDACTED&empty="),
            ("url.scheme", "http"),
            ("user_agent.original", "exact/1.0"),
        ])
    );
    let upstream = find(&spans, "CLIENT", "nginx");
    assert_eq!(upstream.attribute("network.protocol.version"), "1.0");
    assert_eq!(upstream.attribute("server.port"), back_port);
    assert_eq!(upstream.attribute("tracer.parent.evidence"), "turn");
    assert_eq!(upstream.attribute("url.full"), backend.url("/proxied/hello?token=REDACTED&empty="));

    check_resources(&spans, &front, &backend);
    for span in &spans {
        assert!(span.start_ns + CLOCK_SLACK_NS >= before && span.end_ns <= after + CLOCK_SLACK_NS);
        assert!(span.trace_id.len() == 32 && span.span_id.len() == 16);
    }
}

fn check_resources(spans: &[ReceivedSpan], front: &Service, backend: &Service) {
    let host = nix::unistd::gethostname().unwrap().into_string().unwrap();
    let mut instances = BTreeMap::new();
    for span in spans {
        let resource = |key: &str| span.resource.get(key).map_or("", String::as_str);
        assert_eq!(resource("host.name"), host);
        assert_eq!(resource("os.type"), "linux");
        assert_eq!(resource("telemetry.distro.name"), "tracer");
        assert!(!resource("telemetry.distro.version").is_empty());
        instances.entry(resource("service.instance.id").to_owned()).or_insert_with(Vec::new).push(span.pid());
    }
    assert!(!instances.contains_key(""), "A resource has no service.instance.id.");
    assert_eq!(instances.len(), 3, "Three processes are three instances: {instances:?}");

    let curl = &find(spans, "CLIENT", "curl").resource;
    assert_eq!(curl["process.executable.name"], "curl");
    assert_eq!(curl["process.executable.path"], "/usr/bin/curl");
    let worker = find(spans, "SERVER", "nginx");
    assert_eq!(worker.pid(), find(spans, "CLIENT", "nginx").pid());
    assert_ne!(worker.pid(), front.pid(), "The worker serves, not the master.");
    assert_eq!(worker.resource["process.parent_pid"], front.pid().to_string());
    let python = find(spans, "SERVER", "threaded_backend");
    assert_eq!(python.pid(), backend.pid());
    assert_eq!(python.resource["telemetry.sdk.language"], "python");
}

#[test]
fn kept_upstream_connections() {
    let scenario = Scenario::start("proxied-kept");
    let backend = threaded_backend(&scenario, None);
    let front = nginx(&scenario, &Upstream::Kept(&backend));
    let daemon = scenario.daemon();
    for _ in 0..20 {
        curl([front.url("/kept/hello")]);
    }
    // A client that keeps its connection too, and a failure among the good answers.
    let urls = ["/kept/hello", "/kept/status/503", "/kept/hello"].map(|path| front.url(path));
    curl(urls);
    assert_trees(
        &scenario.finish(daemon, "/kept", 92),
        r#"
        22 x CLIENT curl "GET" 200
          SERVER nginx "GET /kept/hello" 200 by socket
            CLIENT nginx "GET" 200 by turn
              SERVER threaded_backend "GET /kept/hello" 200 by socket
        CLIENT curl "GET" 503 error=503
          SERVER nginx "GET /kept/status/{id}" 503 by socket error=503
            CLIENT nginx "GET" 503 by turn error=503
              SERVER threaded_backend "GET /kept/status/{id}" 503 by socket error=503
        "#,
    );
}

#[test]
fn a_chain_of_threaded_services() {
    let scenario = Scenario::start("proxied-chain");
    let last = threaded_backend(&scenario, None);
    let middle = threaded_backend(&scenario, Some(&last));
    let first = threaded_backend(&scenario, Some(&middle));
    let daemon = scenario.daemon();
    for _ in 0..5 {
        curl([first.url("/chain/hello")]);
    }
    assert_trees(
        &scenario.finish(daemon, "/chain", 30),
        r#"
        5 x CLIENT curl "GET" 200
          SERVER threaded_backend "GET /chain/hello" 200 by socket
            CLIENT threaded_backend "GET" 200 by thread
              SERVER threaded_backend "GET /chain/hello" 200 by socket
                CLIENT threaded_backend "GET" 200 by thread
                  SERVER threaded_backend "GET /chain/hello" 200 by socket
        "#,
    );
}
