//! Processes that report their own spans.

use tracer_user::{
    config::{Config, Environment, Flags, combine},
    telemetry::drops::Drop,
};

use crate::{
    frames::{END_HEADERS, END_STREAM, frame, literal},
    http2::connected,
    scene::{Link, OK, Scene, Thread, get},
};

const EXPORT: &str = "POST /otlp/v1/traces HTTP/1.1\r\nHost: backend\r\nContent-Length: 0\r\n\r\n";

/// curl asks `app`, which asks `back`.
struct Chain {
    scene: Scene,
    curl: Thread,
    app: Thread,
    back: Thread,
    front: Link,
    call: Link,
}

impl Chain {
    fn with(config: &Config) -> Self {
        let mut scene = Scene::with(config);
        let (curl, app, back) =
            (scene.process(100, "curl"), scene.process(200, "app"), scene.process(300, "back"));
        let (front, call) = (scene.tcp(80), scene.tcp(8000));
        Self { scene, curl, app, back, front, call }
    }

    fn new() -> Self {
        Self::with(&Config::default())
    }

    fn export(&mut self) {
        let backend = self.scene.remote(4318);
        self.scene.send(backend, self.app, EXPORT.as_bytes());
        self.scene.receive(backend, self.app, OK.as_bytes());
    }

    fn request(&mut self) {
        self.scene.request(self.front, self.curl, self.app, &get("/a"));
        self.scene.exchange(self.call, self.app, self.back, "/a");
        self.scene.response(self.front, self.app, self.curl, OK);
    }
}

const WITHOUT_APP: &str = "curl > GET 200\n  back < GET /a 200 [thread]\n";
const WITH_APP: &str = "curl > GET 200\n  app < GET /a 200 [tcp-seq]\n    app > GET 200 [thread]\n      back < GET /a 200 [tcp-seq]\n";

#[test]
fn what_it_does_is_a_link_and_no_span() {
    let mut chain = Chain::new();
    chain.export();
    chain.request();
    assert_eq!(chain.scene.outline(), WITHOUT_APP);
    assert_eq!(chain.scene.drops(Drop::Instrumented), 3);
    assert_eq!(chain.scene.drops(Drop::Excluded), 0);
    assert_eq!(chain.scene.settled().waiting_spans, 0);
}

#[test]
fn over_grpc() {
    let mut chain = Chain::new();
    let backend = chain.scene.process(400, "backend");
    let link = connected(&mut chain.scene, 4317, (chain.app, backend));
    let block = [
        &[0x83, 0x86][..],
        &literal(":path", "/opentelemetry.proto.collector.trace.v1.TraceService/Export", false),
        &literal("content-type", "application/grpc", false),
    ];
    chain.scene.send(link.client, chain.app, &frame(1, END_HEADERS | END_STREAM, 1, &block.concat()));
    chain.request();
    assert_eq!(chain.scene.outline(), WITHOUT_APP);
}

#[test]
fn a_request_that_is_in_hand_at_the_first_export() {
    let mut chain = Chain::new();
    chain.scene.request(chain.front, chain.curl, chain.app, &get("/a"));
    chain.scene.exchange(chain.call, chain.app, chain.back, "/a");
    let exporter = chain.app.sibling(1);
    let backend = chain.scene.remote(4318);
    chain.scene.send(backend, exporter, EXPORT.as_bytes());
    chain.scene.response(chain.front, chain.app, chain.curl, OK);
    // The call was over before.
    assert_eq!(
        chain.scene.outline(),
        "curl > GET 200\n  app > GET 200 [thread]\n    back < GET /a 200 [tcp-seq]\n"
    );
}

#[test]
fn a_collector_sends_the_spans_of_others() {
    let mut chain = Chain::new();
    let from_elsewhere = chain.scene.called_from_elsewhere(4318);
    chain.export();
    chain.scene.receive(from_elsewhere, chain.app, EXPORT.as_bytes());
    chain.scene.send(from_elsewhere, chain.app, OK.as_bytes());
    chain.export();
    chain.request();
    assert!(chain.scene.outline().ends_with(WITH_APP), "{}", chain.scene.outline());
}

#[test]
fn reading_traces_is_not_sending_them() {
    let mut chain = Chain::new();
    let backend = chain.scene.remote(16686);
    chain.scene.send(backend, chain.app, get("/v1/traces").as_bytes());
    chain.request();
    assert!(chain.scene.outline().ends_with(WITH_APP), "{}", chain.scene.outline());
    assert_eq!(chain.scene.drops(Drop::Instrumented), 0);
}

#[test]
fn another_program_with_its_process_id() {
    let mut chain = Chain::new();
    chain.export();
    chain.app = chain.scene.process(200, "app");
    chain.request();
    assert_eq!(chain.scene.outline(), WITH_APP);
}

/// An id that the kernel side wrote into a request names a span, which has to be there.
#[test]
fn a_call_that_carries_its_id_is_a_span() {
    const VALUE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut chain = Chain::new();
    chain.export();
    chain.scene.request_written(chain.call, chain.app, chain.back, &get("/a"), VALUE);
    chain.scene.response(chain.call, chain.back, chain.app, OK);
    assert_eq!(chain.scene.outline(), "app > GET 200\n  back < GET /a 200 [tcp-seq]\n");
}

#[test]
fn it_may_be_traced_like_any_other() {
    let flags = Flags { set: vec!["traces.instrumented=trace".into()], ..Flags::default() };
    let mut chain = Chain::with(&combine(None, &flags, &Environment::default()).unwrap());
    chain.export();
    chain.request();
    assert!(chain.scene.outline().ends_with(WITH_APP), "{}", chain.scene.outline());
    assert_eq!(chain.scene.drops(Drop::Instrumented), 0);
}
