//! Many at once.

use std::process::Command;

use tracer_tests::{
    apps::{Upstream, binary, nginx},
    command::run,
    scenario::Scenario,
    span::ReceivedSpan,
    tree::{assert_edges_keep_path, assert_trees},
};

#[test]
fn ten_thousand_connections_at_once() {
    let scenario = Scenario::start("faults-connections");
    let server = nginx(&scenario, &Upstream::None);
    let daemon = scenario.daemon();
    run(Command::new(binary("swarm")).args([&server.address().to_string(), "10000", "1", "/legion"]));
    let spans = scenario.finish(daemon, "/legion", 20_000);
    assert_edges_keep_path(&spans);
    assert_trees(
        &spans,
        r#"
        10000 x CLIENT swarm "GET" 200
          SERVER nginx "GET /legion/{id}/{id}" 200 by socket
        "#,
    );
    let mut paths: Vec<_> =
        spans.iter().filter(|span| span.kind == "SERVER").map(ReceivedSpan::path).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), 10_000, "Each request has its own path.");
}

/// Processes that multiply, most of which the daemon never hears of; among them some that make a request.
#[test]
fn a_fork_bomb_of_short_processes() {
    let scenario = Scenario::start("faults-forks");
    let server = nginx(&scenario, &Upstream::None);
    let daemon = scenario.daemon();
    // Each of 60 shells starts 60 of which nobody waits for any; every third shell ends in a request.
    let script = format!(
        "i=0; while [ $i -lt 60 ]; do
           ( j=0; while [ $j -lt 60 ]; do (:) & j=$((j+1)); done
             if [ $((i % 3)) = 0 ]; then exec {} {} /bomb/hello; fi ) &
           i=$((i+1))
         done; wait",
        binary("oneshot").display(),
        server.address()
    );
    run(Command::new("sh").args(["-c", &script]));
    assert_trees(
        &scenario.finish(daemon, "/bomb", 40),
        r#"
        20 x CLIENT oneshot "GET" 200
          SERVER nginx "GET /bomb/hello" 200 by socket
        "#,
    );
}
