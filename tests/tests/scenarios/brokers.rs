//! Real brokers: a service publishes for requests that it answers, a worker takes the messages and asks a third one for each.

use tracer_tests::{
    apps::{curl, threaded_backend},
    brokers::{self, RabbitMq},
    daemon::Options,
    scenario::Scenario,
    service::Service,
    span::ReceivedSpan,
    tree::assert_trees,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// What is asked of the service that publishes: the last part of the path, and whether context comes with it.
type Asked<'a> = &'a [(&'a str, bool)];

/// Asks for each, one after the other, and hands back what was traced of the three services and `curl`.
#[track_caller]
fn ask(
    scenario: &Scenario,
    kind: &str,
    broker: &Service,
    asked: Asked<'_>,
    spans: usize,
) -> Vec<ReceivedSpan> {
    let backend = threaded_backend(scenario, None);
    let front = brokers::front(scenario, kind, broker);
    let worker = brokers::worker(scenario, kind, broker, &backend);
    let ports = [&front, broker, &worker, &backend].map(|service| format!("port={}", service.port()));
    let daemon = scenario.daemon_with(Options::args(ports.iter().flat_map(|port| ["--include", port])));
    let traceparent = format!("traceparent: 00-{TRACE}-{PARENT}-01");
    for (path, traced) in asked {
        let url = front.url(&format!("/mq/{path}"));
        if *traced {
            curl(["-H", &traceparent, &url])
        } else {
            curl([url.as_str()])
        };
    }
    let spans = scenario.finish(daemon, "", spans);
    let tells = |span: &&ReceivedSpan| span.attributes.values().any(|value| value.contains("secret"));
    assert!(!spans.iter().any(|span| tells(&span)), "A value was exported: {:#?}", spans.iter().find(tells));
    spans
}

#[test]
fn rabbitmq_by_pika() {
    let scenario = Scenario::start("brokers-rabbitmq");
    let broker = RabbitMq::start(&scenario);
    let asked = [
        ("plain", false),
        ("plain", true),
        ("large", false),
        ("bad", false),
        ("confirmed", true),
        ("unroutable", false),
        ("get", false),
    ];
    assert_trees(
        &ask(&scenario, "amqp", &broker.server, &asked, 40),
        &format!(
            r#"
            CLIENT curl "GET" 200
              SERVER broker_front "GET /mq/plain" 200 by socket
                PRODUCER broker_front "publish shop:orders" by thread
            under {PARENT}
            "#
        ),
    );
}

#[test]
fn kafka_by_librdkafka_and_kafka_python() {
    let scenario = Scenario::start("brokers-kafka");
    let broker = brokers::kafka(&scenario);
    let asked = [
        ("plain", false),
        ("plain", true),
        ("several", false),
        ("gzip", true),
        ("snappy", true),
        ("lz4", true),
        ("zstd", true),
    ];
    assert_trees(&ask(&scenario, "kafka", &broker, &asked, 40), "");
}

#[test]
fn nats_by_nats_py() {
    let scenario = Scenario::start("brokers-nats");
    let broker = brokers::nats(&scenario);
    let asked = [("plain", false), ("plain", true), ("request", false), ("request", true), ("nobody", false)];
    assert_trees(&ask(&scenario, "nats", &broker, &asked, 20), "");
}

#[test]
fn mqtt_by_paho() {
    let scenario = Scenario::start("brokers-mqtt");
    let broker = brokers::mosquitto(&scenario);
    let asked =
        [("once", false), ("once", true), ("exactly_once", true), ("at_most_once", false), ("old", false)];
    assert_trees(&ask(&scenario, "mqtt", &broker, &asked, 20), "");
}
