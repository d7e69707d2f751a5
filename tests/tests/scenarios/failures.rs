//! Exchanges that do not end well.

use tracer_tests::{
    apps::{curl, oddserver, open_gate, threaded_backend},
    client::{Client, get},
    daemon::Options,
    scenario::Scenario,
    tree::assert_trees,
    wait::wait_until,
};

#[test]
fn a_reset_within_the_response() {
    let scenario = Scenario::start("failures-reset");
    let odd = oddserver(&scenario);
    let daemon = scenario.daemon();
    let mut client = Client::connect(odd.address());
    client.send(get("/reset/reset-mid-body"));
    // What a client has not read yet when a reset comes may be lost to it.
    client.receive_at_least(50);
    open_gate(&scenario);
    assert!(client.drain(), "The connection ends by a reset.");
    assert_trees(
        &scenario.finish(daemon, "/reset", 2),
        r#"
        CLIENT test "GET" 200 error=connection_reset
          SERVER oddserver "GET /reset/reset-mid-body" 200 by socket error=connection_closed
        "#,
    );
}

#[test]
fn the_server_ends_the_connection_early() {
    let scenario = Scenario::start("failures-closed");
    let odd = oddserver(&scenario);
    let daemon = scenario.daemon();
    for what in ["close-mid-body", "close-unanswered"] {
        let mut client = Client::connect(odd.address());
        client.send(get(&format!("/closed/{what}")));
        client.drain();
    }
    assert_trees(
        &scenario.finish(daemon, "/closed", 4),
        r#"
        CLIENT test "GET" 200 error=connection_closed
          SERVER oddserver "GET /closed/close-mid-body" 200 by socket error=connection_closed
        CLIENT test "GET" error=connection_closed
          SERVER oddserver "GET /closed/close-unanswered" by socket error=connection_closed
        "#,
    );
}

#[test]
fn the_client_is_gone_before_the_response() {
    let scenario = Scenario::start("failures-client-gone");
    let odd = oddserver(&scenario);
    let daemon = scenario.daemon();
    let mut client = Client::connect(odd.address());
    client.send(get("/gone/silent"));
    drop(client);
    assert_trees(
        &scenario.finish(daemon, "/gone", 2),
        r#"
        CLIENT test "GET" error=connection_closed
          SERVER oddserver "GET /gone/silent" by socket error=connection_closed
        "#,
    );
}

/// The connection stays, so only the configured age ends the spans. An answer that comes later is no other exchange.
#[test]
fn a_server_that_never_answers() {
    let scenario = Scenario::start("failures-silent");
    let odd = oddserver(&scenario);
    let daemon = scenario.daemon_with(Options::config("[http]\nmax_request_age = \"2s\"\n"));
    let mut silent = Client::connect(odd.address());
    silent.send(get("/silent/silent"));
    let mut late = Client::connect(odd.address());
    late.send(get("/silent/gated"));
    wait_until("the spans of the requests without an answer arrive", || {
        scenario.receiver.spans_under("/silent").len() >= 4
    });
    open_gate(&scenario);
    assert_eq!(late.response().status, 200);
    assert_eq!(late.get("/silent/hello").status, 200);
    assert_trees(
        &scenario.finish(daemon, "/silent", 6),
        r#"
        CLIENT test "GET" error=timeout
          SERVER oddserver "GET /silent/silent" by socket error=timeout
        CLIENT test "GET" error=timeout
          SERVER oddserver "GET /silent/gated" by socket error=timeout
        CLIENT test "GET" 200
          SERVER oddserver "GET /silent/hello" 200 by socket
        "#,
    );
}

/// 4xx is the client's error and not the server's, 5xx is both's; a success carries no `error.type`.
#[test]
fn error_statuses() {
    let scenario = Scenario::start("failures-statuses");
    let backend = threaded_backend(&scenario, None);
    let daemon = scenario.daemon();
    for status in [200, 302, 404, 500] {
        curl([backend.url(&format!("/statuses/status/{status}"))]);
    }
    let spans = scenario.finish(daemon, "/statuses", 8);
    assert_trees(
        &spans,
        r#"
        CLIENT curl "GET" 200
          SERVER threaded_backend "GET /statuses/status/{id}" 200 by socket
        CLIENT curl "GET" 302
          SERVER threaded_backend "GET /statuses/status/{id}" 302 by socket
        CLIENT curl "GET" 404 error=404
          SERVER threaded_backend "GET /statuses/status/{id}" 404 by socket
        CLIENT curl "GET" 500 error=500
          SERVER threaded_backend "GET /statuses/status/{id}" 500 by socket error=500
        "#,
    );
    for span in spans {
        assert_eq!(span.error, span.attributes.contains_key("error.type"));
    }
}

/// The process dies with responses in flight: both sides end as errors, and nothing is left open.
#[test]
fn the_server_is_killed() {
    let scenario = Scenario::start("failures-killed");
    let odd = oddserver(&scenario);
    let daemon = scenario.daemon();
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let mut client = Client::connect(odd.address());
            client.send(get("/killed/gated-download"));
            client.receive_at_least(1_000);
            client
        })
        .collect();
    drop(odd);
    for mut client in clients {
        client.drain();
    }
    assert_trees(
        &scenario.finish(daemon, "/killed", 6),
        r#"
        3 x CLIENT test "GET" 200 error=connection_closed
          SERVER oddserver "GET /killed/gated-download" 200 by socket error=connection_closed
        "#,
    );
}
