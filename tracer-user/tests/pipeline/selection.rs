//! What is left out, and processes that end.

use tracer_common::event::CloseKind;
use tracer_user::{
    config::{Config, Environment, Flags, combine},
    processes::Mark,
    spans::span::SpanKind,
    telemetry::drops::Drop,
};

use crate::scene::{OK, Scene, get};

fn config(exclude: &str) -> Config {
    let flags = Flags { exclude: vec![exclude.into()], ..Flags::default() };
    combine(None, &flags, &Environment::default()).unwrap()
}

#[test]
fn an_excluded_process_is_no_span_but_still_a_link() {
    let mut scene = Scene::with(&config("service=proxy"));
    let (curl, proxy, app) =
        (scene.process(100, "curl"), scene.process(200, "proxy"), scene.process(300, "app"));
    let (front, back) = (scene.tcp(80), scene.tcp(8000));
    scene.request(front, curl, proxy, &get("/a"));
    scene.exchange(back, proxy, app, "/a");
    scene.response(front, proxy, curl, OK);
    assert_eq!(scene.outline(), "curl > GET 200\n  app < GET /a 200 [thread]\n");
    assert_eq!(scene.drops(Drop::Excluded), 2);
    let marks = scene.pipeline.take_marks();
    let left_out: Vec<_> = marks.iter().filter(|(_, mark)| *mark == Mark::LeftOut).collect();
    assert_eq!(left_out, [&(200, Mark::LeftOut)]);
    assert_eq!(scene.settled().waiting_spans, 0);
}

#[test]
fn a_span_handed_out_early_looks_past_an_excluded_process_too() {
    let mut scene = Scene::with(&config("service=proxy"));
    let (curl, proxy, app) =
        (scene.process(100, "curl"), scene.process(200, "proxy"), scene.process(300, "app"));
    let (front, back) = (scene.tcp(80), scene.tcp(8000));
    scene.request(front, curl, proxy, &get("/a"));
    scene.exchange(back, proxy, app, "/a");
    // The span of the application has waited for long enough, while all above it is still going on.
    scene.wait(8_000_000_000);
    assert_eq!(scene.handed_out, 1);
    scene.response(front, proxy, curl, OK);
    assert_eq!(scene.outline(), "curl > GET 200\n  app < GET /a 200 [thread]\n");
}

#[test]
fn an_excluded_root_leaves_no_dangling_parent() {
    let mut scene = Scene::with(&config("service=curl"));
    let (curl, web) = (scene.process(100, "curl"), scene.process(200, "web"));
    let link = scene.tcp(80);
    scene.exchange(link, curl, web, "/a");
    assert_eq!(scene.outline(), "web < GET /a 200\n");
}

#[test]
fn an_excluded_port_is_left_out() {
    let mut scene = Scene::with(&config("port=8080"));
    let (curl, web) = (scene.process(100, "curl"), scene.process(200, "web"));
    let (out, traced) = (scene.tcp(8080), scene.tcp(80));
    scene.exchange(out, curl, web, "/health");
    scene.exchange(traced, curl, web, "/a");
    assert_eq!(scene.outline(), "curl > GET 200\n  web < GET /a 200 [tcp-seq]\n");
    assert_eq!(scene.drops(Drop::Excluded), 2);
}

#[test]
fn the_tracers_own_exports_are_no_traces() {
    let mut scene = Scene::new();
    let collector = scene.process(300, "collector");
    let link = scene.tcp(4318);
    scene.own(link.client);
    scene.receive(link.server, collector, get("/v1/traces").as_bytes());
    scene.send(link.server, collector, OK.as_bytes());
    assert_eq!(scene.outline(), "");
    assert_eq!(scene.drops(Drop::OwnExport), 2);
    scene.close(link.server, CloseKind::Gone, 0);
    scene.close(link.client, CloseKind::Gone, 0);
    assert_eq!(scene.settled().connections, 0);
}

#[test]
fn an_own_export_that_was_read_before_it_was_known_is_forgotten() {
    let mut scene = Scene::new();
    let collector = scene.process(300, "collector");
    let link = scene.tcp(4318);
    // The backend read before the tracer's own call returned.
    scene.receive(link.server, collector, get("/v1/traces").as_bytes());
    scene.own(link.client);
    scene.send(link.server, collector, OK.as_bytes());
    scene.close(link.server, CloseKind::Gone, 0);
    assert_eq!(scene.outline(), "");
    assert_eq!(scene.settled().open_requests, 0);
}

#[test]
fn an_answer_that_ends_with_its_process_keeps_its_service() {
    let mut scene = Scene::new();
    let oneshot = scene.process(300, "oneshot");
    let link = scene.tcp(80);
    scene.receive(link.server, oneshot, b"GET /a HTTP/1.0\r\n\r\n");
    scene.send(link.server, oneshot, b"HTTP/1.0 200 OK\r\n\r\nbye");
    // The kernel tells of the exit before it closes the files.
    scene.exit(oneshot);
    scene.close(link.server, CloseKind::Sent, 0);
    assert_eq!(scene.outline(), "oneshot < GET /a 200\n");
    assert_eq!(scene.settled().processes, 0);
}

#[test]
fn a_process_that_is_killed_ends_its_requests() {
    let mut scene = Scene::new();
    let (nginx, app) = (scene.process(100, "nginx"), scene.process(200, "app"));
    let link = scene.unix(b"/run/app.sock");
    scene.request(link, nginx, app, &get("/a"));
    scene.exit(app);
    scene.end_of_stream(link.client, nginx);
    assert_eq!(
        scene.outline(),
        "nginx > GET !connection_closed\n  app < GET /a !connection_closed [socket]\n"
    );
}

#[test]
fn a_pid_that_is_used_again_is_another_service() {
    let mut scene = Scene::new();
    let first = scene.process(300, "first");
    let link = scene.tcp(80);
    scene.receive(link.server, first, get("/a").as_bytes());
    scene.send(link.server, first, OK.as_bytes());
    scene.exit(first);
    let second = scene.process(300, "second");
    let link = scene.tcp(81);
    scene.receive(link.server, second, get("/b").as_bytes());
    scene.wait(20_000_000_000);
    scene.send(link.server, second, OK.as_bytes());
    assert_eq!(scene.outline(), "first < GET /a 200\nsecond < GET /b 200\n");
    assert_eq!(scene.span("second", SpanKind::Server).duration_ns(), 20_001_000_000);
}
