//! Processes that live for milliseconds.

use std::{collections::BTreeSet, process::Command};

use tracer_tests::{
    apps::{Upstream, binary, curl, nginx, python_server},
    command::run,
    scenario::Scenario,
    span::ReceivedSpan,
    tree::assert_trees,
};

#[test]
fn two_hundred_processes_of_a_millisecond() {
    let scenario = Scenario::start("short-lived");
    let server = nginx(&scenario, &Upstream::None);
    let daemon = scenario.daemon();
    for _ in 0..200 {
        run(Command::new(binary("oneshot")).args([server.address().to_string(), "/oneshot".into()]));
    }
    for _ in 0..50 {
        curl([server.url("/oneshot")]);
    }
    let spans = scenario.finish(daemon, "/oneshot", 500);
    assert_trees(
        &spans,
        r#"
        200 x CLIENT oneshot "GET" 200
          SERVER nginx "GET /oneshot" 200 by socket
        50 x CLIENT curl "GET" 200
          SERVER nginx "GET /oneshot" 200 by socket
        "#,
    );
    let oneshots: Vec<_> = spans.iter().filter(|span| span.service() == "oneshot").collect();
    let pids: BTreeSet<_> = oneshots.iter().map(|span| span.pid()).collect();
    assert_eq!(pids.len(), 200, "Each process is a process.");
    for span in oneshots {
        assert_eq!(span.resource["process.executable.path"], binary("oneshot").display().to_string());
    }
}

/// The same at once: the shell starts them in the background.
#[test]
fn many_short_processes_at_once() {
    let scenario = Scenario::start("short-lived-at-once");
    let server = nginx(&scenario, &Upstream::None);
    let daemon = scenario.daemon();
    let script = format!(
        "i=0; while [ $i -lt 200 ]; do {} {} /oneshot-many/hello & i=$((i+1)); done; wait",
        binary("oneshot").display(),
        server.address()
    );
    run(Command::new("sh").args(["-c", &script]));
    assert_trees(
        &scenario.finish(daemon, "/oneshot-many", 400),
        r#"
        200 x CLIENT oneshot "GET" 200
          SERVER nginx "GET /oneshot-many/hello" 200 by socket
        "#,
    );
}

/// A server whose every connection is handled by a fork that ends with it.
#[test]
fn a_fork_for_each_connection() {
    let scenario = Scenario::start("short-lived-forks");
    let server = python_server(&scenario, "forking_server.py");
    let daemon = scenario.daemon();
    for _ in 0..20 {
        curl([server.url("/forked/hello"), server.url("/forked/hello")]);
    }
    let spans = scenario.finish(daemon, "/forked", 80);
    assert_trees(
        &spans,
        r#"
        40 x CLIENT curl "GET" 200
          SERVER forking_server "GET /forked/hello" 200 by socket
        "#,
    );
    let servers: BTreeSet<_> =
        spans.iter().filter(|span| span.kind == "SERVER").map(ReceivedSpan::pid).collect();
    assert_eq!(servers.len(), 20, "The forks serve.");
    assert!(!servers.contains(&server.pid()), "The parent does not.");
}
