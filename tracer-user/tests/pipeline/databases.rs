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

/// A packet of MySQL.
fn packet(number: u8, body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_le_bytes()[..3], &[number], body].concat()
}

/// The client's login: capabilities, sizes, and the database `shop`.
fn login(capabilities: u32) -> Vec<u8> {
    let fixed = [&capabilities.to_le_bytes()[..], b"\0\0\0\x01\x2d", &[0; 23]].concat();
    packet(1, &[&fixed[..], b"me\0", &[20], &[7; 20], b"shop\0"].concat())
}

const PACKET_OK: &[u8] = b"\x07\0\0\x01\0\x01\0\x02\0\0\0";

#[test]
fn statements_of_mysql_are_named_by_what_was_prepared_and_where() {
    let mut scene = Scene::new();
    let threads = (scene.process(2, "web"), scene.process(3, "mariadbd"));
    let link = scene.tcp(3306);
    back(
        &mut scene,
        link,
        threads,
        &packet(0, b"\x0a5.5.5-10.11.19-MariaDB\0\x07\0\0\0abcdefgh\0\xfe\xf7\x2d"),
    );
    pass(&mut scene, link, threads, &login(0x8208));
    back(&mut scene, link, threads, &packet(2, b"\0\0\0\x02\0\0\0"));
    let mut ask = |request: &[u8], answer: &[u8]| {
        pass(&mut scene, link, threads, &packet(0, request));
        back(&mut scene, link, threads, answer);
    };
    ask(b"\x16UPDATE goods SET name = ?", b"\x0c\0\0\x01\0\x07\0\0\0\0\0\0\0\0\0\0");
    ask(b"\x17\x07\0\0\0\0\x01\0\0\0", PACKET_OK);
    // One of which nobody saw the text.
    ask(b"\x17\x08\0\0\0\0\x01\0\0\0", PACKET_OK);
    ask(b"\x03USE `other`;", PACKET_OK);
    ask(b"\x03SELECT a FROM nowhere", &packet(1, b"\xff\x7a\x04#42S02Table 'other.nowhere' doesn't exist"));
    let text = outline(scene.spans(), |span| {
        let value = |key| span.attribute(key).and_then(Value::as_str).unwrap_or("-").to_owned();
        vec![format!("{} {} {}", value("db.system.name"), value("db.namespace"), value("db.query.text"))]
    });
    let client: Vec<_> = text.lines().filter(|line| !line.starts_with("  ")).collect();
    assert_eq!(
        client,
        [
            "web > PREPARE shop",
            "web > UPDATE goods",
            "web > EXECUTE shop",
            "web > USE",
            "web > SELECT nowhere 1146 !1146"
        ]
    );
    let details: Vec<_> = text.lines().filter(|line| line.starts_with("    maria")).map(str::trim).collect();
    assert_eq!(
        details,
        [
            "mariadb shop UPDATE goods SET name = ?",
            "mariadb shop UPDATE goods SET name = ?",
            "mariadb shop -",
            "mariadb shop USE `other`;",
            "mariadb other SELECT a FROM nowhere",
        ]
    );
}

#[test]
fn a_compressed_connection_is_declined() {
    let mut scene = Scene::new();
    let threads = (scene.process(2, "web"), scene.process(3, "mysqld"));
    let link = scene.tcp(3306);
    back(
        &mut scene,
        link,
        threads,
        &packet(0, b"\x0a8.0.36\0\x07\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\x15"),
    );
    pass(&mut scene, link, threads, &login(0x8228));
    let judged: Vec<_> =
        scene.pipeline.take_judgements().into_iter().map(|(_, judgement)| judgement).collect();
    assert_eq!(judged, [Judgement::Refused; 2]);
    // What is compressed looks like nothing.
    pass(&mut scene, link, threads, b"\x0f\0\0\0\0\0\0\x0b\0\0\0\x03SELECT a b");
    assert_eq!((&*scene.outline(), scene.drops(Drop::FormNotRead)), ("", 2));
}

#[test]
fn the_end_of_many_rows_is_seen_in_their_last_bytes() {
    let mut scene = Scene::new();
    let (web, mysql) = (scene.process(2, "web"), scene.process(3, "mysqld"));
    let link = scene.tcp(3306);
    pass(&mut scene, link, (web, mysql), &packet(0, b"\x03SELECT a FROM goods"));
    let described = [packet(1, b"\x01"), packet(2, b"\x03def\0\0\0\x01a\x01a"), packet(3, b"\xfe\0\0\x02\0")];
    let rows: Vec<u8> = (4..200).flat_map(|number| packet(number, b"\x0asome value")).collect();
    let result = [described.concat(), rows, packet(200, b"\xfe\0\0\x22\0")].concat();
    scene.send_seen(link.server, mysql, &result, Seen::Front(512));
    scene.receive_seen(link.client, web, &result, Seen::Front(512));
    assert_eq!(scene.pipeline.census().open_requests, 0);
    assert!(!scene.span("web", SpanKind::Client).incomplete);
}

#[test]
fn what_memcached_does_not_answer_is_a_call_that_is_over_once_it_is_sent() {
    let mut scene = Scene::new();
    let threads = (scene.process(2, "web"), scene.process(3, "memcached"));
    let link = scene.tcp(11_211);
    pass(&mut scene, link, threads, b"set a 0 0 6 noreply\r\nsecret\r\n");
    pass(&mut scene, link, threads, b"get a b\r\n");
    back(&mut scene, link, threads, b"VALUE a 0 6\r\nsecret\r\nEND\r\n");
    pass(&mut scene, link, threads, b"mg a v q\r\nmg b v q\r\nmn\r\n");
    back(&mut scene, link, threads, b"VA 6\r\nsecret\r\nMN\r\n");
    // Nothing is found, so nothing is said but that this is all.
    pass(&mut scene, link, threads, b"mg a v q\r\nmn\r\n");
    back(&mut scene, link, threads, b"MN\r\n");
    pass(&mut scene, link, threads, b"set a 0 0 1\r\nx\r\nincr a 1\r\n");
    back(&mut scene, link, threads, b"STORED\r\nCLIENT_ERROR cannot increment\r\n");
    assert_eq!(scene.pipeline.census().open_requests, 0);
    assert_eq!(
        scene.outline(),
        "web > set
  memcached < set [tcp-seq]
web > get
  memcached < get [tcp-seq]
web > BATCH mg
  memcached < BATCH mg [tcp-seq]
web > mg
  memcached < mg [tcp-seq]
web > BATCH CLIENT_ERROR !CLIENT_ERROR
  memcached < BATCH CLIENT_ERROR !CLIENT_ERROR [tcp-seq]
"
    );
}

/// A message of MongoDB that holds a document.
fn mongodb(opcode: u32, answers: u32, body: &[u8]) -> Vec<u8> {
    let words = [body.len() as u32 + 16, 7, answers, opcode];
    [&words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>()[..], body].concat()
}

#[test]
fn a_compressed_command_of_mongodb_is_read() {
    let mut scene = Scene::new();
    let threads = (scene.process(2, "web"), scene.process(3, "mongod"));
    let link = scene.tcp(27_017);
    let find = b"\0\0\0\0\0\x23\0\0\0\x02find\0\x06\0\0\0goods\0\x02$db\0\x05\0\0\0shop\0\0";
    let compressed = zstd::encode_all(&find[..], 3).unwrap();
    let head = [&2013_u32.to_le_bytes()[..], &(find.len() as u32).to_le_bytes(), &[3]].concat();
    pass(&mut scene, link, threads, &mongodb(2012, 0, &[&head[..], &compressed].concat()));
    let failed = b"\0\0\0\0\0\x1b\0\0\0\x01ok\0\0\0\0\0\0\0\0\0\x10code\0\x3b\0\0\0\0";
    back(&mut scene, link, threads, &mongodb(2013, 7, failed));
    assert_eq!(scene.outline(), "web > find goods 59 !59\n  mongod < find goods 59 !59 [tcp-seq]\n");
    let span = scene.span("web", SpanKind::Client);
    assert_eq!(span.attribute("db.namespace").and_then(Value::as_str), Some("shop"));
}

/// A message of Cassandra.
fn cassandra(version: u8, stream: u8, opcode: u8, body: &[u8]) -> Vec<u8> {
    [&[version, 0, 0, stream, opcode][..], &(body.len() as u32).to_be_bytes(), body].concat()
}

#[test]
fn answers_of_cassandra_name_their_requests() {
    let mut scene = Scene::new();
    let threads = (scene.process(2, "web"), scene.process(3, "cassandra"));
    let link = scene.tcp(9042);
    let query = |text: &[u8]| [&(text.len() as u32).to_be_bytes()[..], text, b"\0\x01\0"].concat();
    pass(&mut scene, link, threads, &cassandra(4, 1, 0x09, &query(b"SELECT a FROM goods WHERE id = ?")));
    back(&mut scene, link, threads, &cassandra(0x84, 1, 0x08, b"\0\0\0\x04\0\x02id"));
    // Both are sent before the first is answered.
    pass(&mut scene, link, threads, &cassandra(4, 1, 0x0a, b"\0\x02id"));
    pass(
        &mut scene,
        link,
        threads,
        &cassandra(4, 2, 0x07, &query(b"INSERT INTO a (b) VALUES (e8b1cd58-7e30-4b8a-8c56-b38e5a0a2c0f)")),
    );
    back(&mut scene, link, threads, &cassandra(0x84, 2, 0x00, b"\0\0\x10\x00\0\x02no"));
    assert_eq!(scene.pipeline.census().open_requests, 2);
    back(&mut scene, link, threads, &cassandra(0x84, 1, 0x08, b"\0\0\0\x01"));
    assert_eq!(scene.pipeline.census().open_requests, 0);
    let text = outline(scene.spans(), |span| {
        span.attribute("db.query.text").and_then(Value::as_str).map(str::to_owned).into_iter().collect()
    });
    let client: Vec<_> = text.lines().filter(|line| !line.contains("cassandra")).map(str::trim).collect();
    assert_eq!(
        client,
        [
            "web > PREPARE",
            "SELECT a FROM goods WHERE id = ?",
            "SELECT a FROM goods WHERE id = ?",
            "web > SELECT goods",
            "SELECT a FROM goods WHERE id = ?",
            "SELECT a FROM goods WHERE id = ?",
            "web > INSERT a 0x1000 !0x1000",
            "INSERT INTO a (b) VALUES (?)",
            "INSERT INTO a (b) VALUES (?)",
        ]
    );
}
