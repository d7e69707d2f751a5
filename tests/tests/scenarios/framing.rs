//! What HTTP/1.x allows on the wire besides one request and one response in one piece each.

use tracer_tests::{
    apps::{Upstream, nginx, oddserver, open_gate},
    client::{Body, Client, get, now_ns},
    scenario::Scenario,
    tree::{assert_edges_keep_path, assert_trees},
};

/// Two clocks are compared: the daemon turns the monotonic one into wall time by itself.
const CLOCK_SLACK_NS: u64 = 5_000_000;

#[test]
fn pipelined_requests_in_one_write() {
    let scenario = Scenario::start("framing-pipelined");
    let odd = oddserver(&scenario);
    let front = nginx(&scenario, &Upstream::None);
    let daemon = scenario.daemon();
    for server in [&odd, &front] {
        let mut client = Client::connect(server.address());
        client.send((1..=5).map(|number| get(&format!("/pipelined/{number}"))).collect::<String>());
        for _ in 0..5 {
            assert_eq!(client.response().status, 200);
        }
    }
    let spans = scenario.finish(daemon, "/pipelined", 20);
    assert_edges_keep_path(&spans);
    assert_trees(
        &spans,
        r#"
        5 x CLIENT test "GET" 200
          SERVER oddserver "GET /pipelined/{id}" 200 by socket
        5 x CLIENT test "GET" 200
          SERVER nginx "GET /pipelined/{id}" 200 by socket
        "#,
    );
}

#[test]
fn messages_split_at_every_byte() {
    let scenario = Scenario::start("framing-split");
    let odd = oddserver(&scenario);
    let front = nginx(&scenario, &Upstream::None);
    let daemon = scenario.daemon();
    for server in [&odd, &front] {
        let mut client = Client::connect(server.address());
        for _ in 0..2 {
            client.dribble(get("/split/dribble"));
            assert_eq!(client.response().status, 200);
        }
        // Two requests, cut within the second one's first line.
        let both = get("/split/dribble").repeat(2);
        let (first, second) = both.split_at(get("/split/dribble").len() + 7);
        client.send(first);
        assert_eq!(client.response().status, 200);
        client.send(second);
        assert_eq!(client.response().status, 200);
    }
    assert_trees(
        &scenario.finish(daemon, "/split", 16),
        r#"
        4 x CLIENT test "GET" 200
          SERVER oddserver "GET /split/dribble" 200 by socket
        4 x CLIENT test "GET" 200
          SERVER nginx "GET /split/dribble" 200 by socket
        "#,
    );
}

#[test]
fn responses_without_a_body() {
    let scenario = Scenario::start("framing-bodiless");
    let odd = oddserver(&scenario);
    let daemon = scenario.daemon();
    let mut client = Client::connect(odd.address());
    for _ in 0..2 {
        client.send(get("/bodiless/hello").replacen("GET", "HEAD", 1));
        assert_eq!(client.response_with(Body::None).status, 200);
        client.send(get("/bodiless/empty"));
        assert_eq!(client.response_with(Body::None).status, 204);
        client.send(get("/bodiless/not-modified"));
        assert_eq!(client.response_with(Body::None).status, 304);
        assert_eq!(client.get("/bodiless/hello").status, 200);
    }
    assert_trees(
        &scenario.finish(daemon, "/bodiless", 16),
        r#"
        2 x CLIENT test "HEAD" 200
          SERVER oddserver "HEAD /bodiless/hello" 200 by socket
        2 x CLIENT test "GET" 204
          SERVER oddserver "GET /bodiless/empty" 204 by socket
        2 x CLIENT test "GET" 304
          SERVER oddserver "GET /bodiless/not-modified" 304 by socket
        2 x CLIENT test "GET" 200
          SERVER oddserver "GET /bodiless/hello" 200 by socket
        "#,
    );
}

#[test]
fn an_interim_response_is_not_the_response() {
    let scenario = Scenario::start("framing-continue");
    let odd = oddserver(&scenario);
    let daemon = scenario.daemon();
    let mut client = Client::connect(odd.address());
    for _ in 0..2 {
        client.send(
            "POST /continue/hello HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
        );
        assert_eq!(client.response_with(Body::None).status, 100);
        client.send("continued");
        assert_eq!(client.response().status, 200);
    }
    assert_trees(
        &scenario.finish(daemon, "/continue", 4),
        r#"
        2 x CLIENT test "POST" 200
          SERVER oddserver "POST /continue/hello" 200 by socket
        "#,
    );
}

#[test]
fn a_body_that_looks_like_a_request_is_a_body() {
    let scenario = Scenario::start("framing-lookalike");
    let odd = oddserver(&scenario);
    let daemon = scenario.daemon();
    let mut client = Client::connect(odd.address());
    let body = get("/lookalike/fake").repeat(100);
    for _ in 0..2 {
        let head =
            format!("POST /lookalike/hello HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
        client.send(&head);
        client.send(&body);
        assert_eq!(client.response().status, 200);
        client.send(head + &body);
        assert_eq!(client.response().status, 200);
    }
    assert_trees(
        &scenario.finish(daemon, "/lookalike", 8),
        r#"
        4 x CLIENT test "POST" 200
          SERVER oddserver "POST /lookalike/hello" 200 by socket
        "#,
    );
}

#[test]
fn heads_longer_than_what_is_captured() {
    let scenario = Scenario::start("framing-long-heads");
    let odd = oddserver(&scenario);
    let daemon = scenario.daemon();
    let mut client = Client::connect(odd.address());
    for _ in 0..3 {
        let filler = format!("X-Filler: {}\r\n", "f".repeat(1000)).repeat(20);
        client.send(format!("GET /long/long-head HTTP/1.1\r\nHost: x\r\n{filler}\r\n"));
        assert_eq!(client.response().status, 200);
        assert_eq!(client.get("/long/hello").status, 200);
    }
    assert_trees(
        &scenario.finish(daemon, "/long", 12),
        r#"
        3 x CLIENT test "GET" 200
          SERVER oddserver "GET /long/long-head" 200 by socket
        3 x CLIENT test "GET" 200
          SERVER oddserver "GET /long/hello" 200 by socket
        "#,
    );
}

#[test]
fn http_1_0_until_the_connection_ends() {
    let scenario = Scenario::start("framing-old");
    let odd = oddserver(&scenario);
    let daemon = scenario.daemon();
    for _ in 0..3 {
        let mut client = Client::connect(odd.address());
        client.send("GET /old/old HTTP/1.0\r\n\r\n");
        assert_eq!(client.response().body, b"until the end\n");
    }
    let spans = scenario.finish(daemon, "/old", 6);
    assert_trees(
        &spans,
        r#"
        3 x CLIENT test "GET" 200
          SERVER oddserver "GET /old/old" 200 by socket
        "#,
    );
    assert!(spans.iter().all(|span| span.attribute("network.protocol.version") == "1.0"));
}

/// After an upgrade the bytes are another protocol's, even if they look like HTTP.
#[test]
fn an_upgraded_connection_is_left_alone() {
    let scenario = Scenario::start("framing-upgrade");
    let odd = oddserver(&scenario);
    let daemon = scenario.daemon();
    for _ in 0..2 {
        let mut client = Client::connect(odd.address());
        client.send(
            "GET /upgraded/upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        );
        assert_eq!(client.response_with(Body::None).status, 101);
        for message in [&b"\x81\x05hello"[..], get("/upgraded/fake").as_bytes(), &[0xff; 3000]] {
            client.send(message);
            assert_eq!(client.bytes(message.len()), message);
        }
    }
    assert_trees(
        &scenario.finish(daemon, "/upgraded", 4),
        r#"
        2 x CLIENT test "GET" 101
          SERVER oddserver "GET /upgraded/upgrade" 101 by socket
        "#,
    );
}

/// 10 MB in chunks, and as much by Content-Length: one span each, which ends when the body does.
#[test]
fn a_span_lasts_as_long_as_its_body() {
    let scenario = Scenario::start("framing-large");
    let odd = oddserver(&scenario);
    let daemon = scenario.daemon();
    let mut clients = ["gated-chunks", "gated-download"].map(|what| {
        let mut client = Client::connect(odd.address());
        client.send(get(&format!("/large/{what}")));
        client.receive_at_least(4_000_000);
        client
    });
    let opened = now_ns();
    open_gate(&scenario);
    for client in &mut clients {
        assert!(client.response().body.len() >= 10_000_000);
        assert_eq!(client.get("/large/hello").status, 200);
    }
    let closed = now_ns();
    let spans = scenario.finish(daemon, "/large", 8);
    assert_trees(
        &spans,
        r#"
        CLIENT test "GET" 200
          SERVER oddserver "GET /large/gated-chunks" 200 by socket
        CLIENT test "GET" 200
          SERVER oddserver "GET /large/gated-download" 200 by socket
        2 x CLIENT test "GET" 200
          SERVER oddserver "GET /large/hello" 200 by socket
        "#,
    );
    for span in spans.iter().filter(|span| span.path() != "/large/hello") {
        assert!(span.start_ns < opened, "The request was made before the gate opened.");
        assert!(span.end_ns + CLOCK_SLACK_NS > opened, "The body ended after the gate opened.");
        assert!(span.end_ns < closed + CLOCK_SLACK_NS, "The body has ended.");
    }
}

/// The kernel counts the end of a stream like a byte, in the call that meets it: here in the one that reads the last bytes.
#[test]
fn the_end_of_the_stream_is_read_with_the_last_bytes() {
    let scenario = Scenario::start("framing-fin");
    let odd = oddserver(&scenario);
    let daemon = scenario.daemon();
    // The server's end: it reads the second request after the client's half close has arrived.
    let mut client = Client::connect(odd.address());
    client.send("GET /half-closed/gated HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(
        client.response_with(Body::None).status,
        100,
        "The server has read this, and reads no more for now."
    );
    client.send(get("/half-closed/hello"));
    client.finish_sending();
    open_gate(&scenario);
    // The connection is over before the client reads what came by it.
    client.await_end();
    assert_eq!(client.response().status, 200);
    assert_eq!(client.response().status, 200);
    // The client's end: head and body in two reads, the second one after the end has arrived.
    let mut client = Client::connect(odd.address());
    client.send(get("/half-closed/last"));
    client.await_end();
    client.read_some(20);
    assert_eq!(client.response().status, 200);
    let spans = scenario.finish(daemon, "/half-closed", 6);
    assert_trees(
        &spans,
        r#"
        CLIENT test "GET" 200
          SERVER oddserver "GET /half-closed/gated" 200 by socket
        CLIENT test "GET" 200
          SERVER oddserver "GET /half-closed/hello" 200 by socket
        CLIENT test "GET" 200
          SERVER oddserver "GET /half-closed/last" 200 by socket
        "#,
    );
    assert!(spans.iter().all(|span| span.attribute("http.response.body.size") == "6"));
}
