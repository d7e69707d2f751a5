//! Rules that fire, those who are told, and silences.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use serde_json::{Value, json};
use tracer_server::Rules;

use crate::support::{Running, exchange, failed, now_ns, of_service, request, span, trace_hex};

/// A receiver of JSON: its address, and every body that it was sent.
fn receiver() -> (SocketAddr, Receiver<Value>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, bodies) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut bytes = Vec::new();
            let mut buffer = [0; 4096];
            let body = loop {
                let read = stream.read(&mut buffer).unwrap();
                bytes.extend_from_slice(&buffer[..read]);
                let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
                if let Ok(body) = serde_json::from_slice::<Value>(&bytes[at + 4..]) {
                    break body;
                }
            };
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            if sender.send(body).is_err() {
                return;
            }
        }
    });
    (address, bodies)
}

/// A server that tells a webhook of services that fail.
fn start(webhook: SocketAddr) -> Running {
    let text = format!(
        "rules:\n- {{name: ManyErrors, severity: page, if: {{error_ratio: {{above: 0.5, over: 10m, min_calls: 2}}}}}}\n\
         notify:\n- webhook: {{url: 'http://{webhook}/told'}}\n"
    );
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("rules.yaml");
    std::fs::write(&file, text).unwrap();
    Running::start(|settings| settings.rules = Rules::read(&file).unwrap())
}

/// Two of three calls of a service failed a while ago.
fn send_failures(server: &Running, service: &str, trace: u8) {
    let base = now_ns() - 60_000_000_000;
    let spans = vec![
        failed(span(trace, 1, 0, "GET /a", base, 0, 5)),
        failed(span(trace, 2, 0, "GET /b", base, 1, 5)),
        span(trace, 3, 0, "GET /c", base, 2, 5),
    ];
    server.send(request(vec![of_service(service, spans)]));
}

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const PATIENCE: Duration = Duration::from_mins(1);

#[test]
fn who_is_to_be_told_is_told_with_an_example() {
    let (webhook, bodies) = receiver();
    let server = start(webhook);
    send_failures(&server, "shop", 7);
    let told = bodies.recv_timeout(PATIENCE).expect("a notice");
    let alert = &told["alerts"][0];
    assert_eq!(alert["rule"], "ManyErrors");
    assert_eq!(alert["state"], "firing");
    assert_eq!(alert["labels"], json!({"alertname": "ManyErrors", "service": "shop", "severity": "page"}));
    assert_eq!(alert["summary"], "shop: 66.6667 % of calls failed over 10m, above 50 %.");
    assert_eq!(alert["example_trace_ids"], json!([trace_hex(7)]));
    let shown = server.json("/api/v1/alerts?state=firing");
    assert_eq!(shown["alerts"].as_array().unwrap().len(), 1);
    assert_eq!(shown["alerts"][0]["silenced_by"], Value::Null);
    assert_eq!(server.lost("unnotified"), 0);
}

#[test]
fn of_what_is_silenced_nobody_is_told() {
    let (webhook, bodies) = receiver();
    let server = start(webhook);
    let body = json!({"matchers": {"service": "sh*"}, "lasts": "1h", "comment": "known"}).to_string();
    let answer = exchange(server.addresses.query, "POST", "/api/v1/alerts/silences", JSON, body.as_bytes());
    assert_eq!((answer.status, answer.json()), (201, json!({"id": 1})));
    send_failures(&server, "shop", 7);
    send_failures(&server, "stock", 8);
    // One message for both would name both.
    let told = bodies.recv_timeout(PATIENCE).expect("a notice");
    let services: Vec<&Value> =
        told["alerts"].as_array().unwrap().iter().map(|alert| &alert["service"]).collect();
    assert_eq!(services, ["stock"]);
    let shown = server.json("/api/v1/alerts");
    let silenced =
        shown["alerts"].as_array().unwrap().iter().find(|alert| alert["service"] == "shop").unwrap();
    assert_eq!((&silenced["state"], &silenced["silenced_by"]), (&json!("firing"), &json!(1)));
    assert_eq!(shown["silences"][0]["comment"], "known");
    // What is not silenced any more is told of.
    let delete = |id: &str| {
        exchange(server.addresses.query, "DELETE", &format!("/api/v1/alerts/silences/{id}"), &[], &[]).status
    };
    assert_eq!(["x", "9", "1", "1"].map(delete), [404, 404, 204, 404]);
    let told = bodies.recv_timeout(PATIENCE).expect("a notice");
    assert_eq!(told["alerts"][0]["service"], "shop");
}

#[test]
fn bodies_that_make_no_sense_are_refused() {
    let (webhook, _) = receiver();
    let server = start(webhook);
    let good = br#"{"matchers": {"a": "b"}, "lasts": "1h"}"#;
    let untyped = exchange(server.addresses.query, "POST", "/api/v1/alerts/silences", &[], good);
    assert_eq!(untyped.status, 400, "a page of another site may send this");
    for body in [
        "",
        "[]",
        "{\"matchers\": {}, \"lasts\": \"1h\"}",
        "{\"matchers\": {\"a\": \"b\"}, \"lasts\": \"soon\"}",
    ] {
        let answer =
            exchange(server.addresses.query, "POST", "/api/v1/alerts/silences", JSON, body.as_bytes());
        assert_eq!((answer.status, &answer.json()["error"]["reason"]), (400, &json!("bad_body")), "{body}");
    }
}
