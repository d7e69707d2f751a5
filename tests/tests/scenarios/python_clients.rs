//! Python clients that keep their connection.

use tracer_tests::{
    apps::{python, threaded_backend},
    command::run,
    scenario::Scenario,
    tree::{assert_edges_keep_path, assert_trees},
};

#[test]
fn a_requests_session_of_fifty_requests() {
    let scenario = Scenario::start("requests-session");
    let backend = threaded_backend(&scenario, None);
    let daemon = scenario.daemon();
    run(&mut python("requests_session.py", [backend.url("/session"), "50".into()]));
    let spans = scenario.finish(daemon, "/session", 100);
    assert_edges_keep_path(&spans);
    assert_trees(
        &spans,
        r#"
        50 x CLIENT requests_session "GET" 200
          SERVER threaded_backend "GET /session/{id}" 200 by socket
        "#,
    );
    let mut ports: Vec<_> = spans
        .iter()
        .filter(|span| span.kind == "SERVER")
        .map(|span| span.attribute("network.peer.port"))
        .collect();
    ports.dedup();
    assert_eq!(ports.len(), 1, "The session has one connection.");
}

#[test]
fn a_urllib3_pool() {
    let scenario = Scenario::start("urllib3-pool");
    let backend = threaded_backend(&scenario, None);
    let daemon = scenario.daemon();
    let port = backend.port().to_string();
    run(&mut python("urllib3_pool.py", ["127.0.0.1", &port, "/pool", "50"]));
    let spans = scenario.finish(daemon, "/pool", 100);
    assert_edges_keep_path(&spans);
    assert_trees(
        &spans,
        r#"
        50 x CLIENT urllib3_pool "GET" 200
          SERVER threaded_backend "GET /pool/{id}" 200 by socket
        "#,
    );
}
