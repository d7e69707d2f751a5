//! A ClickHouse that misbehaves. Among the tests of engines are those with its real engine.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    thread,
    time::Duration,
};

use serde_json::json;

use crate::{
    child,
    support::{Running, now_ns, of_service, request, span, trace_hex, wait_until},
};

/// Answers every request with these bytes, and closes; with none, it leaves requests unanswered.
fn backend(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            if answer.is_empty() {
                held.push(stream);
            } else {
                let _ = stream.write_all(answer);
            }
        }
    });
    address
}

fn server(address: SocketAddr, block_spans: usize) -> Running {
    Running::start(|settings| {
        settings.limits.block_age = Duration::from_millis(50);
        settings.limits.block_spans = block_spans;
        settings.limits.clickhouse = Some(child::clickhouse(&format!("http://{address}")));
    })
}

fn send(server: &Running, trace: u8) {
    server.send(request(vec![of_service("s", vec![span(trace, 1, 0, "one", now_ns(), 0, 5)])]));
}

#[test]
fn bad_answers_are_told_and_nothing_is_lost() {
    let cases: [(&[u8], &str); 4] = [
        (
            b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 15\r\n\r\nCode: 241. Much",
            "refused with 500",
        ),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nnonsens", "cannot be read"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 700\r\n\r\ncut", "cannot be read"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not answer"),
    ];
    for (answer, told) in cases {
        let server = server(backend(answer), 1000);
        send(&server, 1);
        wait_until(told, || {
            let error = server.json("/api/v1/status")["store"]["clickhouse"]["last_error"].clone();
            error.as_str().is_some_and(|error| error.contains(told))
        });
        let found = server.json("/api/v1/traces");
        assert_eq!(
            (&found["partial"], &found["traces"][0]["trace_id"]),
            (&json!(true), &json!(trace_hex(1))),
            "{told}"
        );
    }
}

#[test]
fn one_that_never_answers_holds_nobody_up_for_ever() {
    let server = server(backend(b""), 1000);
    send(&server, 1);
    let found = server.json("/api/v1/traces");
    assert_eq!((&found["partial"], found["traces"].as_array().unwrap().len()), (&json!(true), 1));
}

#[test]
fn what_waits_is_bounded_and_refused_beyond() {
    let server = server(backend(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"), 2);
    let body = |trace| {
        use prost::Message as _;
        request(vec![of_service("s", vec![span(trace, 1, 0, "one", now_ns(), 0, 5)])]).encode_to_vec()
    };
    let headers = [("content-type", "application/x-protobuf")];
    let answers: Vec<_> = (1..=20).map(|trace| server.post(&headers, &body(trace))).collect();
    let taken = answers.iter().filter(|answer| answer.status == 200).count() as u64;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert!(taken >= 4 && taken + refused.len() as u64 == 20, "{taken}");
    assert!(
        refused[0].text().contains("ClickHouse has not taken what waits for it"),
        "{}",
        refused[0].text()
    );
    assert_eq!(server.lost("not_written"), refused.len() as u64);
    assert_eq!(server.json("/api/v1/status")["store"]["spans_in_memory"], taken);
    assert_eq!(server.json("/api/v1/traces?count=true")["total"], taken);
}
