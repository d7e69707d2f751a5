//! A daemon that gets no CPU time.

use nix::sys::signal::Signal;
use tracer_tests::{
    apps::{Upstream, nginx},
    client::{Client, at_once},
    daemon::Options,
    scenario::{Scenario, assert_unique},
    tree::{assert_edges_keep_path, assert_trees},
    wait::wait_until,
};

/// The rings overflow: that is counted, what was traced is right, and from then on nothing is missing.
#[test]
fn rings_overflow_while_it_stands_still() {
    let scenario = Scenario::start("faults-starved");
    let server = nginx(&scenario, &Upstream::None);
    let daemon = scenario.daemon_with(Options::config("[capture]\nring_bytes = 65536\n"));
    assert_eq!(daemon.dropped("ring_full"), 0);
    daemon.signal(Signal::SIGSTOP);
    at_once(server.address(), "/starved", 8, 250);
    daemon.signal(Signal::SIGCONT);
    wait_until("the loss is counted", || daemon.dropped("ring_full") > 0);
    let mut client = Client::connect(server.address());
    for _ in 0..20 {
        assert_eq!(client.get("/fed-again/hello").status, 200);
    }
    scenario.receiver.wait_for("/fed-again", 40);
    daemon.stop();
    assert_trees(
        &scenario.receiver.spans_under("/fed-again"),
        r#"
        20 x CLIENT test "GET" 200
          SERVER nginx "GET /fed-again/hello" 200 by socket
        "#,
    );
    let spans = scenario.receiver.spans_under("/starved");
    assert!(spans.len() < 4000, "{} of 4000 spans: nothing was lost.", spans.len());
    assert_unique(&spans);
    assert_edges_keep_path(&spans);
    for span in spans {
        let answered = span.attributes.get("http.response.status_code").is_some_and(|code| code == "200");
        let marked = span.attributes.contains_key("tracer.incomplete");
        assert!(answered || marked, "A span that lost its answer says so: {span:?}");
    }
}
