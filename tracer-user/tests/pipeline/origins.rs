//! Programs that a service starts for a request.

use crate::scene::{OK, Scene, get};

#[test]
fn a_program_started_for_a_request_calls_for_it() {
    let mut scene = Scene::new();
    let (curl, web, tool, back) =
        (scene.process(1, "curl"), scene.process(2, "web"), 3, scene.process(4, "back"));
    let (front, behind) = (scene.tcp(80), scene.tcp(81));
    scene.send(front.client, curl, get("/a").as_bytes());
    scene.receive(front.server, web, get("/a").as_bytes());
    let tool = scene.started_by(web, tool, "tool");
    scene.exchange(behind, tool, back, "/b");
    scene.send(front.server, web, OK.as_bytes());
    scene.receive(front.client, curl, OK.as_bytes());
    assert_eq!(
        scene.outline(),
        "curl > GET 200\n  web < GET /a 200 [tcp-seq]\n    tool > GET 200 [process]\n      back < GET /b 200 [tcp-seq]\n"
    );
}

#[test]
fn a_program_that_outlives_the_request_calls_for_itself() {
    let mut scene = Scene::new();
    let (web, back) = (scene.process(2, "web"), scene.process(4, "back"));
    let (front, behind) = (scene.called_from_elsewhere(80), scene.tcp(81));
    scene.receive(front, web, get("/a").as_bytes());
    let tool = scene.started_by(web, 3, "tool");
    scene.send(front, web, OK.as_bytes());
    // The thread has the next request in hand by now, which the program was not started for.
    scene.receive(front, web, get("/next").as_bytes());
    scene.exchange(behind, tool, back, "/b");
    scene.send(front, web, OK.as_bytes());
    let tool = scene.span("tool", tracer_user::spans::span::SpanKind::Client);
    assert_eq!(tool.parent, None);
}

#[test]
fn a_program_that_serves_requests_calls_for_those() {
    let mut scene = Scene::new();
    let (web, back) = (scene.process(2, "web"), scene.process(4, "back"));
    let (front, own, behind) =
        (scene.called_from_elsewhere(80), scene.called_from_elsewhere(82), scene.tcp(81));
    scene.receive(front, web, get("/start").as_bytes());
    let worker = scene.started_by(web, 3, "worker");
    scene.receive(own, worker, get("/own").as_bytes());
    scene.send(own, worker, OK.as_bytes());
    scene.exchange(behind, worker, back, "/b");
    scene.send(front, web, OK.as_bytes());
    let call = scene.span("worker", tracer_user::spans::span::SpanKind::Client);
    assert_eq!(call.parent, None);
}
