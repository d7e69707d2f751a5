//! Services that start while the tracer runs: what they are is known before their first request.

use tracer_tests::{
    apps::{Go, curl, https, python_front, threaded_backend},
    client::at_once,
    scenario::Scenario,
    tree::{assert_edges_keep_path, assert_trees},
    wait::wait_until,
};

/// The tasks of an event loop are told apart from its first requests on.
#[test]
fn an_event_loop_of_python() {
    let scenario = Scenario::start("later-aiohttp");
    let daemon = scenario.daemon();
    let backend = threaded_backend(&scenario, None);
    let front = python_front(&scenario, "aiohttp_front.py", &backend);
    at_once(front.address(), "/later", 16, 1);
    let spans = scenario.finish(daemon, "/later", 4 * 16);
    assert_edges_keep_path(&spans);
    let calls = spans.iter().filter(|span| span.kind == "CLIENT" && span.service() == "aiohttp_front");
    let evidence: Vec<_> = calls.map(|call| call.attributes.get("tracer.parent.evidence")).collect();
    assert_eq!(evidence.len(), 16);
    assert!(evidence.iter().all(|evidence| evidence.is_some_and(|name| name == "task")), "{evidence:?}");
}

/// A program that brings its own TLS is probed before anybody shakes hands with it.
#[test]
fn a_program_with_tls_of_its_own() {
    let scenario = Scenario::start("later-go");
    let daemon = scenario.daemon();
    let backend = Go::default().tls().start(&scenario, None);
    let folder = scenario.file("").display().to_string();
    wait_until("the program is probed", || {
        let ours = |file: &str| file.starts_with(&folder) && file.ends_with("/go_service");
        daemon.status().libraries.iter().any(|found| ours(&found.file) && found.reason.is_none())
    });
    curl(["--insecure", "--http1.1", &https(&backend, "/first-of-all")]);
    assert_trees(
        &scenario.finish(daemon, "/first-of-all", 2),
        r#"
        CLIENT curl "GET" 200
          SERVER go_service "GET /first-of-all" 200 by socket
        "#,
    );
}
