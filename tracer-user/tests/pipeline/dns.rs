//! Lookups in DNS.

use tracer_user::{
    spans::span::{SpanKind, Value},
    telemetry::drops::Drop,
};

use crate::scene::{OK, Scene, get};

const A: u8 = 1;
const AAAA: u8 = 28;

fn message(id: u8, flags: u16, record: u8, addresses: &[[u8; 4]]) -> Vec<u8> {
    let flags = flags.to_be_bytes();
    let head = [0, id, flags[0], flags[1], 0, 1, 0, addresses.len() as u8, 0, 0, 0, 0];
    let answer = |address: &[u8; 4]| [&[0xc0, 12, 0, A, 0, 1, 0, 0, 0, 60, 0, 4], &address[..]].concat();
    let answers: Vec<u8> = addresses.iter().flat_map(answer).collect();
    [&head[..], b"\x02db\x07example\0", &[0, record, 0, 1], &answers].concat()
}

fn query(id: u8, record: u8) -> Vec<u8> {
    message(id, 0x0100, record, &[])
}

#[test]
fn both_lookups_of_a_name_belong_to_the_request() {
    let mut scene = Scene::new();
    let (client, web) = (scene.process(1, "curl"), scene.process(2, "web"));
    let (front, socket) = (scene.tcp(80), scene.udp(53));
    scene.request(front, client, web, &get("/a"));
    scene.send(socket, web, &query(1, A));
    scene.send(socket, web, &query(2, AAAA));
    scene.receive(socket, web, &message(2, 0x8180, AAAA, &[]));
    scene.receive(socket, web, &message(1, 0x8180, A, &[[198, 51, 100, 7]]));
    let behind = scene.remote(6379);
    scene.send(behind, web, b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
    scene.receive(behind, web, b"$-1\r\n");
    scene.response(front, web, client, OK);
    assert_eq!(
        scene.outline(),
        "curl > GET 200
  web < GET /a 200 [tcp-seq]
    web > DNS A [thread]
    web > DNS AAAA [thread]
    web > GET [thread]
"
    );
    let spans = scene.spans();
    let of = |name: &str, key: &str| {
        let span = spans.iter().find(|span| &*span.name == name && span.kind == SpanKind::Client).unwrap();
        span.attribute(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    assert_eq!(of("DNS A", "dns.question.name"), "db.example");
    assert_eq!(
        (of("DNS A", "server.address"), of("DNS A", "network.transport")),
        ("198.51.100.7".into(), "udp".into())
    );
    let call = spans.iter().find(|span| span.is_database_call()).unwrap();
    let text = |key| call.attribute(key).and_then(Value::as_str);
    assert_eq!(
        (text("server.address"), text("network.peer.address")),
        (Some("db.example"), Some("198.51.100.7"))
    );
    assert!(spans.iter().all(|span| span.links.is_empty() || span.is_database_call()));
    assert_eq!(scene.pipeline.census().connections, 3, "what asked for names is forgotten");
}

#[test]
fn an_error_is_that_of_the_answer() {
    let mut scene = Scene::new();
    let web = scene.process(2, "web");
    let socket = scene.udp(53);
    scene.send(socket, web, &query(1, A));
    scene.receive(socket, web, &message(1, 0x8183, A, &[]));
    scene.send(socket, web, &query(2, A));
    scene.receive(socket, web, &message(9, 0x8180, A, &[]));
    scene.wait(20_000_000_000);
    assert_eq!(scene.outline(), "web > DNS A !NXDOMAIN\nweb > DNS A !timeout\n");
    assert_eq!(scene.drops(Drop::ResponseWithoutRequest), 1);
}

#[test]
fn what_is_asked_again_is_one_lookup() {
    let mut scene = Scene::new();
    let web = scene.process(2, "web");
    let socket = scene.udp(53);
    for _ in 0..3 {
        scene.send(socket, web, &query(1, A));
    }
    scene.receive(socket, web, &message(1, 0x8180, A, &[]));
    assert_eq!(scene.outline(), "web > DNS A\n");
}

#[test]
fn over_tcp_answers_come_in_any_order() {
    let mut scene = Scene::new();
    let web = scene.process(2, "web");
    let socket = scene.remote(53);
    let sized = |message: Vec<u8>| [&(message.len() as u16).to_be_bytes()[..], &message].concat();
    scene.send(socket, web, &[sized(query(1, A)), sized(query(2, AAAA))].concat());
    scene.receive(socket, web, &sized(message(2, 0x8182, AAAA, &[])));
    scene.receive(socket, web, &sized(message(1, 0x8180, A, &[])));
    assert_eq!(scene.outline(), "web > DNS AAAA !SERVFAIL\nweb > DNS A\n");
}
