//! Forms of HTTP/1 exchanges, through both stages that see them.

use tracer_common::event::CloseKind;
use tracer_user::{
    spans::span::{Span, SpanKind, Status, Value},
    telemetry::drops::Drop,
};

use crate::{
    outline::outline,
    records::Closing,
    scene::{Link, OK, Scene, Seen, Thread, get},
};

/// A server `web` and a client `curl` with a connection between them.
fn pair() -> (Scene, Link, Thread, Thread) {
    let mut scene = Scene::new();
    let (curl, web) = (scene.process(100, "curl"), scene.process(200, "web"));
    let link = scene.tcp(8080);
    (scene, link, curl, web)
}

fn int(span: &Span, key: &str) -> Option<i64> {
    match span.attribute(key)? {
        Value::Int(value) => Some(*value),
        other => panic!("{key} is {other:?}"),
    }
}

const BOTH: &str = "curl > GET 200\n  web < GET /a 200 [tcp-seq]\n";

#[test]
fn responses_without_a_body_do_not_swallow_the_next() {
    for (request, response) in [
        ("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"),
        ("GET /a HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET /a HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5000\r\n\r\n"),
    ] {
        let (mut scene, link, curl, web) = pair();
        scene.request(link, curl, web, request);
        scene.response(link, web, curl, response);
        scene.exchange(link, curl, web, "/b");
        let (method, status) = (request.split(' ').next().unwrap(), response.split(' ').nth(1).unwrap());
        assert_eq!(
            scene.outline(),
            format!(
                "curl > {method} {status}\n  web < {method} /a {status} [tcp-seq]\n\
                 curl > GET 200\n  web < GET /b 200 [tcp-seq]\n"
            )
        );
    }
}

#[test]
fn an_interim_answer_is_not_the_answer() {
    let (mut scene, link, curl, web) = pair();
    let head = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    scene.request(link, curl, web, head);
    scene.response(link, web, curl, "HTTP/1.1 100 Continue\r\n\r\n");
    scene.request(link, curl, web, "body");
    scene.response(link, web, curl, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(scene.outline(), "curl > POST 201\n  web < POST /a 201 [tcp-seq]\n");
    assert_eq!(int(scene.span("web", SpanKind::Server), "http.request.body.size"), Some(4));
}

#[test]
fn an_upgrade_ends_the_exchange_and_the_parsing() {
    let (mut scene, link, curl, web) = pair();
    let upgrade = "GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    scene.request(link, curl, web, upgrade);
    scene.response(
        link,
        web,
        curl,
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    scene.request(link, curl, web, "\x01\x05hello");
    scene.response(link, web, curl, &get("/not-a-request"));
    scene.request(link, curl, web, &get("/nor-this"));
    assert_eq!(scene.outline(), "curl > GET 101\n  web < GET /a 101 [tcp-seq]\n");
    assert_eq!(scene.drops(Drop::NotHttp), 0, "a tunnel is not bad HTTP");
}

#[test]
fn five_pipelined_requests_in_one_segment() {
    let (mut scene, link, curl, web) = pair();
    let requests: String = ["/a", "/b", "/c", "/d", "/e"].map(get).concat();
    scene.request(link, curl, web, &requests);
    let responses: String = [200, 404, 201, 500, 204]
        .map(|status| format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n"))
        .concat();
    scene.response(link, web, curl, &responses);
    assert_eq!(
        scene.outline(),
        "curl > GET 200\n  web < GET /a 200 [tcp-seq]\n\
         curl > GET 404 !404\n  web < GET /b 404 [tcp-seq]\n\
         curl > GET 201\n  web < GET /c 201 [tcp-seq]\n\
         curl > GET 500 !500\n  web < GET /d 500 !500 [tcp-seq]\n\
         curl > GET 204\n  web < GET /e 204 [tcp-seq]\n"
    );
}

#[test]
fn any_split_of_two_exchanges_gives_the_same() {
    let requests = [get("/a"), get("/b")].concat();
    let responses =
        [OK, "HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"].concat();
    let expected =
        "curl > GET 200\n  web < GET /a 200 [tcp-seq]\ncurl > GET 404 !404\n  web < GET /b 404 [tcp-seq]\n";
    for size in [1, 2, 3, 7, 19, 40, 64] {
        let (mut scene, link, curl, web) = pair();
        for piece in requests.as_bytes().chunks(size) {
            scene.send(link.client, curl, piece);
            scene.receive(link.server, web, piece);
        }
        for piece in responses.as_bytes().chunks(size) {
            scene.send(link.server, web, piece);
            scene.receive(link.client, curl, piece);
        }
        assert_eq!(scene.outline(), expected, "in pieces of {size} bytes");
    }
}

#[test]
fn an_answer_may_come_before_the_request_is_read_to_its_end() {
    let (mut scene, link, curl, web) = pair();
    let head = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n";
    scene.request(link, curl, web, &format!("{head}{}", "x".repeat(30)));
    scene.response(link, web, curl, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
    scene.request(link, curl, web, &"x".repeat(70));
    scene.exchange(link, curl, web, "/b");
    assert_eq!(
        scene.outline(),
        "curl > POST 413 !413\n  web < POST /a 413 [tcp-seq]\ncurl > GET 200\n  web < GET /b 200 [tcp-seq]\n"
    );
}

#[test]
fn an_early_answer_ends_when_it_has_been_sent() {
    let (mut scene, link, _, web) = pair();
    let head = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n";
    scene.receive(link.server, web, head.as_bytes());
    scene.send(link.server, web, b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
    for _ in 0..10 {
        scene.receive(link.server, web, &[b'x'; 10]);
    }
    let span = scene.span("web", SpanKind::Server);
    assert_eq!(span.duration_ns(), 1_000_000);
}

#[test]
fn a_large_chunked_body_costs_only_its_head_and_its_end() {
    let (mut scene, link, curl, web) = pair();
    scene.request(link, curl, web, &get("/a"));
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut chunk = b"10000\r\n".to_vec();
    chunk.resize(chunk.len() + 0x10000, b'x');
    chunk.extend(b"\r\n");
    scene.response(link, web, curl, head);
    for _ in 0..20 {
        scene.send_seen(link.server, web, &chunk, Seen::Front(100));
        // The reader's buffer has nothing to do with chunks.
        for piece in chunk.chunks(16_000) {
            scene.receive_seen(link.client, curl, piece, Seen::Front(0));
        }
    }
    scene.response(link, web, curl, "0\r\n\r\n");
    scene.exchange(link, curl, web, "/b");
    assert_eq!(scene.outline(), format!("{BOTH}curl > GET 200\n  web < GET /b 200 [tcp-seq]\n"));
    assert_eq!(int(scene.span_of("/a"), "http.response.body.size"), Some(20 * 0x10000));
    let server = scene.span_of("/a");
    assert_eq!(server.duration_ns(), (1 + 2 + 20 * 6) * 1_000_000, "it ends with the last chunk");
}

#[test]
fn a_file_sent_unseen_is_counted_by_its_length() {
    let (mut scene, link, curl, web) = pair();
    scene.request(link, curl, web, &get("/a"));
    scene.response(link, web, curl, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    let body = vec![0; 50_000];
    for _ in 0..2 {
        scene.send_seen(link.server, web, &body, Seen::Length);
        scene.receive_seen(link.client, curl, &body, Seen::Front(0));
    }
    scene.exchange(link, curl, web, "/b");
    assert_eq!(scene.outline(), format!("{BOTH}curl > GET 200\n  web < GET /b 200 [tcp-seq]\n"));
    assert_eq!(int(scene.span_of("/a"), "http.response.body.size"), Some(100_000));
}

#[test]
fn a_head_larger_than_what_is_captured() {
    let (mut scene, link, curl, web) = pair();
    let request =
        format!("GET /a HTTP/1.1\r\nHost: x\r\nCookie: {}\r\nUser-Agent: late\r\n\r\n", "c".repeat(9000));
    scene.send_seen(link.client, curl, request.as_bytes(), Seen::Front(4096));
    scene.receive_seen(link.server, web, request.as_bytes(), Seen::Front(4096));
    scene.response(link, web, curl, OK);
    scene.exchange(link, curl, web, "/b");
    assert_eq!(scene.outline(), format!("{BOTH}curl > GET 200\n  web < GET /b 200 [tcp-seq]\n"));
}

#[test]
fn a_body_that_runs_until_the_connection_ends() {
    let (mut scene, link, curl, web) = pair();
    scene.request(link, curl, web, "GET /a HTTP/1.0\r\nHost: x\r\n\r\n");
    scene.response(link, web, curl, "HTTP/1.0 200 OK\r\n\r\nsome");
    scene.response(link, web, curl, " more");
    scene.close(link.server, CloseKind::Sent, 0);
    scene.close(link.client, CloseKind::Received, 0);
    scene.end_of_stream(link.client, curl);
    scene.close(link.client, CloseKind::Sent, 0);
    assert_eq!(scene.outline(), BOTH);
    for (service, kind) in [("web", SpanKind::Server), ("curl", SpanKind::Client)] {
        assert_eq!(int(scene.span(service, kind), "http.response.body.size"), Some(9), "{service}");
    }
}

#[test]
fn a_reset_is_an_error_on_both_sides() {
    let (mut scene, link, curl, web) = pair();
    scene.request(link, curl, web, &get("/a"));
    scene.response(link, web, curl, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes.");
    scene.close(link.server, CloseKind::Gone, 0);
    scene.close(link.client, CloseKind::Gone, 104);
    assert_eq!(
        scene.outline(),
        "curl > GET 200 !connection_reset\n  web < GET /a 200 !connection_closed [tcp-seq]\n"
    );
}

#[test]
fn a_connection_that_ends_without_an_answer_is_an_error() {
    let (mut scene, link, curl, web) = pair();
    scene.request(link, curl, web, &get("/a"));
    scene.close(link.server, CloseKind::Sent, 0);
    scene.end_of_stream(link.client, curl);
    assert_eq!(
        scene.outline(),
        "curl > GET !connection_closed\n  web < GET /a !connection_closed [tcp-seq]\n"
    );
}

#[test]
fn an_answer_that_had_arrived_may_be_read_after_the_reset() {
    let (mut scene, link, curl, web) = pair();
    scene.request(link, curl, web, &get("/a"));
    scene.send(link.server, web, OK.as_bytes());
    scene.close_as(link.client, CloseKind::Gone, Closing { error: 104, ..Closing::default() });
    scene.receive(link.client, curl, OK.as_bytes());
    assert_eq!(scene.outline(), BOTH);
}

#[test]
fn an_answer_that_is_never_read_is_an_error_after_a_while() {
    let (mut scene, link, curl, web) = pair();
    scene.request(link, curl, web, &get("/a"));
    scene.send(link.server, web, OK.as_bytes());
    scene.close_as(link.client, CloseKind::Gone, Closing { error: 104, ..Closing::default() });
    assert_eq!(scene.outline(), "curl > GET !connection_reset\n  web < GET /a 200 [tcp-seq]\n");
    let client = scene.span("curl", SpanKind::Client);
    assert_eq!(client.duration_ns(), 3_000_000, "it ended with its connection");
}

#[test]
fn bytes_that_were_spliced_are_told_by_the_end_of_the_connection() {
    let (mut scene, link, curl, web) = pair();
    scene.request(link, curl, web, &get("/a"));
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n";
    scene.response(link, web, curl, head);
    // The body goes into a file by splice(2), which no hook sees.
    let [received, sent] = scene.positions(link.client);
    let ends = Some([received.wrapping_add(50_000), sent]);
    scene.close_as(link.client, CloseKind::Gone, Closing { orphaned: true, ends, ..Closing::default() });
    let client = scene.span("curl", SpanKind::Client);
    assert_eq!(int(client, "http.response.body.size"), Some(50_000));
    assert_eq!((client.status, client.incomplete), (Status::Unset, false));
}

#[test]
fn a_request_whose_connection_is_gone_is_reported_when_the_tracer_stops() {
    let (mut scene, link, curl, web) = pair();
    scene.request(link, curl, web, &get("/a"));
    scene.send(link.server, web, OK.as_bytes());
    // It went without reading its answer. The tracer would wait a moment for it to be read after all.
    scene.close_as(link.client, CloseKind::Gone, Closing { error: 104, ..Closing::default() });
    let mut spans = Vec::new();
    scene.pipeline.finish(|trace| spans.extend(trace));
    assert_eq!(
        outline(&spans, |_| Vec::new()),
        "curl > GET !connection_reset\n  web < GET /a 200 [tcp-seq]\n"
    );
}

#[test]
fn a_client_that_ends_its_half_still_gets_its_answer() {
    let (mut scene, link, curl, web) = pair();
    scene.request(link, curl, web, &get("/a"));
    scene.close(link.client, CloseKind::Sent, 0);
    scene.close(link.server, CloseKind::Received, 0);
    scene.end_of_stream(link.server, web);
    scene.response(link, web, curl, OK);
    assert_eq!(scene.outline(), BOTH);
}

#[test]
fn a_request_without_an_answer_ends_at_its_age() {
    let (mut scene, link, curl, web) = pair();
    scene.request(link, curl, web, &get("/a"));
    scene.wait(200_000_000_000);
    assert_eq!(scene.pipeline.census().open_requests, 2);
    scene.wait(200_000_000_000);
    assert_eq!(scene.pipeline.census().open_requests, 0);
    assert_eq!(scene.outline(), "curl > GET !timeout\n  web < GET /a !timeout [tcp-seq]\n");
}

#[test]
fn an_answer_that_takes_long_is_no_error() {
    let (mut scene, link, curl, web) = pair();
    scene.request(link, curl, web, &get("/a"));
    scene.response(link, web, curl, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    scene.wait(1_000_000_000_000);
    scene.response(link, web, curl, "0\r\n\r\n");
    assert_eq!(scene.outline(), BOTH);
    assert_eq!(scene.span("web", SpanKind::Server).duration_ns() / 1_000_000_000, 1000);
}

#[test]
fn a_connection_with_too_many_requests_in_flight_is_left_alone() {
    let (mut scene, link, _, web) = pair();
    for _ in 0..1025 {
        scene.receive(link.server, web, get("/a").as_bytes());
        scene.now_ns -= 999_000;
    }
    assert_eq!(scene.drops(Drop::TooManyInFlight), 1);
    scene.send(link.server, web, OK.as_bytes());
    assert_eq!(scene.pipeline.census().open_requests, 0);
    assert!(scene.spans().iter().all(|span| span.incomplete && span.status == Status::Unset));
}

#[test]
fn an_answer_beyond_the_age_is_not_that_of_the_next_request() {
    let (mut scene, link, curl, web) = pair();
    scene.request(link, curl, web, &get("/a"));
    scene.wait(400_000_000_000);
    scene.request(link, curl, web, &get("/b"));
    scene.response(link, web, curl, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
    scene.response(link, web, curl, OK);
    assert_eq!(
        scene.outline(),
        "curl > GET !timeout\n  web < GET /a !timeout [tcp-seq]\ncurl > GET 200\n  web < GET /b 200 [tcp-seq]\n"
    );
}

#[test]
fn a_connection_in_mid_response_is_followed_from_the_next_request() {
    let (mut scene, link, curl, web) = pair();
    scene.response(link, web, curl, "<p>the rest of a page</p>");
    scene.response(link, web, curl, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    scene.exchange(link, curl, web, "/a");
    assert_eq!(scene.outline(), BOTH);
    assert_eq!(scene.drops(Drop::ResponseWithoutRequest), 2);
}

#[test]
fn other_protocols_make_no_spans() {
    let (mut scene, link, curl, web) = pair();
    scene.request(link, curl, web, "PUT this in your pipe\r\n");
    scene.response(link, web, curl, "HTTP/1.x is not spoken here\r\n");
    assert_eq!(scene.outline(), "");
    assert_eq!(scene.settled().open_requests, 0);
}

impl Scene {
    /// The server span of this path.
    fn span_of(&mut self, path: &str) -> &Span {
        let path = Value::Str(path.into());
        self.spans().iter().find(|span| span.attribute("url.path") == Some(&path)).expect("no such span")
    }
}
