//! Databases behind a service.

use tracer_user::{
    spans::{
        database::Judgement,
        span::{SpanKind, Value},
    },
    telemetry::drops::Drop,
};

use crate::{
    outline::outline,
    scene::{Link, OK, Scene, Seen, Thread, get},
};

const GET_KEY: &[u8] = b"*2\r\n$3\r\nGET\r\n$6\r\nsecret\r\n";
const SET_KEY: &[u8] = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$6\r\nsecret\r\n";

fn pass(scene: &mut Scene, link: Link, (from, to): (Thread, Thread), bytes: &[u8]) {
    scene.send(link.client, from, bytes);
    scene.receive(link.server, to, bytes);
}

fn back(scene: &mut Scene, link: Link, (from, to): (Thread, Thread), bytes: &[u8]) {
    scene.send(link.server, to, bytes);
    scene.receive(link.client, from, bytes);
}

/// A message of PostgreSQL.
fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32 + 4).to_be_bytes();
    [&[tag], &length[..], body].concat()
}

const READY: &[u8] = b"Z\0\0\0\x05I";

#[test]
fn a_command_belongs_to_the_request_that_its_thread_handles() {
    let mut scene = Scene::new();
    let (client, web, redis) = (scene.process(1, "curl"), scene.process(2, "web"), scene.process(3, "redis"));
    let (front, behind) = (scene.tcp(80), scene.tcp(6379));
    scene.request(front, client, web, &get("/a"));
    pass(&mut scene, behind, (web, redis), GET_KEY);
    back(&mut scene, behind, (web, redis), b"$-1\r\n");
    pass(&mut scene, behind, (web, redis), SET_KEY);
    back(&mut scene, behind, (web, redis), b"-READONLY You can't write against a read only replica.\r\n");
    scene.response(front, web, client, OK);
    let ids = scene.pipeline.take_judgements();
    assert_eq!(ids.iter().map(|(_, judgement)| *judgement).collect::<Vec<_>>(), [Judgement::Confirmed; 2]);
    let text = outline(scene.spans(), |span| {
        span.attribute("db.query.text").and_then(Value::as_str).map(str::to_owned).into_iter().collect()
    });
    assert_eq!(
        text,
        "curl > GET 200
  web < GET /a 200 [tcp-seq]
    web > GET [thread]
        GET ?
      redis < GET [tcp-seq]
          GET ?
    web > SET READONLY !READONLY [thread]
        SET ? ?
      redis < SET READONLY !READONLY [tcp-seq]
          SET ? ?
"
    );
    assert_eq!(scene.drops(Drop::NotHttp), 0);
}

#[test]
fn a_pipeline_is_one_call_and_ends_with_its_last_reply() {
    let mut scene = Scene::new();
    let (web, redis) = (scene.process(2, "web"), scene.process(3, "redis"));
    let link = scene.tcp(6379);
    pass(&mut scene, link, (web, redis), &[GET_KEY, GET_KEY].concat());
    back(&mut scene, link, (web, redis), b"$1\r\na\r\n");
    assert_eq!(scene.pipeline.census().open_requests, 2);
    back(&mut scene, link, (web, redis), b"$1\r\nb\r\n");
    assert_eq!(scene.pipeline.census().open_requests, 0);
    let span = scene.span("web", SpanKind::Client);
    assert_eq!(
        (&*span.name, span.attribute("db.operation.batch.size")),
        ("PIPELINE GET", Some(&Value::Int(2)))
    );
}

#[test]
fn a_subscriber_makes_no_calls() {
    let mut scene = Scene::new();
    let (web, redis) = (scene.process(2, "web"), scene.process(3, "redis"));
    let link = scene.tcp(6379);
    pass(&mut scene, link, (web, redis), b"*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n");
    back(&mut scene, link, (web, redis), b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n");
    let judged: Vec<_> =
        scene.pipeline.take_judgements().into_iter().map(|(_, judgement)| judgement).collect();
    assert_eq!(judged, [Judgement::Refused; 2]);
    assert_eq!(scene.outline(), "");
}

#[test]
fn the_end_of_a_long_result_is_seen_in_its_last_bytes() {
    let mut scene = Scene::new();
    let (web, postgres) = (scene.process(2, "web"), scene.process(3, "postgres"));
    let link = scene.tcp(5432);
    let query = message(b'Q', b"SELECT name FROM goods WHERE name = 'secret' AND id IN (1, 2, 3)\0");
    pass(&mut scene, link, (web, postgres), &query);
    let rows: Vec<u8> = (0..200).flat_map(|_| message(b'D', b"\0\x01\0\0\0\x04abcd")).collect();
    let result = [&rows[..], &message(b'C', b"SELECT 200\0"), READY].concat();
    scene.send_seen(link.server, postgres, &result, Seen::Front(512));
    scene.receive_seen(link.client, web, &result, Seen::Front(512));
    assert_eq!(scene.pipeline.census().open_requests, 0);
    let span = scene.span("web", SpanKind::Client);
    assert_eq!(&*span.name, "SELECT goods");
    assert!(!span.incomplete);
    let text = span.attribute("db.query.text").and_then(Value::as_str);
    assert_eq!(text, Some("SELECT name FROM goods WHERE name = ? AND id IN (?)"));
}

#[test]
fn a_statement_that_was_prepared_before_is_named_by_what_it_did() {
    let mut scene = Scene::new();
    let (web, postgres) = (scene.process(2, "web"), scene.process(3, "postgres"));
    let link = scene.tcp(5432);
    let series =
        [message(b'B', b"\0s1\0\0\0\0\0\0\0"), message(b'E', b"\0\0\0\0\0"), message(b'S', b"")].concat();
    pass(&mut scene, link, (web, postgres), &series);
    let answer = [message(b'2', b""), message(b'C', b"DELETE 3\0"), READY.to_vec()].concat();
    back(&mut scene, link, (web, postgres), &answer);
    let span = scene.span("web", SpanKind::Client);
    assert_eq!((&*span.name, span.attribute("db.query.text")), ("DELETE", None));
}

#[test]
fn an_answer_without_a_visible_end_is_over_when_nothing_comes() {
    let mut scene = Scene::new();
    let (web, redis) = (scene.process(2, "web"), scene.process(3, "redis"));
    let link = scene.tcp(6379);
    pass(&mut scene, link, (web, redis), b"*4\r\n$6\r\nLRANGE\r\n$1\r\nl\r\n$1\r\n0\r\n$2\r\n-1\r\n");
    let list = [b"*200\r\n".to_vec(), b"$10\r\n0123456789\r\n".repeat(200)].concat();
    scene.send_seen(link.server, redis, &list, Seen::Front(512));
    scene.receive_seen(link.client, web, &list, Seen::Front(512));
    assert_eq!(scene.pipeline.census().open_requests, 2);
    scene.wait(2_000_000_000);
    assert_eq!(scene.pipeline.census().open_requests, 0);
    // And the next reply is understood.
    pass(&mut scene, link, (web, redis), GET_KEY);
    back(&mut scene, link, (web, redis), b"-ERR no\r\n");
    assert_eq!(
        scene.outline(),
        "web > LRANGE\n  redis < LRANGE [tcp-seq]\nweb > GET ERR !ERR\n  redis < GET ERR !ERR [tcp-seq]\n"
    );
}

#[test]
fn a_lost_answer_does_not_shift_the_others() {
    let mut scene = Scene::new();
    let (web, redis) = (scene.process(2, "web"), scene.process(3, "redis"));
    let link = scene.tcp(6379);
    pass(&mut scene, link, (web, redis), GET_KEY);
    scene.send(link.server, redis, b"-ERR lost\r\n");
    scene.receive_seen(link.client, web, b"-ERR lost\r\n", Seen::Lost);
    pass(&mut scene, link, (web, redis), SET_KEY);
    back(&mut scene, link, (web, redis), b"+OK\r\n");
    pass(&mut scene, link, (web, redis), GET_KEY);
    back(&mut scene, link, (web, redis), b"-ERR third\r\n");
    let text = scene.outline();
    let calls: Vec<_> = text.lines().filter(|line| line.starts_with("web")).collect();
    assert_eq!(calls, ["web > GET ~", "web > SET", "web > GET ERR !ERR"]);
}
