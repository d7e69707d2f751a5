//! A thousand connections at once.

use tracer_tests::swarm::swarm;

#[test]
fn a_thousand_connections_at_once() {
    swarm("many", 1000, 3, "/swarm");
}
