//! Both ends of one socket, trace headers, and what fixes a trace id.

use tracer_common::event::CloseKind;
use tracer_user::{spans::span::SpanKind, telemetry::drops::Drop};

use crate::scene::{OK, STEP_NS, Scene, get};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn get_with(target: &str, traceparent: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a.example\r\ntraceparent: {traceparent}\r\n\r\n")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[test]
fn two_ends_of_a_tcp_connection_are_one_call() {
    let mut scene = Scene::new();
    let (curl, web) = (scene.process(100, "curl"), scene.process(200, "web"));
    let link = scene.tcp(8080);
    scene.exchange(link, curl, web, "/a");
    scene.exchange(link, curl, web, "/b");
    assert_eq!(
        scene.outline(),
        "curl > GET 200\n  web < GET /a 200 [tcp-seq]\ncurl > GET 200\n  web < GET /b 200 [tcp-seq]\n"
    );
    let spans = scene.spans();
    let traces: std::collections::HashSet<_> = spans.iter().map(|span| span.trace_id).collect();
    assert_eq!(traces.len(), 2, "two calls of a client that handles nothing are two traces");
    assert!(spans.iter().all(|span| span.flags == 3), "sampled and random");
}

#[test]
fn each_trace_is_handed_out_once_and_whole() {
    let mut scene = Scene::new();
    let (curl, web) = (scene.process(100, "curl"), scene.process(200, "web"));
    let link = scene.tcp(8080);
    scene.exchange(link, curl, web, "/a");
    assert_eq!(scene.handed_out, 0, "the trace ended only a moment ago");
    scene.wait(20 * STEP_NS);
    assert_eq!(scene.handed_out, 1);
    let left = scene.settled();
    assert_eq!((left.waiting_spans, left.open_requests, left.finished_spans), (0, 0, 2));
    assert_eq!(scene.handed_out, 1);
}

#[test]
fn the_reader_may_be_noticed_before_the_writer() {
    let mut scene = Scene::new();
    let (curl, web) = (scene.process(100, "curl"), scene.process(200, "web"));
    let link = scene.tcp(8080);
    // On loopback the server may have read before the client's call returns.
    scene.receive(link.server, web, get("/a").as_bytes());
    scene.send(link.client, curl, get("/a").as_bytes());
    scene.receive(link.client, curl, OK.as_bytes());
    scene.send(link.server, web, OK.as_bytes());
    assert_eq!(scene.outline(), "curl > GET 200\n  web < GET /a 200 [tcp-seq]\n");
    let client = scene.span("curl", SpanKind::Client).clone();
    let server = scene.span("web", SpanKind::Server);
    assert!(client.start_ns <= server.start_ns, "the client began no later than the server");
    assert!(server.end_ns <= client.end_ns, "the server ended no later than the client");
}

#[test]
fn a_split_head_is_joined_by_its_first_byte() {
    let mut scene = Scene::new();
    let (curl, web) = (scene.process(100, "curl"), scene.process(200, "web"));
    let link = scene.tcp(8080);
    let request = get("/a");
    scene.send(link.client, curl, request.as_bytes());
    scene.receive(link.server, web, &request.as_bytes()[..9]);
    scene.receive(link.server, web, &request.as_bytes()[9..]);
    scene.response(link, web, curl, OK);
    assert_eq!(scene.outline(), "curl > GET 200\n  web < GET /a 200 [tcp-seq]\n");
}

#[test]
fn a_chain_of_three_is_one_trace() {
    let mut scene = Scene::new();
    let (curl, proxy, app) =
        (scene.process(100, "curl"), scene.process(200, "proxy"), scene.process(300, "app"));
    let (front, back) = (scene.tcp(80), scene.tcp(8000));
    scene.request(front, curl, proxy, &get("/a"));
    scene.exchange(back, proxy, app, "/a");
    scene.response(front, proxy, curl, OK);
    assert_eq!(
        scene.outline(),
        "curl > GET 200\n  proxy < GET /a 200 [tcp-seq]\n    proxy > GET 200 [thread]\n      app < GET /a 200 [tcp-seq]\n"
    );
    assert_eq!(scene.handed_out, 1);
}

#[test]
fn unix_connections_are_joined_by_order() {
    let mut scene = Scene::new();
    let (nginx, app) = (scene.process(100, "nginx"), scene.process(200, "app"));
    let link = scene.unix(b"/run/app.sock");
    scene.exchange(link, nginx, app, "/a");
    assert_eq!(scene.outline(), "nginx > GET 200\n  app < GET /a 200 [socket]\n");
    let peer = scene.span("app", SpanKind::Server).attribute("network.peer.address").cloned();
    assert_eq!(peer.as_ref().and_then(|value| value.as_str()), Some("/run/app.sock"));
}

#[test]
fn a_header_names_trace_and_parent() {
    let mut scene = Scene::new();
    let web = scene.process(200, "web");
    let link = scene.tcp(8080);
    scene.receive(link.server, web, get_with("/a", &format!("00-{TRACE}-b7ad6b7169203331-01")).as_bytes());
    scene.send(link.server, web, OK.as_bytes());
    assert_eq!(scene.outline(), "web < GET /a 200 [header, elsewhere]\n");
    let span = scene.span("web", SpanKind::Server);
    assert_eq!((hex(&span.trace_id), span.flags), (TRACE.to_owned(), 1));
    assert_eq!(span.parent.map(|parent| hex(&parent.span_id)), Some("b7ad6b7169203331".to_owned()));
}

#[test]
fn a_broken_header_is_none() {
    let mut scene = Scene::new();
    let web = scene.process(200, "web");
    let link = scene.tcp(8080);
    scene.receive(link.server, web, get_with("/a", &format!("00-{TRACE}-0000000000000000-01")).as_bytes());
    scene.send(link.server, web, OK.as_bytes());
    assert_eq!(scene.outline(), "web < GET /a 200\n");
}

#[test]
fn the_socket_is_nearer_than_the_header_and_keeps_its_trace() {
    let mut scene = Scene::new();
    let (sdk, web) = (scene.process(100, "sdk"), scene.process(200, "web"));
    let link = scene.tcp(8080);
    scene.request(link, sdk, web, &get_with("/a", &format!("00-{TRACE}-b7ad6b7169203331-01")));
    scene.response(link, web, sdk, OK);
    assert_eq!(scene.outline(), "sdk > GET 200 [header, elsewhere]\n  web < GET /a 200 [tcp-seq]\n");
    assert!(scene.spans().iter().all(|span| hex(&span.trace_id) == TRACE));
}

#[test]
fn a_header_passed_on_unchanged_makes_the_call_a_child() {
    let mut scene = Scene::new();
    let (proxy, app) = (scene.process(200, "proxy"), scene.process(300, "app"));
    let (front, back) = (scene.tcp(80), scene.tcp(8000));
    let header = format!("00-{TRACE}-b7ad6b7169203331-01");
    let other = format!("00-{TRACE}-c7ad6b7169203331-01");
    // Two requests in hand: the thread says nothing, the header does.
    let second = scene.tcp(80);
    scene.receive(front.server, proxy, get_with("/a", &header).as_bytes());
    scene.receive(second.server, proxy, get_with("/b", &other).as_bytes());
    scene.request(back, proxy, app, &get_with("/a", &header));
    scene.response(back, app, proxy, OK);
    scene.send(front.server, proxy, OK.as_bytes());
    scene.send(second.server, proxy, OK.as_bytes());
    assert_eq!(
        scene.outline(),
        "proxy < GET /a 200 [header, elsewhere]\n  proxy > GET 200 [header]\n    app < GET /a 200 [tcp-seq]\n\
         proxy < GET /b 200 [header, elsewhere]\n"
    );
}

#[test]
fn a_header_that_two_requests_carry_says_nothing_of_a_call() {
    let mut scene = Scene::new();
    let proxy = scene.process(200, "proxy");
    let (first, second, back) = (scene.tcp(80), scene.tcp(80), scene.remote(8000));
    let header = format!("00-{TRACE}-b7ad6b7169203331-01");
    scene.receive(first.server, proxy, get_with("/a", &header).as_bytes());
    scene.receive(second.server, proxy, get_with("/b", &header).as_bytes());
    scene.send(back, proxy, get_with("/c", &header).as_bytes());
    scene.receive(back, proxy, OK.as_bytes());
    scene.send(first.server, proxy, OK.as_bytes());
    scene.send(second.server, proxy, OK.as_bytes());
    assert_eq!(
        scene.outline(),
        "proxy < GET /a 200 [header, elsewhere]\nproxy < GET /b 200 [header, elsewhere]\n\
         proxy > GET 200 [header, elsewhere]\n"
    );
}

#[test]
fn a_call_with_a_trace_of_its_own_stays_in_it() {
    let mut scene = Scene::new();
    let (web, other) = (scene.process(200, "web"), "11111111111111111111111111111111");
    let (front, back) = (scene.tcp(80), scene.remote(8000));
    scene.receive(front.server, web, get_with("/a", &format!("00-{TRACE}-b7ad6b7169203331-01")).as_bytes());
    scene.send(back, web, get_with("/b", &format!("00-{other}-c7ad6b7169203331-00")).as_bytes());
    scene.receive(back, web, OK.as_bytes());
    scene.send(front.server, web, OK.as_bytes());
    let traces: Vec<_> =
        scene.spans().iter().map(|span| (span.kind, hex(&span.trace_id), span.flags)).collect();
    assert!(traces.contains(&(SpanKind::Server, TRACE.into(), 1)), "{traces:?}");
    assert!(traces.contains(&(SpanKind::Client, other.into(), 0)), "{traces:?}");
}

#[test]
fn a_client_that_gave_up_is_still_the_parent() {
    let mut scene = Scene::new();
    let (curl, web) = (scene.process(100, "curl"), scene.process(200, "web"));
    let link = scene.tcp(8080);
    scene.send(link.client, curl, get("/slow").as_bytes());
    scene.close(link.client, CloseKind::Sent, 0);
    scene.close(link.client, CloseKind::Gone, 0);
    scene.wait(1_000_000_000);
    scene.receive(link.server, web, get("/slow").as_bytes());
    scene.send(link.server, web, OK.as_bytes());
    assert_eq!(scene.outline(), "curl > GET !connection_closed\n  web < GET /slow 200 [tcp-seq]\n");
}

#[test]
fn a_server_that_answers_before_the_client_end_is_seen_is_joined_all_the_same() {
    let mut scene = Scene::new();
    let (curl, web) = (scene.process(100, "curl"), scene.process(200, "web"));
    let link = scene.tcp(8080);
    // The tracepoint of a send fires after the bytes were delivered: a preempted client reports late.
    scene.receive(link.server, web, get("/quick").as_bytes());
    scene.send(link.server, web, OK.as_bytes());
    scene.wait(20_000_000);
    scene.send(link.client, curl, get("/quick").as_bytes());
    scene.receive(link.client, curl, OK.as_bytes());
    assert_eq!(scene.outline(), "curl > GET 200\n  web < GET /quick 200 [tcp-seq]\n");
}

#[test]
fn a_server_end_without_a_client_end_does_not_wait_for_long() {
    let mut scene = Scene::new();
    let web = scene.process(200, "web");
    let link = scene.tcp(8080);
    scene.receive(link.server, web, get("/remote").as_bytes());
    scene.send(link.server, web, OK.as_bytes());
    scene.wait(150_000_000);
    assert_eq!(scene.outline(), "web < GET /remote 200\n");
}

#[test]
fn a_port_that_is_used_again_is_another_connection() {
    let mut scene = Scene::new();
    let (curl, web) = (scene.process(100, "curl"), scene.process(200, "web"));
    let first = scene.tcp(8080);
    // The request of the first connection is never read; the second has the same addresses and position.
    scene.send(first.client, curl, get("/lost").as_bytes());
    scene.close(first.client, CloseKind::Gone, 110);
    scene.wait(120_000_000_000);
    scene.receive(first.server, web, get("/late").as_bytes());
    scene.send(first.server, web, OK.as_bytes());
    assert_eq!(scene.outline(), "curl > GET !network_timeout\nweb < GET /late 200\n");
    assert_eq!(scene.drops(Drop::LostRecord), 0);
}

#[test]
fn a_request_called_from_elsewhere_waits_for_no_client() {
    let mut scene = Scene::new();
    let web = scene.process(200, "web");
    let (away, here) = (scene.called_from_elsewhere(80), scene.tcp(80).server);
    for socket in [away, here] {
        scene.receive(socket, web, get("/a").as_bytes());
        scene.send(socket, web, OK.as_bytes());
    }
    scene.wait(20 * STEP_NS);
    assert_eq!(scene.handed_out, 1, "that from elsewhere");
    scene.wait(200 * STEP_NS);
    assert_eq!(scene.handed_out, 2);
}

#[test]
fn a_container_on_this_host_is_known_by_its_calls() {
    let mut scene = Scene::new();
    let (inside, web) = (scene.process(100, "inside"), scene.process(200, "web"));
    let (known, link) = (scene.bridged(8080), scene.bridged(80));
    scene.exchange(known, inside, web, "/a");
    scene.receive(link.server, web, get("/b").as_bytes());
    scene.send(link.server, web, OK.as_bytes());
    scene.wait(20 * STEP_NS);
    scene.send(link.client, inside, get("/b").as_bytes());
    scene.receive(link.client, inside, OK.as_bytes());
    assert_eq!(
        scene.outline(),
        "inside > GET 200\n  web < GET /a 200 [tcp-seq]\ninside > GET 200\n  web < GET /b 200 [tcp-seq]\n"
    );
}

#[test]
fn calls_to_elsewhere_do_not_crowd_out_those_on_this_host() {
    let mut scene = Scene::new();
    let (app, web) = (scene.process(100, "app"), scene.process(200, "web"));
    let away = scene.remote(443);
    for _ in 0..70_000 {
        scene.send(away, app, get("/away").as_bytes());
        scene.receive(away, app, OK.as_bytes());
        scene.now_ns -= 2 * STEP_NS - 1000;
    }
    let link = scene.tcp(8080);
    scene.exchange(link, app, web, "/here");
    let here: Vec<_> =
        scene.spans().iter().filter(|span| &*span.resource.service_name == "web").cloned().collect();
    assert!(here[0].parent.is_some(), "{here:#?}");
}
