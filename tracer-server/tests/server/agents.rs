//! Metrics in: what tracers say of themselves, and what others send.

use opentelemetry_proto::tonic::{
    collector::metrics::v1::{
        ExportMetricsServiceRequest, ExportMetricsServiceResponse,
        metrics_service_client::MetricsServiceClient,
    },
    metrics::v1::{
        Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data, number_data_point::Value,
    },
    resource::v1::Resource,
};
use prost::Message as _;
use serde_json::json;

use crate::support::{Running, attribute, block_on, exchange, text};

fn metrics(service: &str, value: f64) -> ExportMetricsServiceRequest {
    let point = NumberDataPoint {
        attributes: vec![attribute("program", text("sock_send"))],
        value: Some(Value::AsDouble(value)),
        ..NumberDataPoint::default()
    };
    let metric = Metric {
        name: "tracer_program_attached".to_owned(),
        data: Some(Data::Gauge(Gauge { data_points: vec![point] })),
        ..Metric::default()
    };
    let attributes = [("service.name", service), ("service.instance.id", "i-1"), ("host.name", "node-1")];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource {
                attributes: attributes.map(|(key, value)| attribute(key, text(value))).to_vec(),
                ..Resource::default()
            }),
            scope_metrics: vec![ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() }],
            ..ResourceMetrics::default()
        }],
    }
}

#[test]
fn a_tracer_is_known_by_what_it_says_of_itself() {
    let server = Running::start(|_| {});
    assert_eq!(server.json("/api/v1/agents"), json!({"agents": []}));
    let answer = block_on(async {
        let address = format!("http://{}", server.addresses.otlp_grpc);
        let mut client = MetricsServiceClient::connect(address).await.unwrap();
        client.export(metrics("tracer", 0.0)).await.unwrap().into_inner()
    });
    assert_eq!(answer, ExportMetricsServiceResponse::default());
    let post = |kind: &str, body: &[u8]| {
        exchange(server.addresses.otlp_http, "POST", "/v1/metrics", &[("content-type", kind)], body)
    };
    let answer = post("application/json", &serde_json::to_vec(&metrics("tracer", 1.0)).unwrap());
    assert_eq!((answer.status, answer.json()), (200, json!({})));
    let known = server.json("/api/v1/agents");
    assert_eq!(
        (&known["agents"][0]["host"], known["agents"].as_array().unwrap().len()),
        (&json!("node-1"), 1)
    );
    assert_eq!(
        known["agents"][0]["metrics"],
        json!([{"name": "tracer_program_attached", "labels": {"program": "sock_send"}, "value": 1.0}])
    );
    // Anything else is refused for good, and counted.
    let answer = post("application/x-protobuf", &metrics("shop", 1.0).encode_to_vec());
    let partial =
        ExportMetricsServiceResponse::decode(answer.body.as_slice()).unwrap().partial_success.unwrap();
    assert_eq!((answer.status, partial.rejected_data_points), (200, 1));
    assert_eq!(server.lost("metrics"), 1);
    assert_eq!(post("application/x-protobuf", b"\xff\xff").status, 400);
    assert_eq!(server.lost("malformed"), 1);
}

#[test]
fn without_the_token_nobody_says_anything() {
    let server = Running::start(|settings| settings.token = Some("secret".to_owned()));
    let body = metrics("tracer", 1.0).encode_to_vec();
    let headers = [("content-type", "application/x-protobuf")];
    let answer = exchange(server.addresses.otlp_http, "POST", "/v1/metrics", &headers, &body);
    assert_eq!(answer.status, 401);
    let known = server.get("/api/v1/agents", &[("authorization", "Bearer secret")]).json();
    assert_eq!(known, json!({"agents": []}));
}
