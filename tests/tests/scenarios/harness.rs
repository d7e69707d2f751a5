//! The harness itself, without the daemon: a scenario that passes must mean something.

use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, span::SpanKind},
};
use prost::Message as _;
use tracer_tests::{
    apps::{Upstream, curl, flask_front, nginx, node, oddserver, threaded_backend},
    client::Client,
    ports::free_port,
    receiver::{Receiver, Transport},
    scenario::Scenario,
    service::Listens,
    tree::assert_trees,
};

fn request() -> ExportTraceServiceRequest {
    let text = |key: &str, text: &str| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(Value::StringValue(text.to_owned())) }),
        ..KeyValue::default()
    };
    let span = Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: "GET /harness/{id}".into(),
        kind: SpanKind::Server as i32,
        attributes: vec![text("url.path", "/harness/1")],
        ..Span::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![text("service.name", "sender")],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }],
    }
}

const TREE: &str = r#"SERVER sender "GET /harness/{id}""#;

#[test]
fn the_receiver_keeps_what_comes_by_grpc() {
    let receiver = Receiver::start();
    let endpoint = receiver.endpoint();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        TraceServiceClient::connect(endpoint).await.unwrap().export(request()).await.unwrap();
    });
    assert_trees(&receiver.wait_for("/harness", 1), TREE);
}

#[test]
fn the_receiver_keeps_what_comes_by_http() {
    let receiver = Receiver::start_on(Transport::Http, free_port());
    let body = request().encode_to_vec();
    let mut client = Client::connect(([127, 0, 0, 1], receiver.port()).into());
    client.send(format!(
        "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ));
    client.send(body);
    assert_eq!(client.response().status, 200);
    assert_trees(&receiver.spans_under("/harness"), TREE);
}

#[test]
fn the_services_work_without_the_daemon() {
    let scenario = Scenario::start("harness-services");
    let backend = threaded_backend(&scenario, None);
    let middle = threaded_backend(&scenario, Some(&backend));
    let flask = flask_front(&scenario, &middle, Listens::port(free_port()));
    let flask_unix = flask_front(&scenario, &backend, Listens::Unix(scenario.file("flask.sock")));
    let node_backend = node(&scenario, "node_backend.js", &[]);
    let node_front = node(&scenario, "node_front.js", &[node_backend.url("")]);
    let odd = oddserver(&scenario);
    for upstream in [&backend, &middle, &flask, &flask_unix, &node_front, &odd] {
        for upstream in [Upstream::Closing(upstream), Upstream::Kept(upstream)] {
            let nginx = nginx(&scenario, &upstream);
            for _ in 0..3 {
                assert_eq!(curl([nginx.url("/harness/hello")]), "hello\n");
            }
        }
    }
}
