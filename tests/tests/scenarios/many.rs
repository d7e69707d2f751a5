//! A thousand connections at once.

use std::process::Command;

use tracer_tests::{
    apps::{Upstream, binary, nginx},
    command::run,
    scenario::Scenario,
    span::ReceivedSpan,
    tree::{assert_edges_keep_path, assert_trees},
};

#[test]
fn a_thousand_connections_at_once() {
    let scenario = Scenario::start("many");
    let server = nginx(&scenario, &Upstream::None);
    let daemon = scenario.daemon();
    run(Command::new(binary("swarm")).args([&server.address().to_string(), "1000", "3", "/swarm"]));
    let spans = scenario.finish(daemon, "/swarm", 6000);
    assert_edges_keep_path(&spans);
    assert_trees(
        &spans,
        r#"
        3000 x CLIENT swarm "GET" 200
          SERVER nginx "GET /swarm/{id}/{id}" 200 by socket
        "#,
    );
    let mut paths: Vec<_> =
        spans.iter().filter(|span| span.kind == "SERVER").map(ReceivedSpan::path).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), 3000, "Each request has its own path.");
}
