//! gRPC: what calls become.

use tracer_user::spans::span::{SpanKind, Status};

use crate::{
    frames::{END_HEADERS, END_STREAM, frame, literal},
    http2::{STATUS_200, WHOLE, answer, ask, connected},
    scene::{Link, STEP_NS, Scene, Thread},
};

const CALL: &[u8] = b"\x00\x00\x00\x00\x02hi";

/// The block of a call's request.
fn call(method: &str) -> Vec<u8> {
    [
        &[0x83, 0x86][..],
        &literal(":path", method, false),
        &literal(":authority", "greeter.example:50051", false),
        &literal("content-type", "application/grpc+proto", false),
        &literal("te", "trailers", false),
    ]
    .concat()
}

fn trailers(status: &str) -> Vec<u8> {
    literal("grpc-status", status, true)
}

fn connection(scene: &mut Scene) -> (Link, (Thread, Thread)) {
    let between = (scene.process(100, "client"), scene.process(200, "greeter"));
    (connected(scene, 50051, between), between)
}

#[test]
fn a_unary_call() {
    let mut scene = Scene::new();
    let (link, between) = connection(&mut scene);
    let request = [frame(1, END_HEADERS, 1, &call("/hello.Greeter/SayHello")), frame(0, END_STREAM, 1, CALL)];
    ask(&mut scene, link, between, &request.concat());
    answer(&mut scene, link, between, &frame(1, END_HEADERS, 1, STATUS_200));
    answer(&mut scene, link, between, &frame(0, 0, 1, CALL));
    answer(&mut scene, link, between, &frame(1, WHOLE, 1, &trailers("0")));
    assert_eq!(
        scene.outline(),
        "client > hello.Greeter/SayHello OK\n  greeter < hello.Greeter/SayHello OK [tcp-seq]\n"
    );
    let client = scene.span("client", SpanKind::Client);
    let mut attributes: Vec<_> = client.attributes.iter().map(|(key, _)| *key).collect();
    attributes.sort_unstable();
    assert_eq!(
        attributes,
        [
            "network.peer.address",
            "network.peer.port",
            "network.protocol.version",
            "rpc.method",
            "rpc.status_code",
            "rpc.system.name",
            "server.address",
            "server.port",
        ]
    );
    assert_eq!(client.attribute("server.address").and_then(|value| value.as_str()), Some("greeter.example"));
    assert_eq!(client.status, Status::Unset);
}

#[test]
fn the_trailers_end_a_stream_of_messages() {
    let mut scene = Scene::new();
    let (link, between) = connection(&mut scene);
    ask(&mut scene, link, between, &frame(1, END_HEADERS, 1, &call("/hello.Greeter/Chat")));
    answer(&mut scene, link, between, &frame(1, END_HEADERS, 1, STATUS_200));
    for _ in 0..5 {
        ask(&mut scene, link, between, &frame(0, 0, 1, CALL));
        answer(&mut scene, link, between, &frame(0, 0, 1, CALL));
    }
    ask(&mut scene, link, between, &frame(0, END_STREAM, 1, &[]));
    answer(&mut scene, link, between, &frame(1, WHOLE, 1, &trailers("0")));
    // Two steps for each thing that is sent and received.
    assert_eq!(scene.span("client", SpanKind::Client).duration_ns(), 27 * STEP_NS);
    assert_eq!(scene.span("greeter", SpanKind::Server).duration_ns(), 25 * STEP_NS);
}

#[test]
fn what_counts_as_an_error_differs_by_side() {
    let mut scene = Scene::new();
    let (link, between) = connection(&mut scene);
    for (place, status) in ["5", "13"].into_iter().enumerate() {
        let stream = 2 * place as u32 + 1;
        ask(&mut scene, link, between, &frame(1, WHOLE, stream, &call("/hello.Greeter/Find")));
        // Trailers only.
        let head =
            [STATUS_200, &literal("content-type", "application/grpc", false), &trailers(status)].concat();
        answer(&mut scene, link, between, &frame(1, WHOLE, stream, &head));
    }
    assert_eq!(
        scene.outline(),
        "client > hello.Greeter/Find NOT_FOUND !NOT_FOUND\n  greeter < hello.Greeter/Find NOT_FOUND [tcp-seq]\n\
         client > hello.Greeter/Find INTERNAL !INTERNAL\n  greeter < hello.Greeter/Find INTERNAL !INTERNAL [tcp-seq]\n"
    );
}

#[test]
fn cancelled_calls_and_answers_that_are_no_grpc() {
    let mut scene = Scene::new();
    let (link, between) = connection(&mut scene);
    ask(&mut scene, link, between, &frame(1, WHOLE, 1, &call("/hello.Greeter/Wait")));
    ask(&mut scene, link, between, &frame(3, 0, 1, &[0, 0, 0, 8]));
    ask(&mut scene, link, between, &frame(1, WHOLE, 3, &call("/not/a/method/")));
    answer(&mut scene, link, between, &frame(1, WHOLE, 3, &literal(":status", "503", false)));
    assert_eq!(
        scene.outline(),
        "client > hello.Greeter/Wait !CANCEL\n  greeter < hello.Greeter/Wait !CANCEL [tcp-seq]\n\
         client > grpc !503\n  greeter < grpc !503 [tcp-seq]\n"
    );
}

#[test]
fn a_server_hands_its_calls_to_other_threads() {
    let mut scene = Scene::new();
    let (link, between) = connection(&mut scene);
    let back = scene.process(300, "back");
    let onward = connected(&mut scene, 6000, (between.1, back));
    ask(&mut scene, link, between, &frame(1, WHOLE, 1, &call("/hello.Greeter/SayHello")));
    // The thread that read the call sends another: for whom, nothing tells.
    ask(&mut scene, onward, (between.1, back), &frame(1, WHOLE, 1, &call("/back.Store/Get")));
    answer(
        &mut scene,
        onward,
        (between.1, back),
        &frame(1, WHOLE, 1, &[STATUS_200, &trailers("0")].concat()),
    );
    answer(&mut scene, link, between, &frame(1, WHOLE, 1, &[STATUS_200, &trailers("0")].concat()));
    assert_eq!(
        scene.outline(),
        "client > hello.Greeter/SayHello OK\n  greeter < hello.Greeter/SayHello OK [tcp-seq]\n\
         greeter > back.Store/Get OK\n  back < back.Store/Get OK [tcp-seq]\n"
    );
}

#[test]
fn grpc_web_is_named_after_its_method() {
    let mut scene = Scene::new();
    let (client, greeter) = (scene.process(100, "client"), scene.process(200, "greeter"));
    let link = scene.tcp(8080);
    let call = "POST /hello.Greeter/SayHello HTTP/1.1\r\nHost: a.example\r\nContent-Type: application/grpc-web+proto\r\nContent-Length: 2\r\n\r\nhi";
    scene.request(link, client, greeter, call);
    scene.response(link, greeter, client, "HTTP/1.1 200 OK\r\ngrpc-status: 7\r\nContent-Length: 0\r\n\r\n");
    scene.request(link, client, greeter, call);
    // The status is in the body, which is not read.
    scene.response(link, greeter, client, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody");
    assert_eq!(
        scene.outline(),
        "client > hello.Greeter/SayHello PERMISSION_DENIED !PERMISSION_DENIED\n  \
         greeter < hello.Greeter/SayHello PERMISSION_DENIED [tcp-seq]\n\
         client > hello.Greeter/SayHello\n  greeter < hello.Greeter/SayHello [tcp-seq]\n"
    );
}
