//! HTTP/2: streams and what becomes of them.

use std::fmt::Write;

use tracer_common::event::CloseKind;
use tracer_user::{spans::span::SpanKind, telemetry::drops::Drop};

use crate::{
    frames::{END_HEADERS, END_STREAM, PREFACE, frame, get, literal},
    scene::{Link, OK, STEP_NS, Scene, Seen, Thread, get as get1},
};

pub(crate) const WHOLE: u8 = END_STREAM | END_HEADERS;
/// `:status: 200` and `:status: 404` (RFC 7541, appendix A).
pub(crate) const STATUS_200: &[u8] = &[0x88];
const STATUS_404: &[u8] = &[0x8d];

/// Sends and receives bytes of the client.
pub(crate) fn ask(scene: &mut Scene, link: Link, (client, server): (Thread, Thread), bytes: &[u8]) {
    scene.send(link.client, client, bytes);
    scene.receive(link.server, server, bytes);
}

/// Sends and receives bytes of the server.
pub(crate) fn answer(scene: &mut Scene, link: Link, (client, server): (Thread, Thread), bytes: &[u8]) {
    scene.send(link.server, server, bytes);
    scene.receive(link.client, client, bytes);
}

/// A connection that has said hello.
pub(crate) fn connected(scene: &mut Scene, port: u16, between: (Thread, Thread)) -> Link {
    let link = scene.tcp(port);
    ask(scene, link, between, &[PREFACE, &frame(4, 0, 0, &[])].concat());
    answer(scene, link, between, &[frame(4, 0, 0, &[]), frame(4, 1, 0, &[])].concat());
    link
}

fn curl_and_web(scene: &mut Scene) -> (Thread, Thread) {
    (scene.process(100, "curl"), scene.process(200, "web"))
}

#[test]
fn a_request_with_a_body_each_way() {
    let mut scene = Scene::new();
    let between = curl_and_web(&mut scene);
    let link = connected(&mut scene, 8080, between);
    let post = [
        &[0x83, 0x86][..],
        &literal(":path", "/orders?id=7", false),
        &literal(":authority", "a.example", true),
    ];
    ask(&mut scene, link, between, &frame(1, END_HEADERS, 1, &post.concat()));
    ask(&mut scene, link, between, &frame(0, END_STREAM, 1, b"four"));
    answer(&mut scene, link, between, &frame(1, END_HEADERS, 1, STATUS_200));
    answer(&mut scene, link, between, &frame(0, 0, 1, b"first"));
    answer(&mut scene, link, between, &frame(0, END_STREAM, 1, b"!"));
    assert_eq!(scene.outline(), "curl > POST 200\n  web < POST /orders 200 [tcp-seq]\n");
    let server = scene.span("web", SpanKind::Server);
    let number = |key: &str| format!("{:?}", server.attribute(key));
    assert_eq!(number("network.protocol.version"), "Some(Static(\"2\"))");
    assert_eq!(number("http.request.body.size"), "Some(Int(4))");
    assert_eq!(number("http.response.body.size"), "Some(Int(6))");
    assert_eq!(server.attribute("server.address").and_then(|value| value.as_str()), Some("a.example"));
    assert_eq!(server.duration_ns(), 7 * STEP_NS, "from its first byte to the last byte of its answer");
    let client = scene.span("curl", SpanKind::Client);
    let url = client.attribute("url.full").and_then(|value| value.as_str());
    assert_eq!(url, Some("http://a.example/orders?id=REDACTED"));
}

#[test]
fn a_hundred_streams_at_a_time_keep_apart() {
    let mut scene = Scene::new();
    let between = curl_and_web(&mut scene);
    let link = connected(&mut scene, 8080, between);
    let mut expected = String::new();
    let mut requests = Vec::new();
    for number in 0..100u32 {
        let path = format!("/p{}", (b'a' + (number / 10) as u8) as char);
        requests.extend(frame(1, WHOLE, 2 * number + 1, &get(&path)));
        let status = if number % 3 == 0 { "404 !404" } else { "200" };
        let answered = if number % 3 == 0 { "404" } else { "200" };
        let _ = write!(expected, "curl > GET {status}\n  web < GET {path} {answered} [tcp-seq]\n");
    }
    ask(&mut scene, link, between, &requests);
    let mut answers = Vec::new();
    for number in (0..100u32).rev() {
        let status = if number % 3 == 0 { STATUS_404 } else { STATUS_200 };
        answers.extend(frame(1, END_HEADERS, 2 * number + 1, status));
    }
    for number in 0..100u32 {
        answers.extend(frame(0, END_STREAM, 2 * number + 1, b"body"));
    }
    for part in answers.chunks(1000) {
        answer(&mut scene, link, between, part);
    }
    let mut lines: Vec<_> = expected.split_inclusive("tcp-seq]\n").collect();
    let found = scene.outline();
    let mut found: Vec<_> = found.split_inclusive("tcp-seq]\n").collect();
    lines.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, lines);
    let spans = scene.spans();
    let traces: std::collections::HashSet<_> = spans.iter().map(|span| span.trace_id).collect();
    assert_eq!((spans.len(), traces.len()), (200, 100));
}

#[test]
fn a_header_names_the_parent_however_it_is_coded() {
    let mut scene = Scene::new();
    let between = curl_and_web(&mut scene);
    let link = connected(&mut scene, 8080, between);
    let value = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let first = [&[0x82, 0x86, 0x84][..], &literal("traceparent", value, true)].concat();
    ask(&mut scene, link, between, &frame(1, WHOLE, 1, &first));
    ask(&mut scene, link, between, &frame(1, WHOLE, 3, &[0x82, 0x86, 0x84, 0xbe]));
    answer(&mut scene, link, between, &frame(1, WHOLE, 3, STATUS_200));
    answer(&mut scene, link, between, &frame(1, WHOLE, 1, STATUS_200));
    let trace = [0x0a, 0xf7, 0x65, 0x19];
    assert!(scene.spans().iter().all(|span| span.trace_id[..4] == trace), "{:#?}", scene.spans());
    assert_eq!(scene.spans().len(), 4);
}

#[test]
fn a_proxy_between_two_connections_is_one_trace() {
    let mut scene = Scene::new();
    let (curl, proxy) = curl_and_web(&mut scene);
    let app = scene.process(300, "app");
    let front = connected(&mut scene, 80, (curl, proxy));
    let back = connected(&mut scene, 8000, (proxy, app));
    ask(&mut scene, front, (curl, proxy), &frame(1, WHOLE, 1, &get("/a")));
    ask(&mut scene, back, (proxy, app), &frame(1, WHOLE, 1, &get("/a")));
    answer(&mut scene, back, (proxy, app), &frame(1, WHOLE, 1, STATUS_200));
    answer(&mut scene, front, (curl, proxy), &frame(1, WHOLE, 1, STATUS_200));
    assert_eq!(
        scene.outline(),
        "curl > GET 200\n  web < GET /a 200 [tcp-seq]\n    web > GET 200 [thread]\n      app < GET /a 200 [tcp-seq]\n"
    );
}

#[test]
fn a_thread_may_send_what_another_had_queued() {
    let mut scene = Scene::new();
    let (curl, web) = curl_and_web(&mut scene);
    let app = scene.process(300, "app");
    let (one, two) = (scene.tcp(80), scene.tcp(80));
    let back = connected(&mut scene, 8000, (web, app));
    // Two threads of `web` have a request in hand each, and share the connection to `app`.
    scene.request(one, curl, web, &get1("/a"));
    scene.request(two, curl, web.sibling(1), &get1("/b"));
    ask(&mut scene, back, (web, app), &frame(1, WHOLE, 1, &get("/c")));
    answer(&mut scene, back, (web, app), &frame(1, WHOLE, 1, STATUS_200));
    scene.response(two, web.sibling(1), curl, OK);
    scene.response(one, web, curl, OK);
    assert_eq!(
        scene.outline(),
        "curl > GET 200\n  web < GET /a 200 [tcp-seq]\ncurl > GET 200\n  web < GET /b 200 [tcp-seq]\n\
         web > GET 200\n  app < GET /c 200 [tcp-seq]\n"
    );
}

#[test]
fn streams_that_are_given_up_fail_with_the_reason() {
    let mut scene = Scene::new();
    let between = curl_and_web(&mut scene);
    let link = connected(&mut scene, 8080, between);
    for (place, path) in ["/cancelled", "/broken", "/refused", "/open"].into_iter().enumerate() {
        ask(&mut scene, link, between, &frame(1, WHOLE, 2 * place as u32 + 1, &get(path)));
    }
    ask(&mut scene, link, between, &frame(3, 0, 1, &[0, 0, 0, 8]));
    answer(&mut scene, link, between, &frame(1, END_HEADERS, 3, STATUS_200));
    answer(&mut scene, link, between, &frame(3, 0, 3, &[0, 0, 0, 2]));
    answer(&mut scene, link, between, &frame(7, 0, 0, &[0, 0, 0, 3, 0, 0, 0, 0]));
    // A reset of a stream that is over says nothing.
    answer(&mut scene, link, between, &frame(3, 0, 1, &[0, 0, 0, 0]));
    assert_eq!(
        scene.outline(),
        "curl > GET !CANCEL\n  web < GET /cancelled !CANCEL [tcp-seq]\n\
         curl > GET 200 !INTERNAL_ERROR\n  web < GET /broken 200 !INTERNAL_ERROR [tcp-seq]\n\
         curl > GET !REFUSED_STREAM\n  web < GET /refused !REFUSED_STREAM [tcp-seq]\n\
         curl > GET !REFUSED_STREAM\n  web < GET /open !REFUSED_STREAM [tcp-seq]\n"
    );
}

#[test]
fn the_connection_takes_its_streams_with_it() {
    let mut scene = Scene::new();
    let between = curl_and_web(&mut scene);
    let link = connected(&mut scene, 8080, between);
    ask(&mut scene, link, between, &frame(1, WHOLE, 1, &get("/a")));
    ask(&mut scene, link, between, &frame(1, WHOLE, 3, &get("/b")));
    answer(&mut scene, link, between, &frame(1, WHOLE, 1, STATUS_200));
    scene.close(link.server, CloseKind::Gone, 104);
    scene.close(link.client, CloseKind::Gone, 104);
    assert_eq!(
        scene.outline(),
        "curl > GET 200\n  web < GET /a 200 [tcp-seq]\n\
         curl > GET !connection_reset\n  web < GET /b !connection_reset [tcp-seq]\n"
    );
}

#[test]
fn an_answer_may_be_noticed_before_its_request() {
    let mut scene = Scene::new();
    let (curl, web) = curl_and_web(&mut scene);
    let link = connected(&mut scene, 8080, (curl, web));
    let request = frame(1, WHOLE, 1, &get("/a"));
    let answer = [frame(1, END_HEADERS, 1, STATUS_200), frame(0, END_STREAM, 1, b"ok")].concat();
    scene.receive(link.server, web, &request);
    scene.send(link.server, web, &answer);
    // One thread of the client reads the answer before the other comes back from sending the request.
    scene.receive(link.client, curl.sibling(1), &answer);
    scene.send(link.client, curl, &request);
    assert_eq!(scene.outline(), "curl > GET 200\n  web < GET /a 200 [tcp-seq]\n");
    assert_eq!(scene.drops(Drop::ResponseWithoutRequest), 0);
}

#[test]
fn a_connection_that_was_open_before_is_followed_from_its_next_request() {
    let mut scene = Scene::new();
    let between = curl_and_web(&mut scene);
    let link = scene.tcp(8080);
    answer(
        &mut scene,
        link,
        between,
        &[frame(1, END_HEADERS, 5, STATUS_200), frame(0, END_STREAM, 5, b"old")].concat(),
    );
    // `:path` names an entry of the table from before.
    ask(&mut scene, link, between, &frame(1, WHOLE, 7, &[0x82, 0x86, 0xbf]));
    answer(&mut scene, link, between, &frame(1, WHOLE, 7, STATUS_200));
    ask(&mut scene, link, between, &frame(1, WHOLE, 9, &get("/known")));
    answer(&mut scene, link, between, &frame(1, WHOLE, 9, STATUS_200));
    assert_eq!(
        scene.outline(),
        "curl > GET 200 ~\n  web < GET 200 [tcp-seq] ~\ncurl > GET 200\n  web < GET /known 200 [tcp-seq]\n"
    );
    let unknown = scene.spans().iter().find(|span| span.incomplete && span.kind == SpanKind::Server).unwrap();
    assert_eq!(unknown.attribute("url.path"), None, "what is not known is left out");
    assert_eq!(scene.drops(Drop::ResponseWithoutRequest), 2, "one at each end");
}

#[test]
fn bodies_may_go_by_unseen() {
    let mut scene = Scene::new();
    let (curl, web) = curl_and_web(&mut scene);
    let link = connected(&mut scene, 8080, (curl, web));
    ask(&mut scene, link, (curl, web), &frame(1, WHOLE, 1, &get("/file")));
    let body = [frame(1, END_HEADERS, 1, STATUS_200), frame(0, END_STREAM, 1, &[b'x'; 16_000])].concat();
    let seen = Seen::Front(body.len() - 16_000);
    scene.send_seen(link.server, web, &body, seen);
    scene.receive_seen(link.client, curl, &body[..4000], seen);
    scene.receive_seen(link.client, curl, &body[4000..], Seen::Length);
    assert_eq!(scene.outline(), "curl > GET 200\n  web < GET /file 200 [tcp-seq]\n");
}

#[test]
fn a_lost_record_leaves_marks_and_no_errors() {
    let mut scene = Scene::new();
    let (curl, web) = curl_and_web(&mut scene);
    let link = connected(&mut scene, 8080, (curl, web));
    ask(&mut scene, link, (curl, web), &frame(1, WHOLE, 1, &get("/a")));
    scene.send_seen(link.server, web, &frame(1, WHOLE, 1, STATUS_200), Seen::Lost);
    scene.receive(link.client, curl, &frame(1, WHOLE, 1, STATUS_200));
    ask(&mut scene, link, (curl, web), &frame(1, WHOLE, 3, &get("/b")));
    answer(&mut scene, link, (curl, web), &frame(1, WHOLE, 3, STATUS_200));
    scene.wait(400_000_000_000);
    // When the loss is noticed, both requests are in flight: either may have lost something.
    assert_eq!(
        scene.outline(),
        "curl > GET 200\n  web < GET /a [tcp-seq] ~\ncurl > GET 200\n  web < GET /b 200 [tcp-seq] ~\n"
    );
    assert_eq!(scene.settled().open_requests, 0);
}

#[test]
fn an_upgrade_goes_on_as_stream_one() {
    let mut scene = Scene::new();
    let (curl, web) = curl_and_web(&mut scene);
    let link = scene.tcp(8080);
    let request = "GET /a HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n";
    scene.request(link, curl, web, request);
    let switching = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    answer(&mut scene, link, (curl, web), &[&switching[..], &frame(4, 0, 0, &[])].concat());
    ask(&mut scene, link, (curl, web), &[PREFACE, &frame(4, 0, 0, &[])].concat());
    answer(&mut scene, link, (curl, web), &frame(1, WHOLE, 1, STATUS_200));
    ask(&mut scene, link, (curl, web), &frame(1, WHOLE, 3, &get("/b")));
    answer(&mut scene, link, (curl, web), &frame(1, WHOLE, 3, STATUS_404));
    assert_eq!(
        scene.outline(),
        "curl > GET 200\n  web < GET /a 200 [tcp-seq]\ncurl > GET 404 !404\n  web < GET /b 404 [tcp-seq]\n"
    );
    assert_eq!(scene.drops(Drop::NotHttp), 0);
}

#[test]
fn what_is_no_protocol_is_left_alone() {
    let mut scene = Scene::new();
    let (curl, web) = curl_and_web(&mut scene);
    let link = scene.tcp(8080);
    ask(&mut scene, link, (curl, web), b"\x07\x00\x80\x17\x00\x03\x00\x00 and so on");
    assert_eq!(scene.outline(), "");
    assert_eq!(scene.drops(Drop::NotHttp), 2);
}

#[test]
fn streams_of_a_unix_socket_are_joined_if_they_were_followed_from_the_start() {
    for from_start in [true, false] {
        let mut scene = Scene::new();
        let between = curl_and_web(&mut scene);
        let link = scene.unix(b"/run/web.sock");
        if from_start {
            ask(&mut scene, link, between, &[PREFACE, &frame(4, 0, 0, &[])].concat());
        }
        for stream in [1, 3] {
            ask(&mut scene, link, between, &frame(1, WHOLE, stream, &get("/a")));
        }
        for stream in [3, 1] {
            answer(&mut scene, link, between, &frame(1, WHOLE, stream, STATUS_200));
        }
        let joined = scene.spans().iter().filter(|span| span.parent.is_some()).count();
        assert_eq!(joined, if from_start { 2 } else { 0 }, "positions are counts of what was seen");
    }
}
