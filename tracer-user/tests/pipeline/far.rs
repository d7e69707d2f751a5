//! Two hosts, each with a tracer of its own: what both can tell of a request without a header.

use tracer_user::{
    config::{Environment, Flags, combine},
    spans::span::{Evidence, Link, SpanKind},
};

use crate::scene::{OK, Scene, get};

/// A request from a service here to one on another host, which asks a third.
struct Hosts {
    here: Scene,
    there: Scene,
}

impl Hosts {
    fn after(request: &str) -> Self {
        let (mut here, mut there) = (Scene::new(), Scene::new());
        let (front, back) = (here.process(100, "front"), there.process(100, "back"));
        let (asked, call) = (here.called_from_elsewhere(80), here.remote(8000));
        let received = there.far_end(&here, call);
        let next = there.remote(9000);
        here.receive(asked, front, get("/a").as_bytes());
        here.send(call, front, request.as_bytes());
        there.receive(received, back, request.as_bytes());
        there.send(next, back, get("/next").as_bytes());
        there.receive(next, back, OK.as_bytes());
        there.send(received, back, OK.as_bytes());
        here.receive(call, front, OK.as_bytes());
        here.send(asked, front, OK.as_bytes());
        Self { here, there }
    }

    /// What the call here links to.
    fn link(&mut self) -> Option<Link> {
        self.here.span("front", SpanKind::Client).links.first().copied()
    }
}

#[test]
fn the_call_links_to_the_request_on_the_other_host() {
    let mut hosts = Hosts::after(&get("/a"));
    let link = hosts.link().unwrap();
    let server = hosts.there.span("back", SpanKind::Server);
    assert_eq!(link, Link { trace_id: server.trace_id, span_id: server.span_id, evidence: Evidence::TcpSeq });
    assert_eq!(server.parent, None);
    // What it leads to there is in its trace.
    assert_eq!(hosts.there.span("back", SpanKind::Client).trace_id, link.trace_id);
    assert!(hosts.there.span("back", SpanKind::Client).links.len() == 1);
    assert!(hosts.there.span("back", SpanKind::Server).links.is_empty());
}

#[test]
fn a_header_says_it_better() {
    let request = "GET /a HTTP/1.1\r\nHost: back\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n";
    let mut hosts = Hosts::after(request);
    assert_eq!(hosts.link(), None);
    assert_eq!(hosts.there.span("back", SpanKind::Server).trace_id[..2], [0x4b, 0xf9]);
}

#[test]
fn on_one_host_there_is_nothing_to_link_to() {
    let mut scene = Scene::new();
    let (curl, web) = (scene.process(100, "curl"), scene.process(200, "web"));
    let link = scene.bridged(80);
    scene.exchange(link, curl, web, "/a");
    assert_eq!(scene.outline(), "curl > GET 200\n  web < GET /a 200 [tcp-seq]\n");
    assert!(scene.span("curl", SpanKind::Client).links.is_empty());
}

/// Both tracers see both services, and each reports one of them: as on two hosts.
#[test]
fn what_is_left_out_here_is_reported_elsewhere() {
    let config = |exclude: &str| {
        let flags = Flags { exclude: vec![exclude.into()], ..Flags::default() };
        combine(None, &flags, &Environment::default()).unwrap()
    };
    let [mut here, mut there] = ["service=back", "service=front"].map(|exclude| {
        let mut scene = Scene::with(&config(exclude));
        let (front, back) = (scene.process(100, "front"), scene.process(200, "back"));
        let (asked, call) = (scene.called_from_elsewhere(80), scene.bridged(8000));
        scene.receive(asked, front, get("/a").as_bytes());
        scene.exchange(call, front, back, "/b");
        scene.send(asked, front, OK.as_bytes());
        scene
    });
    assert_eq!(here.outline(), "front < GET /a 200\n  front > GET 200 [thread]\n");
    assert_eq!(there.outline(), "back < GET /b 200\n");
    let link = here.span("front", SpanKind::Client).links.first().copied();
    let server = there.span("back", SpanKind::Server);
    assert_eq!(
        link,
        Some(Link { trace_id: server.trace_id, span_id: server.span_id, evidence: Evidence::TcpSeq })
    );
}

/// Without an answer, the other end may turn up on this host.
#[test]
fn a_call_without_an_answer_links_to_nothing() {
    let mut scene = Scene::new();
    let front = scene.process(100, "front");
    let call = scene.remote(8000);
    scene.send(call, front, get("/a").as_bytes());
    scene.close(call, tracer_common::event::CloseKind::Gone, 104);
    assert!(scene.span("front", SpanKind::Client).links.is_empty());
}
