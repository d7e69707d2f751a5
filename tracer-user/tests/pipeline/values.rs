//! An id that a request came with, and that a call passes on.

use crate::{
    context::config,
    scene::{OK, Scene, get},
};

const ID: &str = "0f3b2c1d-5a6e";
const OTHER: &str = "7c9d8e7f-6a5b";

fn with_id(target: &str, id: &str) -> String {
    get(target).replace("\r\n\r\n", &format!("\r\nX-Request-ID: {id}\r\n\r\n"))
}

/// One thread reads two requests, then makes a call that is for the first one, as far as its id says.
fn call_of_a_proxy(config: &str, ids: [&str; 3]) -> String {
    let mut scene = Scene::with(&self::config(config));
    let proxy = scene.process(200, "proxy");
    let (a, b, back) = (scene.called_from_elsewhere(80), scene.called_from_elsewhere(80), scene.remote(8000));
    scene.receive(a, proxy, with_id("/a", ids[0]).as_bytes());
    scene.receive(b, proxy, with_id("/b", ids[1]).as_bytes());
    scene.send(back, proxy, with_id("/c", ids[2]).as_bytes());
    scene.receive(back, proxy, OK.as_bytes());
    scene.send(b, proxy, OK.as_bytes());
    scene.send(a, proxy, OK.as_bytes());
    scene.outline()
}

const ALONE: &str = "proxy < GET /a 200\nproxy < GET /b 200\nproxy > GET 200\n";

#[test]
fn an_id_of_one_request_is_evidence() {
    assert_eq!(
        call_of_a_proxy("", [ID, OTHER, ID]),
        "proxy < GET /a 200\n  proxy > GET 200 [value]\nproxy < GET /b 200\n"
    );
    assert_eq!(
        call_of_a_proxy("", [OTHER, ID, ID]),
        "proxy < GET /a 200\nproxy < GET /b 200\n  proxy > GET 200 [value]\n"
    );
}

#[test]
fn an_id_of_several_requests_or_of_none_is_not() {
    for ids in [[ID, ID, ID], [OTHER, OTHER, ID], ["17", OTHER, "17"]] {
        assert_eq!(call_of_a_proxy("", ids), ALONE, "{ids:?}");
    }
    assert_eq!(call_of_a_proxy("[context]\nrequest_ids = []", [ID, OTHER, ID]), ALONE);
}

#[test]
fn the_id_of_a_request_that_is_over_is_not() {
    let mut scene = Scene::new();
    let app = scene.process(200, "app");
    let (front, back) = (scene.called_from_elsewhere(80), scene.remote(8000));
    scene.receive(front, app, with_id("/a", ID).as_bytes());
    scene.send(front, app, OK.as_bytes());
    scene.send(back, app, with_id("/late", ID).as_bytes());
    scene.receive(back, app, OK.as_bytes());
    // A retry: whether what follows is for this one or for the first, the id does not say.
    scene.receive(front, app.sibling(1), with_id("/a", ID).as_bytes());
    scene.send(back, app, with_id("/c", ID).as_bytes());
    scene.receive(back, app, OK.as_bytes());
    scene.send(front, app.sibling(1), OK.as_bytes());
    assert!(!scene.outline().contains("value"), "{}", scene.outline());
}

#[test]
fn an_id_against_the_thread_is_not() {
    let mut scene = Scene::new();
    let first = scene.process(200, "app");
    let second = first.sibling(1);
    let (a, b, back) = (scene.called_from_elsewhere(80), scene.called_from_elsewhere(80), scene.remote(8000));
    scene.receive(a, first, with_id("/a", ID).as_bytes());
    scene.receive(b, second, with_id("/b", OTHER).as_bytes());
    scene.send(back, second, with_id("/c", ID).as_bytes());
    scene.receive(back, second, OK.as_bytes());
    scene.send(a, first, OK.as_bytes());
    scene.send(b, second, OK.as_bytes());
    assert_eq!(scene.outline(), "app < GET /a 200\napp < GET /b 200\napp > GET 200\n");
}
