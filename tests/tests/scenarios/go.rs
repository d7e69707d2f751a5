//! Go: TLS by crypto/tls, which is within each program, and which goroutine does what.

use std::process::Command;

use tracer_tests::{
    apps::{Go, Upstream, curl, go_grpc, https, nginx_tls, open_gate, python},
    command::run,
    scenario::Scenario,
    service::Service,
    span::ReceivedSpan,
    tree::{assert_edges_keep_path, assert_trees},
    wait::wait_until,
};

/// Asks until a request to a service over TLS is seen: it is probed at its first TLS record.
fn wait_until_probed(scenario: &Scenario, service: &Service) {
    wait_until("the Go program is probed", || {
        curl(["--insecure", "--http1.1", &https(service, "/alone")]);
        let is_served = |span: &ReceivedSpan| span.kind == "SERVER" && span.pid() == service.pid();
        scenario.receiver.spans_under("/alone").iter().any(is_served)
    });
}

fn is_https(span: &ReceivedSpan) -> bool {
    let key = if span.kind == "CLIENT" { "url.full" } else { "url.scheme" };
    span.attribute(key).starts_with("https")
}

/// Kept connections, several at once, so that goroutines read, write and wait on whichever threads there are.
#[test]
fn a_server_and_a_client() {
    let scenario = Scenario::start("go-tls");
    let backend = Go::default().tls().start(&scenario, None);
    // Nothing but the function table is left of its symbols.
    let front = Go::default().tls().stripped().start(&scenario, Some(&https(&backend, "")));
    let daemon = scenario.daemon();
    wait_until_probed(&scenario, &backend);
    wait_until_probed(&scenario, &front);
    run(&mut python("tls_client.py", [https(&front, "/pair"), "8".into(), "5".into()]));
    let spans = scenario.finish(daemon, "/pair", 160);
    assert_edges_keep_path(&spans);
    assert!(spans.iter().all(is_https));
    assert_trees(
        &spans,
        r#"
        40 x CLIENT tls_client "GET" 200
          SERVER go_service "GET /pair/{id}/{id}" 200 by socket
            CLIENT go_service "GET" 200 by goroutine
              SERVER go_service "GET /pair/{id}/{id}" 200 by socket
        "#,
    );
}

/// Another library at the other end, and clear text in front.
#[test]
fn a_client_of_another_library() {
    let scenario = Scenario::start("go-client");
    let backend = nginx_tls(&scenario, &Upstream::None);
    let front = Go::default().start(&scenario, Some(&https(&backend, "")));
    let daemon = scenario.daemon();
    // What runs already is probed without being asked.
    wait_until("the Go program is probed", || {
        let is_it = |file: &str| file.ends_with("/go_service");
        daemon.status().libraries.iter().any(|found| is_it(&found.file) && found.reason.is_none())
    });
    for _ in 0..3 {
        curl([front.url("/nginx")]);
    }
    let spans = scenario.finish(daemon, "/nginx", 12);
    assert_edges_keep_path(&spans);
    assert_trees(
        &spans,
        r#"
        3 x CLIENT curl "GET" 200
          SERVER go_service "GET /nginx" 200 by socket
            CLIENT go_service "GET" 200 by goroutine
              SERVER nginx "GET /nginx" 200 by socket
        "#,
    );
    assert_eq!(spans.iter().filter(|span| is_https(span)).count(), 6);
}

/// Each call has a goroutine of its own, which writes it.
#[test]
fn calls_by_http2() {
    let scenario = Scenario::start("go-h2");
    let backend = Go::default().tls().start(&scenario, None);
    let front = Go::default().tls().http2().start(&scenario, Some(&https(&backend, "")));
    let daemon = scenario.daemon();
    wait_until_probed(&scenario, &backend);
    wait_until_probed(&scenario, &front);
    run(&mut python("tls_client.py", [https(&front, "/streams"), "8".into(), "5".into()]));
    let spans = scenario.finish(daemon, "/streams", 160);
    assert_edges_keep_path(&spans);
    assert_trees(
        &spans,
        r#"
        40 x CLIENT tls_client "GET" 200
          SERVER go_service "GET /streams/{id}/{id}" 200 by socket
            CLIENT go_service "GET" 200 by goroutine
              SERVER go_service "GET /streams/{id}/{id}" 200 by socket
        "#,
    );
    let by_http2 = |span: &&ReceivedSpan| span.attribute("network.protocol.version") == "2";
    assert_eq!(spans.iter().filter(by_http2).count(), 80);
}

/// A server's goroutines do not tell which stream they work for: its calls stand alone.
#[test]
fn a_server_of_http2() {
    let scenario = Scenario::start("go-h2-server");
    let backend = Go::default().start(&scenario, None);
    let front = Go::default().tls().start(&scenario, Some(&backend.url("")));
    let daemon = scenario.daemon();
    wait_until_probed(&scenario, &front);
    for _ in 0..3 {
        curl(["--insecure", "--http2", &https(&front, "/served")]);
    }
    let spans = scenario.finish(daemon, "/served", 12);
    assert_edges_keep_path(&spans);
    assert_trees(
        &spans,
        r#"
        3 x CLIENT curl "GET" 200
          SERVER go_service "GET /served" 200 by socket
        3 x CLIENT go_service "GET" 200
          SERVER go_service "GET /served" 200 by socket
        "#,
    );
}

/// The request that opens a channel is in hand still while others call over it: the goroutine that writes works for none of them.
fn calls_by_grpc(name: &str, tls: bool) {
    let scenario = Scenario::start(name);
    let server = go_grpc(&scenario, None, tls);
    let front = go_grpc(&scenario, Some(&server), tls);
    let daemon = scenario.daemon();
    if tls {
        let library = scenario.file("go_grpc").display().to_string();
        wait_until("the Go program is probed", || {
            // It speaks no HTTP/1, but it shakes hands.
            let mut client = Command::new("curl");
            client.args(["--silent", "--insecure", "--http1.1", "--max-time", "5", &https(&server, "/")]);
            let _ = client.output();
            daemon.status().libraries.iter().any(|found| found.file == library && found.reason.is_none())
        });
    }
    std::thread::scope(|scope| {
        scope.spawn(|| curl([front.url("/channel/held")]));
        scenario.receiver.wait_for("grpc.health", 1);
        for _ in 0..3 {
            curl([front.url("/channel/other")]);
        }
        open_gate(&scenario);
    });
    scenario.receiver.wait_for("/channel", 8);
    let spans = scenario.finish(daemon, "grpc.health", 8);
    assert_trees(
        &spans,
        r#"
        4 x CLIENT go_grpc "grpc.health.v1.Health/Check" OK
          SERVER go_grpc "grpc.health.v1.Health/Check" OK by socket
        "#,
    );
}

#[test]
fn grpc_in_clear() {
    calls_by_grpc("go-grpc", false);
}

#[test]
fn grpc_over_tls() {
    calls_by_grpc("go-grpc-tls", true);
}
