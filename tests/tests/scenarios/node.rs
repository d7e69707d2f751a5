//! Node's http server and client: one thread, many requests.

use tracer_tests::{
    apps::{curl, node},
    client::at_once,
    scenario::Scenario,
    tree::{assert_edges_keep_path, assert_trees},
};

#[test]
fn one_request_after_the_other() {
    let scenario = Scenario::start("node-sequence");
    let backend = node(&scenario, "node_backend.js", &[]);
    let front = node(&scenario, "node_front.js", &[backend.url("")]);
    let daemon = scenario.daemon();
    for _ in 0..10 {
        curl([front.url("/node/hello")]);
    }
    assert_trees(
        &scenario.finish(daemon, "/node", 40),
        r#"
        10 x CLIENT curl "GET" 200
          SERVER node_front "GET /node/hello" 200 by socket
            CLIENT node_front "GET" 200 by turn
              SERVER node_backend "GET /node/hello" 200 by socket
        "#,
    );
}

/// Where requests overlap in one thread an edge may be missing, but none may be wrong.
#[test]
fn requests_at_once_have_no_wrong_parent() {
    let scenario = Scenario::start("node-at-once");
    let backend = node(&scenario, "node_backend.js", &[]);
    let front = node(&scenario, "node_front.js", &[backend.url("")]);
    let daemon = scenario.daemon();
    at_once(front.address(), "/node-many", 16, 20);
    let spans = scenario.finish(daemon, "/node-many", 1280);
    assert_edges_keep_path(&spans);
    for (kind, service) in [("SERVER", "node_front"), ("CLIENT", "node_front"), ("SERVER", "node_backend")] {
        let count = spans.iter().filter(|span| span.kind == kind && span.service() == service).count();
        assert_eq!(count, 320, "{kind} spans of {service}");
    }
}
