//! Go: TLS by crypto/tls, which is within each program, and which goroutine does what.

use tracer_tests::{
    apps::{Go, curl, https, python},
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
