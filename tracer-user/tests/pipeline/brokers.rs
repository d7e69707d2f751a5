//! Messages: who publishes them, who takes them, and what joins the two.

use std::fmt::Write;

use tracer_user::spans::{
    database::Judgement,
    span::{Evidence, Span, SpanKind, Value},
};

use crate::scene::{Link, OK, Scene, Seen, Thread, get};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn traceparent() -> Vec<u8> {
    format!("00-{TRACE}-{PARENT}-01").into_bytes()
}

/// Bytes of a client that nobody but the client's end shows.
fn ask(scene: &mut Scene, link: Link, by: Thread, bytes: &[u8]) {
    scene.send(link.client, by, bytes);
}

fn hear(scene: &mut Scene, link: Link, by: Thread, bytes: &[u8]) {
    scene.receive(link.client, by, bytes);
}

/// As [`crate::outline::outline`], for spans of messages: kind, name, evidence and links.
fn told(scene: &mut Scene) -> Vec<String> {
    let mut spans: Vec<Span> = scene.spans().to_vec();
    spans.sort_by_key(|span| span.start_ns);
    let names: Vec<_> = spans.iter().map(|span| (span.span_id, span.name.clone())).collect();
    let name = |id| {
        let known = names.iter().find(|(span, _)| *span == id);
        known.map_or_else(|| "elsewhere".to_owned(), |(_, name)| name.to_string())
    };
    spans
        .iter()
        .map(|span| {
            let mut text = format!("{:?} {}", span.kind, span.name);
            if let Some(Value::Str(error)) = span.attribute("error.type") {
                let _ = write!(text, " !{error}");
            }
            if let Some(parent) = span.parent {
                let _ = write!(text, " <{} {}>", parent.evidence.name(), name(parent.span_id));
            }
            for link in &span.links {
                let _ = write!(text, " +{} {}", link.evidence.name(), name(link.span_id));
            }
            text
        })
        .collect()
}

// Kafka ----------------------------------------------------------------------------------------------------------------------

fn text(value: &str) -> Vec<u8> {
    [&(value.len() as u16).to_be_bytes(), value.as_bytes()].concat()
}

fn sized(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes(), body].concat()
}

fn varint(value: usize) -> Vec<u8> {
    let (mut value, mut bytes) = (2 * value, Vec::new());
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn record(offset: usize, parent: bool) -> Vec<u8> {
    let mut body = [&[0, 0][..], &varint(offset), &varint(0), &varint(6), b"secret"].concat();
    body.extend(varint(usize::from(parent)));
    if parent {
        let value = traceparent();
        body.extend([&varint(11)[..], b"traceparent", &varint(value.len()), &value].concat());
    }
    [varint(body.len()), body].concat()
}

fn batch(first: i64, records: &[Vec<u8>]) -> Vec<u8> {
    let count = records.len() as u32;
    let body = [
        &[0; 4][..],
        &[2],
        &[0; 6],
        &(count - 1).to_be_bytes(),
        &[0; 30],
        &count.to_be_bytes(),
        &records.concat(),
    ]
    .concat();
    [&first.to_be_bytes()[..], &sized(&body)].concat()
}

fn request(api: u16, version: u16, correlation: u32, body: &[u8]) -> Vec<u8> {
    let head =
        [&api.to_be_bytes()[..], &version.to_be_bytes(), &correlation.to_be_bytes(), &text("shop")].concat();
    sized(&[head, body.to_vec()].concat())
}

fn response(correlation: u32, body: &[u8]) -> Vec<u8> {
    sized(&[&correlation.to_be_bytes(), body].concat())
}

fn produce(correlation: u32, batch: &[u8], acks: u16) -> Vec<u8> {
    // No transaction.
    let front = [
        &[0xff; 2][..],
        &acks.to_be_bytes(),
        &[0; 4],
        &[0, 0, 0, 1],
        &text("orders"),
        &[0, 0, 0, 1],
        &[0; 4],
    ]
    .concat();
    request(0, 7, correlation, &[front, sized(batch)].concat())
}

fn produced(correlation: u32, error: u16, offset: i64) -> Vec<u8> {
    let body = [
        &[0, 0, 0, 1][..],
        &text("orders"),
        &[0, 0, 0, 1],
        &[0; 4],
        &error.to_be_bytes(),
        &offset.to_be_bytes(),
        &[0; 20],
    ];
    response(correlation, &body.concat())
}

fn fetch(correlation: u32, offset: i64) -> Vec<u8> {
    let body = [
        &[0; 25][..],
        &[0, 0, 0, 1],
        &text("orders"),
        &[0, 0, 0, 1],
        &[0; 8],
        &offset.to_be_bytes(),
        &[0; 12],
        &[0; 4],
        &text(""),
    ];
    request(1, 11, correlation, &body.concat())
}

fn fetched(correlation: u32, records: &[u8]) -> Vec<u8> {
    let body = [
        &[0; 10][..],
        &[0, 0, 0, 1],
        &text("orders"),
        &[0, 0, 0, 1],
        &[0; 6],
        &[0; 24],
        &[0; 4],
        &[0; 4],
        &sized(records),
    ];
    response(correlation, &body.concat())
}

/// A producer, a consumer and the connections of both.
fn shop(scene: &mut Scene) -> (Thread, Link, Thread, Link) {
    let (front, worker) = (scene.process(2, "front"), scene.process(4, "worker"));
    let (to, from) = (scene.tcp(9092), scene.tcp(9092));
    (front, to, worker, from)
}

#[test]
fn a_fetched_message_is_linked_to_who_published_it() {
    let mut scene = Scene::new();
    let (front, to, worker, from) = shop(&mut scene);
    ask(&mut scene, from, worker, &fetch(1, 41));
    hear(&mut scene, from, worker, &fetched(1, b""));
    ask(&mut scene, from, worker, &fetch(2, 41));
    ask(&mut scene, to, front, &produce(7, &batch(0, &[record(0, false)]), 1));
    // The consumer is faster than the producer.
    hear(&mut scene, from, worker, &fetched(2, &batch(41, &[record(0, false)])));
    hear(&mut scene, to, front, &produced(7, 0, 41));
    scene.wait(200_000_000);
    assert_eq!(
        told(&mut scene),
        ["Consumer poll orders +message send orders", "Producer send orders"],
        "and nothing of the fetch that brought nothing"
    );
    let poll = scene.span("worker", SpanKind::Consumer);
    let shown = |key| poll.attribute(key).cloned();
    assert_eq!(shown("messaging.kafka.offset"), Some(Value::Int(41)));
    assert_eq!(shown("messaging.batch.message_count"), Some(Value::Int(1)));
    assert_eq!(shown("messaging.message.body.size"), Some(Value::Int(6)));
    assert_eq!(shown("messaging.destination.partition.id"), Some(Value::Str("0".into())));
}

#[test]
fn a_message_of_before_is_linked_to_nobody() {
    let mut scene = Scene::new();
    let (front, to, worker, from) = shop(&mut scene);
    ask(&mut scene, to, front, &produce(7, &batch(0, &[record(0, false)]), 1));
    hear(&mut scene, to, front, &produced(7, 0, 41));
    // Of this batch, the consumer throws away what it does not want: the message that `front` published.
    ask(&mut scene, from, worker, &fetch(1, 42));
    hear(&mut scene, from, worker, &fetched(1, &batch(41, &[record(0, false), record(1, false)])));
    scene.wait(200_000_000);
    assert_eq!(told(&mut scene), ["Producer send orders", "Consumer poll orders"]);
    let poll = scene.span("worker", SpanKind::Consumer);
    assert_eq!(poll.attribute("messaging.batch.message_count"), Some(&Value::Int(1)));
}

#[test]
fn the_context_of_a_record_is_its_parent() {
    let mut scene = Scene::new();
    let (front, to, worker, from) = shop(&mut scene);
    ask(&mut scene, to, front, &produce(7, &batch(0, &[record(0, true)]), 1));
    hear(&mut scene, to, front, &produced(7, 0, 41));
    ask(&mut scene, from, worker, &fetch(1, 41));
    hear(&mut scene, from, worker, &fetched(1, &batch(41, &[record(0, true)])));
    scene.wait(200_000_000);
    assert_eq!(
        told(&mut scene),
        [
            "Producer send orders <header elsewhere>",
            "Consumer poll orders <header elsewhere> +message send orders"
        ]
    );
    let trace = scene.span("worker", SpanKind::Consumer).trace_id;
    assert_eq!(u128::from_be_bytes(trace), u128::from_str_radix(TRACE, 16).unwrap());
}

#[test]
fn some_messages_with_context_and_some_without_are_no_parent() {
    let mut scene = Scene::new();
    let (_, _, worker, from) = shop(&mut scene);
    ask(&mut scene, from, worker, &fetch(1, 41));
    hear(&mut scene, from, worker, &fetched(1, &batch(41, &[record(0, true), record(1, false)])));
    scene.wait(200_000_000);
    assert_eq!(told(&mut scene), ["Consumer poll orders +header elsewhere"]);
}

#[test]
fn a_call_of_kafka_has_a_server_at_the_broker() {
    let mut scene = Scene::new();
    let (front, to, ..) = shop(&mut scene);
    let broker = scene.process(3, "broker");
    let bytes = produce(7, &batch(0, &[record(0, false)]), 1);
    // Its size is read by itself.
    scene.send(to.client, front, &bytes);
    scene.receive(to.server, broker, &bytes[..4]);
    scene.receive(to.server, broker, &bytes[4..]);
    let bytes = produced(7, 7, 0);
    scene.send(to.server, broker, &bytes);
    scene.receive(to.client, front, &bytes);
    let judged: Vec<_> =
        scene.pipeline.take_judgements().into_iter().map(|(_, judgement)| judgement).collect();
    assert_eq!(judged, [Judgement::Confirmed; 2]);
    assert_eq!(
        told(&mut scene),
        [
            "Producer send orders !REQUEST_TIMED_OUT",
            "Server send orders !REQUEST_TIMED_OUT <tcp-seq send orders>"
        ]
    );
}

#[test]
fn what_is_not_acknowledged_is_over_when_it_is_sent() {
    let mut scene = Scene::new();
    let (front, to, ..) = shop(&mut scene);
    ask(&mut scene, to, front, &produce(7, &batch(0, &[record(0, false)]), 0));
    assert_eq!(scene.pipeline.census().open_requests, 0);
    assert_eq!(told(&mut scene), ["Producer send orders"]);
}

// AMQP -----------------------------------------------------------------------------------------------------------------------

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    [&[kind, 0, 1][..], &sized(payload), &[0xce]].concat()
}

fn short(value: &str) -> Vec<u8> {
    [&[value.len() as u8][..], value.as_bytes()].concat()
}

fn method(class: u16, method: u16, arguments: &[u8]) -> Vec<u8> {
    frame(1, &[&class.to_be_bytes()[..], &method.to_be_bytes(), arguments].concat())
}

fn content(parent: bool) -> Vec<u8> {
    let mut head = [&[0, 60, 0, 0][..], &6u64.to_be_bytes()].concat();
    if parent {
        let table = [short("traceparent"), b"S".to_vec(), sized(&traceparent())].concat();
        head.extend([&[0x20, 0][..], &sized(&table)].concat());
    } else {
        head.extend([0, 0]);
    }
    [frame(2, &head), frame(3, b"secret")].concat()
}

fn publish(parent: bool) -> Vec<u8> {
    [method(60, 40, &[&[0, 0][..], &short("shop"), &short("orders"), &[0]].concat()), content(parent)]
        .concat()
}

fn deliver(tag: u64, parent: bool) -> Vec<u8> {
    let arguments = [&short("c1")[..], &tag.to_be_bytes(), &[0], &short("shop"), &short("orders")].concat();
    [method(60, 60, &arguments), content(parent)].concat()
}

fn settled(name: u16, tag: u64, multiple: bool) -> Vec<u8> {
    method(60, name, &[&tag.to_be_bytes()[..], &[u8::from(multiple)]].concat())
}

const PROTOCOL: &[u8] = b"AMQP\0\0\x09\x01";

/// A consumer of queue `shelf` that acknowledges, or does not have to.
fn consume(scene: &mut Scene, link: Link, worker: Thread, no_ack: bool) {
    ask(scene, link, worker, PROTOCOL);
    let arguments = [&[0, 0][..], &short("shelf"), &short("c1"), &[u8::from(no_ack) * 2], &[0; 4]].concat();
    ask(scene, link, worker, &method(60, 20, &arguments));
    hear(scene, link, worker, &method(60, 21, &short("c1")));
}

#[test]
fn a_delivered_message_is_in_hand_until_it_is_acknowledged() {
    let mut scene = Scene::new();
    let worker = scene.process(4, "worker");
    let (link, behind) = (scene.tcp(5672), scene.tcp(80));
    let stock = scene.process(5, "stock");
    consume(&mut scene, link, worker, false);
    hear(&mut scene, link, worker, &deliver(1, true));
    scene.request(behind, worker, stock, &get("/stock"));
    scene.response(behind, stock, worker, OK);
    assert_eq!(scene.pipeline.census().open_requests, 1);
    ask(&mut scene, link, worker, &settled(80, 1, false));
    // Nothing is in hand any more.
    scene.request(behind, worker, stock, &get("/late"));
    scene.response(behind, stock, worker, OK);
    assert_eq!(
        told(&mut scene),
        [
            "Consumer process shop:orders:shelf <header elsewhere>",
            "Client GET <thread process shop:orders:shelf>",
            "Server GET /stock <tcp-seq GET>",
            "Client GET",
            "Server GET /late <tcp-seq GET>",
        ]
    );
}

#[test]
fn messages_are_settled_one_by_one_or_together() {
    let mut scene = Scene::new();
    let worker = scene.process(4, "worker");
    let link = scene.tcp(5672);
    consume(&mut scene, link, worker, false);
    for tag in 1..=4 {
        hear(&mut scene, link, worker, &deliver(tag, false));
    }
    ask(&mut scene, link, worker, &settled(90, 2, false));
    assert_eq!(scene.pipeline.census().open_requests, 3);
    ask(&mut scene, link, worker, &settled(80, 3, true));
    assert_eq!(scene.pipeline.census().open_requests, 1);
    ask(&mut scene, link, worker, &settled(120, 0, true));
    let name = "Consumer process shop:orders:shelf";
    assert_eq!(told(&mut scene), [name, &format!("{name} !reject"), name, &format!("{name} !nack")]);
}

#[test]
fn a_message_that_needs_no_acknowledgement_is_over_at_once() {
    let mut scene = Scene::new();
    let worker = scene.process(4, "worker");
    let link = scene.tcp(5672);
    consume(&mut scene, link, worker, true);
    hear(&mut scene, link, worker, &deliver(1, false));
    assert_eq!(scene.pipeline.census().open_requests, 0);
    assert_eq!(told(&mut scene), ["Consumer process shop:orders:shelf"]);
}

#[test]
fn of_a_consumer_of_before_it_is_not_known_whether_it_acknowledges() {
    let mut scene = Scene::new();
    let worker = scene.process(4, "worker");
    let link = scene.tcp(5672);
    hear(&mut scene, link, worker, &deliver(7, false));
    assert_eq!(scene.pipeline.census().open_requests, 0);
    ask(&mut scene, link, worker, &settled(80, 7, false));
    hear(&mut scene, link, worker, &deliver(8, false));
    assert_eq!(scene.pipeline.census().open_requests, 1);
    ask(&mut scene, link, worker, &settled(80, 8, false));
    assert_eq!(told(&mut scene), ["Consumer process shop:orders"; 2]);
}

#[test]
fn a_publish_is_over_when_it_is_confirmed() {
    let mut scene = Scene::new();
    let front = scene.process(2, "front");
    let link = scene.tcp(5672);
    ask(&mut scene, link, front, PROTOCOL);
    ask(&mut scene, link, front, &publish(false));
    assert_eq!(scene.pipeline.census().open_requests, 0);
    ask(&mut scene, link, front, &method(85, 10, &[0]));
    hear(&mut scene, link, front, &method(85, 11, &[]));
    for _ in 0..3 {
        ask(&mut scene, link, front, &publish(true));
    }
    assert_eq!(scene.pipeline.census().open_requests, 3);
    hear(&mut scene, link, front, &settled(80, 2, true));
    let back = [&312u16.to_be_bytes()[..], &short("NO_ROUTE"), &short("shop"), &short("orders")].concat();
    hear(&mut scene, link, front, &[method(60, 50, &back), content(true), settled(80, 3, false)].concat());
    let name = "Producer publish shop:orders";
    let traced = format!("{name} <header elsewhere>");
    assert_eq!(told(&mut scene), [name, &traced, &traced, &format!("{name} !312 <header elsewhere>")]);
}

#[test]
fn the_end_of_a_broker_shows_nothing() {
    let mut scene = Scene::new();
    let (front, broker) = (scene.process(2, "front"), scene.process(3, "broker"));
    let link = scene.tcp(5672);
    scene.send(link.client, front, PROTOCOL);
    scene.receive(link.server, broker, PROTOCOL);
    scene.receive(link.server, broker, &publish(false));
    let judged = scene.pipeline.take_judgements();
    assert_eq!(judged.into_iter().map(|(_, judgement)| judgement).collect::<Vec<_>>(), [Judgement::Refused]);
    assert_eq!(told(&mut scene), Vec::<String>::new());
}

#[test]
fn the_headers_behind_a_lost_record_are_nobodys() {
    let mut scene = Scene::new();
    let worker = scene.process(4, "worker");
    let link = scene.tcp(5672);
    consume(&mut scene, link, worker, true);
    let message = deliver(1, true);
    let (announced, rest) = message.split_at(method(60, 60, &[]).len() + 29);
    scene.receive(link.client, worker, announced);
    scene.receive_seen(link.client, worker, rest, Seen::Lost);
    hear(&mut scene, link, worker, &deliver(2, false));
    assert_eq!(told(&mut scene), ["Consumer process shop:orders:shelf"]);
}

// NATS -----------------------------------------------------------------------------------------------------------------------

const INFO: &[u8] = b"INFO {\"server_id\":\"A\",\"headers\":true}\r\n";

#[test]
fn a_request_is_joined_with_who_answers_it() {
    let mut scene = Scene::new();
    let (front, worker, stock) =
        (scene.process(2, "front"), scene.process(4, "worker"), scene.process(5, "stock"));
    let (to, from, behind) = (scene.tcp(4222), scene.tcp(4222), scene.tcp(80));
    hear(&mut scene, to, front, INFO);
    hear(&mut scene, from, worker, INFO);
    ask(&mut scene, from, worker, b"SUB price.* readers 9\r\n");
    ask(&mut scene, to, front, b"PUB price.tea _INBOX.a.1 6\r\nsecret\r\n");
    hear(&mut scene, from, worker, b"MSG price.tea 9 _INBOX.a.1 6\r\nsecret\r\n");
    scene.request(behind, worker, stock, &get("/stock"));
    scene.response(behind, stock, worker, OK);
    ask(&mut scene, from, worker, b"PUB _INBOX.a.1 4\r\n9.99\r\n");
    hear(&mut scene, to, front, b"MSG _INBOX.a.1 1 4\r\n9.99\r\n");
    assert_eq!(scene.pipeline.census().open_requests, 0);
    assert_eq!(
        told(&mut scene),
        [
            "Producer request price.tea",
            "Consumer process price.tea <message request price.tea>",
            "Client GET <thread process price.tea>",
            "Server GET /stock <tcp-seq GET>",
        ]
    );
    let process = scene.span("worker", SpanKind::Consumer);
    assert_eq!(process.attribute("messaging.consumer.group.name").and_then(Value::as_str), Some("readers"));
    assert_eq!(process.parent.map(|parent| parent.evidence), Some(Evidence::Message));
}

#[test]
fn a_request_that_nobody_answers_fails_or_is_just_sent() {
    let mut scene = Scene::new();
    let front = scene.process(2, "front");
    let to = scene.tcp(4222);
    hear(&mut scene, to, front, INFO);
    ask(&mut scene, to, front, b"PUB a _INBOX.a.1 6\r\nsecret\r\n");
    hear(&mut scene, to, front, b"HMSG _INBOX.a.1 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n");
    ask(&mut scene, to, front, b"PUB b _INBOX.a.2 6\r\nsecret\r\n");
    ask(&mut scene, to, front, b"PUB $JS.API.INFO _INBOX.a.3 0\r\n\r\n");
    scene.wait(400_000_000_000);
    assert_eq!(told(&mut scene), ["Producer request a !503", "Producer request b"]);
}

#[test]
fn a_message_of_a_stream_is_over_when_it_is_acknowledged() {
    let mut scene = Scene::new();
    let worker = scene.process(4, "worker");
    let from = scene.tcp(4222);
    hear(&mut scene, from, worker, INFO);
    let headers = format!("NATS/1.0\r\ntraceparent: 00-{TRACE}-{PARENT}-01\r\n\r\n");
    let line = format!(
        "HMSG a 1 $JS.ACK.S.C.1.5.1.7.0 {} {}\r\n{headers}secret\r\n",
        headers.len(),
        headers.len() + 6
    );
    hear(&mut scene, from, worker, line.as_bytes());
    assert_eq!(scene.pipeline.census().open_requests, 1);
    ask(&mut scene, from, worker, b"PUB $JS.ACK.S.C.1.5.1.7.0 4\r\n+ACK\r\n");
    assert_eq!(scene.pipeline.census().open_requests, 0);
    assert_eq!(told(&mut scene), ["Consumer process a <header elsewhere>"]);
}

#[test]
fn a_thread_that_takes_the_next_message_has_left_the_one_before() {
    let mut scene = Scene::new();
    let worker = scene.process(4, "worker");
    let from = scene.tcp(4222);
    hear(&mut scene, from, worker, INFO);
    hear(&mut scene, from, worker, b"MSG a 1 _INBOX.a.1 6\r\nsecret\r\n");
    hear(&mut scene, from, worker, b"MSG a 1 _INBOX.a.2 6\r\nsecret\r\n");
    assert_eq!(scene.pipeline.census().open_requests, 1);
}

// MQTT -----------------------------------------------------------------------------------------------------------------------

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    assert!(body.len() < 128);
    [&[first, body.len() as u8][..], body].concat()
}

fn connect(scene: &mut Scene, link: Link, by: Thread, version: u8) {
    let properties: &[u8] = if version == 5 { &[0] } else { &[] };
    let body = [b"\0\x04MQTT", &[version, 2, 0, 60][..], properties, &text("sensor")].concat();
    ask(scene, link, by, &packet(0x10, &body));
    hear(scene, link, by, &packet(0x20, if version == 5 { &[0, 0, 0] } else { &[0, 0] }));
}

#[test]
fn a_message_of_mqtt_is_over_when_it_is_acknowledged() {
    let mut scene = Scene::new();
    let (front, worker) = (scene.process(2, "front"), scene.process(4, "worker"));
    let (to, from) = (scene.tcp(1883), scene.tcp(1883));
    connect(&mut scene, to, front, 5);
    connect(&mut scene, from, worker, 4);
    let user =
        [&[0x26][..], &text("traceparent"), &text(&String::from_utf8(traceparent()).unwrap())].concat();
    let properties = [&[user.len() as u8][..], &user].concat();
    ask(&mut scene, to, front, &packet(0x32, &[&text("a/b")[..], &[0, 7], &properties, b"x"].concat()));
    assert_eq!(scene.pipeline.census().open_requests, 1);
    hear(&mut scene, to, front, &packet(0x40, &[0, 7]));
    ask(&mut scene, to, front, &packet(0x34, &[&text("a/b")[..], &[0, 8, 0], b"x"].concat()));
    hear(&mut scene, to, front, &packet(0x50, &[0, 8, 0x87]));
    hear(&mut scene, from, worker, &packet(0x34, &[&text("a/b")[..], &[0, 1], b"x"].concat()));
    ask(&mut scene, from, worker, &packet(0x50, &[0, 1]));
    hear(&mut scene, from, worker, &packet(0x62, &[0, 1]));
    assert_eq!(scene.pipeline.census().open_requests, 1);
    ask(&mut scene, from, worker, &packet(0x70, &[0, 1]));
    assert_eq!(scene.pipeline.census().open_requests, 0);
    assert_eq!(
        told(&mut scene),
        ["Producer publish a/b <header elsewhere>", "Producer publish a/b !135", "Consumer process a/b"]
    );
    let published = scene.span("worker", SpanKind::Consumer);
    assert_eq!(published.attribute("messaging.message.body.size"), Some(&Value::Int(1)));
}
