//! Lost records: what is touched by a loss says so, and nothing is matched wrongly because of it.

use tracer_common::event::CloseKind;
use tracer_user::telemetry::drops::Drop;

use crate::{
    records::{self, Segment},
    scene::{OK, Scene, Seen, get},
};

/// A server of which only its own end is seen.
fn server() -> (Scene, usize, crate::scene::Thread) {
    let mut scene = Scene::new();
    let web = scene.process(200, "web");
    let socket = scene.tcp(8080).server;
    (scene, socket, web)
}

fn answer(status: u16) -> String {
    format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n")
}

#[test]
fn a_lost_piece_of_body_marks_the_span_alone() {
    let (mut scene, socket, web) = server();
    scene.receive(socket, web, get("/a").as_bytes());
    scene.send(socket, web, b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n");
    for seen in [Seen::All, Seen::Lost, Seen::All] {
        scene.send_seen(socket, web, &[b'x'; 100], seen);
    }
    scene.receive(socket, web, get("/b").as_bytes());
    scene.send(socket, web, answer(404).as_bytes());
    assert_eq!(scene.outline(), "web < GET /a 200 ~\nweb < GET /b 404\n");
    assert_eq!(scene.drops(Drop::LostRecord), 1);
}

/// As by io_uring: that the answer was not seen is no failure of the service's.
#[test]
fn an_answer_that_is_seen_by_length_alone_is_no_failure() {
    let mut scene = Scene::new();
    let (curl, web) = (scene.process(100, "curl"), scene.process(200, "web"));
    let link = scene.tcp(8080);
    scene.request(link, curl, web, &get("/a"));
    scene.send(link.server, web, answer(200).as_bytes());
    scene.receive_seen(link.client, curl, answer(200).as_bytes(), Seen::Length);
    scene.close(link.client, CloseKind::Sent, 0);
    scene.close(link.client, CloseKind::Gone, 0);
    assert_eq!(scene.outline(), "curl > GET ~\n  web < GET /a 200 [tcp-seq]\n");
}

#[test]
fn a_lost_answer_is_not_replaced_by_the_next() {
    let (mut scene, socket, web) = server();
    for (path, status, seen) in
        [("/a", 200, Seen::All), ("/b", 500, Seen::Lost), ("/c", 404, Seen::All), ("/d", 201, Seen::All)]
    {
        scene.receive(socket, web, get(path).as_bytes());
        scene.send_seen(socket, web, answer(status).as_bytes(), seen);
    }
    assert_eq!(scene.outline(), "web < GET /a 200\nweb < GET /b ~\nweb < GET /c 404\nweb < GET /d 201\n");
    assert_eq!(scene.settled().open_requests, 0);
}

#[test]
fn an_answer_that_lost_its_head_is_not_replaced_by_the_next() {
    let (mut scene, socket, web) = server();
    scene.receive(socket, web, get("/a").as_bytes());
    scene.send_seen(socket, web, b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n", Seen::Lost);
    scene.send(socket, web, b"the body");
    for (path, status) in [("/b", 404), ("/c", 201)] {
        scene.receive(socket, web, get(path).as_bytes());
        scene.send(socket, web, answer(status).as_bytes());
    }
    assert_eq!(scene.outline(), "web < GET /a ~\nweb < GET /b 404\nweb < GET /c 201\n");
}

#[test]
fn a_lost_request_leaves_an_answer_over() {
    let (mut scene, socket, web) = server();
    for (path, seen) in [("/a", Seen::All), ("/b", Seen::Lost), ("/c", Seen::All)] {
        scene.receive_seen(socket, web, get(path).as_bytes(), seen);
        scene.send(socket, web, OK.as_bytes());
    }
    assert_eq!(scene.outline(), "web < GET /a 200\nweb < GET /c 200\n");
    assert_eq!(scene.drops(Drop::ResponseWithoutRequest), 1);
}

#[test]
fn a_connection_that_pipelines_is_left_alone_after_a_loss() {
    let (mut scene, socket, web) = server();
    scene.receive(socket, web, [get("/a"), get("/b"), get("/c"), get("/d")].concat().as_bytes());
    for (status, seen) in [(200, Seen::All), (500, Seen::Lost), (404, Seen::All), (201, Seen::All)] {
        scene.send_seen(socket, web, answer(status).as_bytes(), seen);
    }
    scene.receive(socket, web, get("/e").as_bytes());
    scene.send(socket, web, answer(202).as_bytes());
    assert_eq!(scene.outline(), "web < GET /a 200\nweb < GET /b ~\nweb < GET /c ~\nweb < GET /d ~\n");
    assert_eq!(scene.drops(Drop::OrderLost), 1);
}

#[test]
fn what_is_lost_at_the_end_is_no_error_of_the_service() {
    let (mut scene, socket, web) = server();
    scene.receive(socket, web, get("/a").as_bytes());
    scene.send_seen(socket, web, OK.as_bytes(), Seen::Lost);
    scene.close(socket, CloseKind::Sent, 0);
    scene.close(socket, CloseKind::Gone, 0);
    assert_eq!(scene.outline(), "web < GET /a ~\n");
    assert_eq!(scene.drops(Drop::LostRecord), 1);
}

#[test]
fn a_connection_whose_description_was_lost_is_traced_all_the_same() {
    let mut scene = Scene::new();
    for (number, sent, bytes) in [(0, false, get("/a")), (0, true, OK.to_owned())] {
        let record = records::data(&Segment {
            sent,
            tgid: 200,
            tid: 200,
            time_ns: scene.now_ns,
            conn: 77,
            number,
            len: bytes.len() as u32,
            front: bytes.as_bytes(),
            ..Segment::default()
        });
        scene.emit(&record);
        scene.wait(1);
    }
    let spans = scene.spans();
    assert_eq!(spans.len(), 1);
    assert!(spans[0].attribute("network.peer.address").is_none());
}

#[test]
fn a_description_that_comes_late_is_taken_up() {
    let mut scene = Scene::new();
    let (web, link) = (scene.process(200, "web"), scene.tcp(8080));
    // Another thread's record, stamped earlier, overtook the description.
    let record = records::data(&Segment {
        tgid: 200,
        tid: 201,
        time_ns: scene.now_ns,
        conn: 2,
        len: 9,
        position: u32::MAX - 100,
        front: b"GET /a HT",
        ..Segment::default()
    });
    scene.emit(&record);
    scene.skip(link.server, 9);
    scene.receive(link.server, web, b"TP/1.1\r\n\r\n");
    scene.send(link.server, web, OK.as_bytes());
    assert_eq!(scene.outline(), "web < GET /a 200\n");
    assert!(scene.spans()[0].attribute("network.peer.address").is_some());
}

#[test]
fn records_that_make_no_sense_are_counted() {
    let mut scene = Scene::new();
    scene.pipeline.record(&[]);
    scene.pipeline.record(&[0; 64]);
    assert_eq!(scene.drops(Drop::MalformedRecord), 2);
}

#[test]
fn a_full_connection_table_forgets_the_oldest() {
    let mut scene = Scene::new();
    let web = scene.process(200, "web");
    for _ in 0..65_537 {
        let socket = scene.remote(80);
        scene.send(socket, web, get("/a").as_bytes());
        scene.now_ns -= 999_000;
    }
    assert_eq!(scene.drops(Drop::ConnectionEvicted), 1);
    assert_eq!(scene.pipeline.census().connections, 65_536);
    assert_eq!(scene.pipeline.census().open_requests, 65_536);
}
