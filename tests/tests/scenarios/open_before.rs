//! Connections that are older than the daemon.

use tracer_tests::{
    apps::{Upstream, nginx, node, oddserver, open_gate, threaded_backend},
    client::{Client, get},
    scenario::Scenario,
    tree::assert_trees,
};

#[test]
fn idle_connections() {
    let scenario = Scenario::start("open-before-idle");
    let python = threaded_backend(&scenario, None);
    let node = node(&scenario, "node_backend.js", &[]);
    let front = nginx(&scenario, &Upstream::Kept(&python));
    let mut used: Vec<_> =
        [&python, &node, &front].into_iter().map(|service| Client::connect(service.address())).collect();
    for connection in &mut used {
        assert_eq!(connection.get("/earlier/hello").status, 200);
    }
    let mut fresh = Client::connect(front.address());
    let daemon = scenario.daemon();
    for connection in used.iter_mut().chain([&mut fresh]) {
        for _ in 0..3 {
            assert_eq!(connection.get("/idle/hello").status, 200);
        }
    }
    assert_trees(
        &scenario.finish(daemon, "/idle", 36),
        r#"
        3 x CLIENT test "GET" 200
          SERVER threaded_backend "GET /idle/hello" 200 by socket
        3 x CLIENT test "GET" 200
          SERVER node_backend "GET /idle/hello" 200 by socket
        6 x CLIENT test "GET" 200
          SERVER nginx "GET /idle/hello" 200 by socket
            CLIENT nginx "GET" 200 by turn
              SERVER threaded_backend "GET /idle/hello" 200 by socket
        "#,
    );
    assert!(scenario.receiver.spans_under("/earlier").is_empty());
}

#[test]
fn in_the_middle_of_a_download() {
    let scenario = Scenario::start("open-before-download");
    let server = oddserver(&scenario);
    let mut by_length = Client::connect(server.address());
    by_length.send(get("/begun/gated-download"));
    by_length.receive_at_least(1_000_000);
    let mut by_chunks = Client::connect(server.address());
    by_chunks.send(get("/begun/gated-chunks"));
    by_chunks.receive_at_least(1_000_000);
    let daemon = scenario.daemon();
    open_gate(&scenario);
    for connection in [&mut by_length, &mut by_chunks] {
        assert!(connection.response().body.len() >= 10_000_000);
        for _ in 0..3 {
            assert_eq!(connection.get("/begun-next/hello").status, 200);
        }
    }
    assert_trees(
        &scenario.finish(daemon, "/begun-next", 12),
        r#"
        6 x CLIENT test "GET" 200
          SERVER oddserver "GET /begun-next/hello" 200 by socket
        "#,
    );
}
