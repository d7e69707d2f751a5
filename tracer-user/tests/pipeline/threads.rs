//! The thread that handles a request as evidence for the calls that it makes.

use crate::scene::{OK, Scene, get};

#[test]
fn the_thread_that_handles_a_request_makes_its_calls() {
    let mut scene = Scene::new();
    let app = scene.process(200, "app");
    let (front, back, again) = (scene.tcp(8000), scene.remote(5000), scene.remote(5001));
    let worker = app.sibling(3);
    scene.receive(front.server, worker, get("/a").as_bytes());
    for call in [back, again] {
        scene.send(call, worker, get("/b").as_bytes());
        scene.receive(call, worker, OK.as_bytes());
    }
    scene.send(front.server, worker, OK.as_bytes());
    assert_eq!(scene.outline(), "app < GET /a 200\n  app > GET 200 [thread]\n  app > GET 200 [thread]\n");
}

#[test]
fn threads_of_one_process_do_not_mix() {
    let mut scene = Scene::new();
    let app = scene.process(200, "app");
    let workers = [app.sibling(1), app.sibling(2)];
    let fronts = [scene.tcp(8000), scene.tcp(8000)];
    let backs = [scene.remote(5000), scene.remote(5000)];
    for at in [0, 1] {
        scene.receive(fronts[at].server, workers[at], get(["/a", "/b"][at]).as_bytes());
    }
    for at in [1, 0] {
        scene.send(backs[at], workers[at], get("/call").as_bytes());
    }
    for at in [0, 1] {
        scene.receive(backs[at], workers[at], OK.as_bytes());
        scene.send(fronts[at].server, workers[at], OK.as_bytes());
    }
    assert_eq!(
        scene.outline(),
        "app < GET /a 200\n  app > GET 200 [thread]\napp < GET /b 200\n  app > GET 200 [thread]\n"
    );
}

#[test]
fn a_thread_with_two_requests_in_hand_says_nothing() {
    let mut scene = Scene::new();
    let app = scene.process(200, "app");
    let (first, second, back) = (scene.tcp(8000), scene.tcp(8000), scene.remote(5000));
    scene.receive(first.server, app, get("/a").as_bytes());
    scene.receive(second.server, app, get("/b").as_bytes());
    scene.send(back, app, get("/call").as_bytes());
    scene.receive(back, app, OK.as_bytes());
    // One is answered; a call that follows may still belong to it.
    scene.send(second.server, app, OK.as_bytes());
    scene.send(back, app, get("/call").as_bytes());
    scene.receive(back, app, OK.as_bytes());
    scene.send(first.server, app, OK.as_bytes());
    assert_eq!(scene.outline(), "app < GET /a 200\napp < GET /b 200\napp > GET 200\napp > GET 200\n");
}

#[test]
fn an_event_loop_is_believed_again_when_it_is_calm() {
    let mut scene = Scene::new();
    let app = scene.process(200, "app");
    let (first, second, back) = (scene.tcp(8000), scene.tcp(8000), scene.remote(5000));
    scene.receive(first.server, app, get("/a").as_bytes());
    scene.receive(second.server, app, get("/b").as_bytes());
    scene.send(first.server, app, OK.as_bytes());
    scene.send(second.server, app, OK.as_bytes());
    scene.wait(2_000_000_000);
    scene.receive(first.server, app, get("/c").as_bytes());
    scene.send(back, app, get("/call").as_bytes());
    scene.receive(back, app, OK.as_bytes());
    scene.send(first.server, app, OK.as_bytes());
    assert_eq!(
        scene.outline(),
        "app < GET /a 200\napp < GET /b 200\napp < GET /c 200\n  app > GET 200 [thread]\n"
    );
}

#[test]
fn nothing_is_in_hand_after_the_answer() {
    let mut scene = Scene::new();
    let app = scene.process(200, "app");
    let (front, back) = (scene.tcp(8000), scene.remote(5000));
    scene.receive(front.server, app, get("/a").as_bytes());
    scene.send(front.server, app, OK.as_bytes());
    scene.send(back, app, get("/later").as_bytes());
    scene.receive(back, app, OK.as_bytes());
    assert_eq!(scene.outline(), "app < GET /a 200\napp > GET 200\n");
}

#[test]
fn another_thread_of_the_process_is_no_evidence() {
    let mut scene = Scene::new();
    let app = scene.process(200, "app");
    let (front, back) = (scene.tcp(8000), scene.remote(5000));
    scene.receive(front.server, app, get("/a").as_bytes());
    scene.send(back, app.sibling(1), get("/call").as_bytes());
    scene.receive(back, app.sibling(1), OK.as_bytes());
    scene.send(front.server, app, OK.as_bytes());
    assert_eq!(scene.outline(), "app < GET /a 200\napp > GET 200\n");
}

#[test]
fn threads_that_hand_requests_over_are_no_evidence() {
    let mut scene = Scene::new();
    let go = scene.process(200, "go");
    let threads = [go.sibling(1), go.sibling(2)];
    let (front, back) = (scene.tcp(8000), scene.remote(5000));
    // A goroutine reads on one thread and answers on another.
    scene.receive(front.server, threads[0], get("/a").as_bytes());
    scene.send(front.server, threads[1], OK.as_bytes());
    // Another request; a goroutine that has nothing to do with it calls on the thread that read it.
    scene.receive(front.server, threads[0], get("/b").as_bytes());
    scene.send(back, threads[0], get("/background").as_bytes());
    scene.receive(back, threads[0], OK.as_bytes());
    scene.send(front.server, threads[0], OK.as_bytes());
    assert_eq!(scene.outline(), "go < GET /a 200\ngo < GET /b 200\ngo > GET 200\n");
}
