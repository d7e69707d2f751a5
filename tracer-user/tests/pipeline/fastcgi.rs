//! A web server that passes requests on by FastCGI.

use tracer_user::spans::{
    database::Judgement,
    span::{SpanKind, Value},
};

use crate::scene::{Link, OK, Scene, Seen, Thread, get};

const BEGIN: &[u8] = b"\x01\x01\0\x01\0\x08\0\0\0\x01\0\0\0\0\0\0";
const END: &[u8] = b"\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0";

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u16).to_be_bytes();
    [&[1, kind, 0, 1, length[0], length[1], 0, 0], content].concat()
}

fn asked(pairs: &[(&str, &str)]) -> Vec<u8> {
    let pair = |(name, value): &(&str, &str)| {
        [&[name.len() as u8, value.len() as u8], name.as_bytes(), value.as_bytes()].concat()
    };
    let params: Vec<u8> = pairs.iter().flat_map(pair).collect();
    [BEGIN, &record(4, &params), &record(4, b""), &record(5, b"")].concat()
}

/// nginx sends all at once; PHP-FPM reads records by their headers.
fn pass(scene: &mut Scene, link: Link, nginx: Thread, fpm: Thread, request: &[u8]) {
    scene.send(link.client, nginx, request);
    let mut rest = request;
    while !rest.is_empty() {
        let size = 8 + usize::from(u16::from_be_bytes([rest[4], rest[5]]));
        scene.receive(link.server, fpm, &rest[..8]);
        if size > 8 {
            scene.receive(link.server, fpm, &rest[8..size]);
        }
        rest = &rest[size..];
    }
}

const HELLO: [(&str, &str); 4] =
    [("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/a?b"), ("HTTPS", "on"), ("HTTP_HOST", "shop:81")];

#[test]
fn a_request_is_followed_to_the_script_and_its_calls() {
    let mut scene = Scene::new();
    let (curl, nginx) = (scene.process(1, "curl"), scene.process(2, "nginx"));
    let (fpm, back) = (scene.process(3, "php-fpm"), scene.process(4, "back"));
    let (front, passed, behind) = (scene.tcp(80), scene.unix(b"/run/fpm.sock"), scene.tcp(8080));
    scene.request(front, curl, nginx, &get("/a?b"));
    pass(&mut scene, passed, nginx, fpm, &asked(&HELLO));
    scene.exchange(behind, fpm, back, "/b");
    let answer = [&record(6, b"Status: 404 Not Found\r\n\r\nno")[..], END].concat();
    scene.send(passed.server, fpm, &answer);
    scene.receive(passed.client, nginx, &answer);
    scene.response(front, nginx, curl, OK);
    assert!(scene.pipeline.take_judgements().iter().all(|(_, judgement)| *judgement == Judgement::Confirmed));
    assert_eq!(
        scene.outline(),
        "curl > GET 200
  nginx < GET /a 200 [tcp-seq]
    nginx > GET 404 !404 [thread]
      php-fpm < GET /a 404 [socket]
        php-fpm > GET 200 [thread]
          back < GET /b 200 [tcp-seq]
"
    );
    let span = scene.span("php-fpm", SpanKind::Server);
    let text = |key| span.attribute(key).and_then(Value::as_str);
    assert_eq!((text("network.protocol.name"), text("url.scheme")), (Some("fastcgi"), Some("https")));
    assert_eq!(
        (text("server.address"), span.attribute("server.port")),
        (Some("shop"), Some(&Value::Int(81)))
    );
    let span = scene.span("nginx", SpanKind::Client);
    let text = |key| span.attribute(key).and_then(Value::as_str);
    assert_eq!(
        (text("server.address"), text("url.full")),
        (Some("/run/fpm.sock"), Some("https://shop:81/a?b"))
    );
}

#[test]
fn a_long_answer_ends_where_it_does_on_a_kept_connection() {
    let mut scene = Scene::new();
    let (nginx, fpm) = (scene.process(2, "nginx"), scene.process(3, "php-fpm"));
    let link = scene.tcp(9000);
    for _ in 0..2 {
        pass(&mut scene, link, nginx, fpm, &asked(&HELLO));
        let answer = [&record(6, &[&b"X: y\r\n\r\n"[..], &[b'z'; 5000]].concat())[..], END].concat();
        scene.send_seen(link.server, fpm, &answer, Seen::Front(1024));
        scene.receive_seen(link.client, nginx, &answer[..4096], Seen::Front(1024));
        scene.receive_seen(link.client, nginx, &answer[4096..], Seen::Front(512));
        assert_eq!(scene.pipeline.census().open_requests, 0);
    }
    assert_eq!(
        scene.outline(),
        "nginx > GET 200\n  php-fpm < GET /a 200 [tcp-seq]\nnginx > GET 200\n  php-fpm < GET /a 200 [tcp-seq]\n"
    );
}

#[test]
fn an_answer_that_breaks_off_is_a_failure() {
    let mut scene = Scene::new();
    let (nginx, fpm) = (scene.process(2, "nginx"), scene.process(3, "php-fpm"));
    let link = scene.unix(b"/run/fpm.sock");
    pass(&mut scene, link, nginx, fpm, &asked(&HELLO));
    scene.exit(fpm);
    scene.end_of_stream(link.client, nginx);
    assert_eq!(
        scene.outline(),
        "nginx > GET !connection_closed\n  php-fpm < GET /a !connection_closed [socket]\n"
    );
}

#[test]
fn a_request_that_is_not_looked_at_is_refused() {
    let mut scene = Scene::new();
    let (nginx, fpm) = (scene.process(2, "nginx"), scene.process(3, "php-fpm"));
    let link = scene.tcp(9000);
    pass(&mut scene, link, nginx, fpm, &asked(&HELLO));
    let refusal = b"\x01\x03\0\x01\0\x08\0\0\0\0\0\0\x02\0\0\0";
    scene.send(link.server, fpm, refusal);
    scene.receive(link.client, nginx, refusal);
    assert_eq!(scene.outline(), "nginx > GET !refused\n  php-fpm < GET /a !refused [tcp-seq]\n");
}
