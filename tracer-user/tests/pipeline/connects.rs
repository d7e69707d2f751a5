//! Connections that cannot be opened.

use tracer_user::{spans::span::Value, telemetry::drops::Drop};

use crate::{
    outline::outline,
    scene::{OK, Scene, get},
};

const REFUSED: u32 = 111;

#[test]
fn a_refused_connection_is_a_failed_call_of_its_request() {
    let mut scene = Scene::new();
    let (client, web) = (scene.process(1, "curl"), scene.process(2, "web"));
    let front = scene.tcp(80);
    scene.request(front, client, web, &get("/a"));
    scene.connect(web, false, 5432, REFUSED);
    scene.response(front, web, client, OK);
    let text = outline(scene.spans(), |span| {
        let of = |key| span.attribute(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        if &*span.name == "connect" { vec![of("server.address"), of("network.transport")] } else { vec![] }
    });
    assert_eq!(
        text,
        "curl > GET 200
  web < GET /a 200 [tcp-seq]
    web > connect !ECONNREFUSED [thread]
        127.0.0.1
        tcp
"
    );
}

#[test]
fn the_next_address_of_the_same_server_makes_it_no_failure() {
    let mut scene = Scene::new();
    let web = scene.process(2, "web");
    scene.connect(web, true, 8080, REFUSED);
    scene.connect(web, false, 8080, 0);
    assert_eq!(scene.outline(), "");
    assert_eq!(scene.drops(Drop::ConnectedElsewhere), 1);
}

#[test]
fn what_another_process_or_another_port_reaches_says_nothing() {
    let mut scene = Scene::new();
    let (web, other) = (scene.process(2, "web"), scene.process(3, "other"));
    scene.connect(web, true, 8080, REFUSED);
    scene.connect(other, false, 8080, 0);
    scene.connect(web, false, 8081, 0);
    scene.connect(web, true, 8080, 0);
    assert_eq!(scene.outline(), "web > connect !ECONNREFUSED\n");
}

#[test]
fn every_address_that_fails_is_told() {
    let mut scene = Scene::new();
    let web = scene.process(2, "web");
    scene.connect(web, true, 8080, REFUSED);
    scene.connect(web, false, 8080, 110);
    assert_eq!(scene.outline(), "web > connect !ECONNREFUSED\nweb > connect !ETIMEDOUT\n");
}

#[test]
fn what_comes_late_is_another_attempt() {
    let mut scene = Scene::new();
    let web = scene.process(2, "web");
    scene.connect(web, true, 8080, REFUSED);
    scene.wait(1_100_000_000);
    scene.connect(web, false, 8080, 0);
    assert_eq!(scene.outline(), "web > connect !ECONNREFUSED\n");
}
