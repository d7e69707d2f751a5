//! Trace context that the kernel side wrote into a request.

use tracer_user::{
    spans::span::{Evidence, SpanKind},
    telemetry::drops::Drop,
};

use crate::{
    frames::{frame, get as get2},
    http2::{STATUS_200, WHOLE, answer, connected},
    records,
    scene::{OK, Scene, get},
};

const TRACE: [u8; 16] = [0x11; 16];
const SPAN: [u8; 8] = [0x22; 8];
const VALUE: &str = "00-11111111111111111111111111111111-2222222222222222-01";

fn other(trace: char, span: char) -> String {
    format!("00-{}-{}-01", trace.to_string().repeat(32), span.to_string().repeat(16))
}

#[test]
fn the_span_has_the_ids_on_the_wire() {
    let mut scene = Scene::new();
    let (curl, web) = (scene.process(100, "curl"), scene.process(200, "web"));
    let link = scene.tcp(8080);
    scene.request_written(link, curl, web, &get("/a"), VALUE);
    scene.response(link, web, curl, OK);
    scene.exchange(link, curl, web, "/b");
    assert_eq!(
        scene.outline(),
        "curl > GET 200\n  web < GET /a 200 [tcp-seq]\ncurl > GET 200\n  web < GET /b 200 [tcp-seq]\n",
        "both ends agree on where requests start, also behind what was added"
    );
    let spans = scene.spans();
    let first = spans.iter().find(|span| span.span_id == SPAN).expect("the span named on the wire");
    assert_eq!(
        (first.kind, first.trace_id, first.parent.is_none(), first.flags),
        (SpanKind::Client, TRACE, true, 1)
    );
    assert_eq!(
        spans.iter().filter(|span| span.trace_id == TRACE).count(),
        2,
        "the second request is another trace"
    );
}

/// Far away only the header tells; the receiving end is bound by it.
#[test]
fn a_call_belongs_to_the_request_in_hand_and_its_trace() {
    let mut scene = Scene::new();
    let (web, back) = (scene.process(200, "web"), scene.remote(9000));
    let front = scene.called_from_elsewhere(8080);
    scene.receive(front, web, get("/a").as_bytes());
    scene.send_written(back, web, &get("/x"), VALUE, 70);
    scene.receive(back, web, OK.as_bytes());
    scene.send(front, web, OK.as_bytes());
    assert_eq!(scene.outline(), "web < GET /a 200\n  web > GET 200 [thread]\n");
    assert!(scene.spans().iter().all(|span| span.trace_id == TRACE));
}

/// What is on the wire cannot be taken back: calls in two traces are not put into one.
#[test]
fn two_traces_on_the_wire_stay_two() {
    let mut scene = Scene::new();
    let web = scene.process(200, "web");
    let front = scene.called_from_elsewhere(8080);
    scene.receive(front, web, get("/a").as_bytes());
    for (trace, span) in [('1', '2'), ('3', '4')] {
        let back = scene.remote(9000);
        scene.send_written(back, web, &get("/x"), &other(trace, span), 70);
        scene.receive(back, web, OK.as_bytes());
    }
    scene.send(front, web, OK.as_bytes());
    let spans = scene.spans();
    let joined = |span: &[u8; 8]| {
        let span = spans.iter().find(|found| found.span_id == *span).unwrap();
        (span.trace_id[0], span.parent.map(|parent| parent.evidence))
    };
    assert_eq!(joined(&[0x22; 8]), (0x11, Some(Evidence::Thread)));
    assert_eq!(joined(&[0x44; 8]), (0x33, None));
}

/// Two requests in one write: the line is in the first one, and the second one lies behind it.
#[test]
fn a_request_behind_a_written_one_is_joined() {
    let mut scene = Scene::new();
    let (curl, web) = (scene.process(100, "curl"), scene.process(200, "web"));
    let link = scene.tcp(8080);
    scene.request_written(link, curl, web, &(get("/a") + &get("/b")), VALUE);
    scene.response(link, web, curl, OK);
    scene.response(link, web, curl, OK);
    assert_eq!(
        scene.outline(),
        "curl > GET 200\n  web < GET /a 200 [tcp-seq]\ncurl > GET 200\n  web < GET /b 200 [tcp-seq]\n"
    );
}

/// The head comes in pieces, the first of which holds the line.
#[test]
fn a_second_head_that_is_cut_behind_a_written_one() {
    let mut scene = Scene::new();
    let (curl, web) = (scene.process(100, "curl"), scene.process(200, "web"));
    let link = scene.tcp(8080);
    let (front, rest) = (get("/a") + "GET /b HTT", "P/1.1\r\n\r\n");
    scene.request_written(link, curl, web, &front, VALUE);
    scene.send(link.client, curl, rest.as_bytes());
    scene.receive(link.server, web, rest.as_bytes());
    scene.response(link, web, curl, OK);
    scene.response(link, web, curl, OK);
    assert_eq!(
        scene.outline(),
        "curl > GET 200\n  web < GET /a 200 [tcp-seq]\ncurl > GET 200\n  web < GET /b 200 [tcp-seq]\n"
    );
}

#[test]
fn a_value_that_is_none_is_counted_and_changes_nothing() {
    let mut scene = Scene::new();
    let (curl, web) = (scene.process(100, "curl"), scene.process(200, "web"));
    let link = scene.tcp(8080);
    scene.exchange(link, curl, web, "/a");
    scene.emit(&records::written(&other('0', '0'), 0, 70, 100, scene.now_ns, 1));
    scene.exchange(link, curl, web, "/b");
    assert_eq!(scene.drops(Drop::MalformedRecord), 1);
    assert_eq!(
        scene.outline(),
        "curl > GET 200\n  web < GET /a 200 [tcp-seq]\ncurl > GET 200\n  web < GET /b 200 [tcp-seq]\n"
    );
}

/// HTTP/2: three requests in one segment, reported in one piece, with a field in the second one. All three are joined with the other end, which
/// reads them where they are on the wire.
#[test]
fn requests_around_a_written_one_are_joined() {
    let mut scene = Scene::new();
    let (curl, web) = (scene.process(100, "curl"), scene.process(200, "web"));
    let link = connected(&mut scene, 8080, (curl, web));
    let field = [&b"\x10\x0btraceparent\x37"[..], VALUE.as_bytes()].concat();
    let requests = ["/a", "/b", "/c"].map(get2);
    let sent: Vec<_> = requests.iter().zip([1, 3, 5]).map(|(block, id)| frame(1, WHOLE, id, block)).collect();
    let mut received = sent.clone();
    received[1] = frame(1, WHOLE, 3, &[&requests[1][..], &field].concat());
    scene.send_written_at(link.client, curl, &sent.concat(), sent[0].len() as u32, VALUE, field.len() as u32);
    scene.receive(link.server, web, &received.concat());
    for stream in [1, 3, 5] {
        answer(&mut scene, link, (curl, web), &frame(1, WHOLE, stream, STATUS_200));
    }
    assert_eq!(
        scene.outline(),
        "curl > GET 200\n  web < GET /a 200 [tcp-seq]\ncurl > GET 200\n  web < GET /b 200 [tcp-seq]\n\
         curl > GET 200\n  web < GET /c 200 [tcp-seq]\n",
    );
    let written = scene.spans().iter().find(|span| span.span_id == SPAN).expect("the span named on the wire");
    assert_eq!((written.kind, written.trace_id), (SpanKind::Client, TRACE));
    assert_eq!(scene.spans().iter().filter(|span| span.trace_id == TRACE).count(), 2);
}
