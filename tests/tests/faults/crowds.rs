//! Many at once.

use std::process::Command;

use tracer_tests::{
    apps::{Upstream, binary, nginx},
    command::run,
    scenario::Scenario,
    swarm::swarm,
    tree::assert_trees,
};

#[test]
fn ten_thousand_connections_at_once() {
    swarm("faults-connections", 10_000, 1, "/legion");
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
