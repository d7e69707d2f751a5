//! Many connections at once.

use std::process::Command;

use crate::{
    apps::{Upstream, binary, nginx},
    command::run,
    scenario::Scenario,
    span::ReceivedSpan,
    tree::{assert_edges_keep_path, assert_trees},
};

/// So many connections to nginx at once, with so many requests on each, below `/path`: each request is a whole trace, and none is missing or there twice.
#[track_caller]
pub fn swarm(name: &str, connections: usize, requests: usize, path: &str) {
    let scenario = Scenario::start(name);
    let server = nginx(&scenario, &Upstream::None);
    let daemon = scenario.daemon();
    let address = server.address().to_string();
    run(Command::new(binary("swarm")).args([
        address,
        connections.to_string(),
        requests.to_string(),
        path.to_owned(),
    ]));
    let count = connections * requests;
    let spans = scenario.finish(daemon, path, 2 * count);
    assert_edges_keep_path(&spans);
    assert_trees(
        &spans,
        &format!(
            r#"
        {count} x CLIENT swarm "GET" 200
          SERVER nginx "GET {path}/{{id}}/{{id}}" 200 by socket
        "#
        ),
    );
    let mut paths: Vec<_> =
        spans.iter().filter(|span| span.kind == "SERVER").map(ReceivedSpan::path).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), count, "Each request has its own path.");
}
