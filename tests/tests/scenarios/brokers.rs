//! Real brokers: a service publishes for requests that it answers, a worker takes the messages, and asks a third one for each where it can.

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

/// One thing that the publishing service is asked for.
struct Ask {
    /// The last part of the path.
    path: &'static str,
    /// Context comes with it.
    traced: bool,
    /// Spans that come of it. The next thing is asked for when they are there, so that no batch holds messages of two.
    spans: usize,
}

const fn ask(path: &'static str, traced: bool, spans: usize) -> Ask {
    Ask { path, traced, spans }
}

/// Asks for each, one after the other, and hands back what was traced of the three services and `curl`.
///
/// `kinds`: of the publishing service and of the worker. Both have connections that are older than the daemon, but for a worker that is `late`.
#[track_caller]
fn trace(
    scenario: &Scenario,
    (front, kind): (&str, &str),
    late: bool,
    broker: &Service,
    asked: &[Ask],
) -> Vec<ReceivedSpan> {
    let backend = threaded_backend(scenario, None);
    let front = brokers::front(scenario, front, broker);
    let start_worker = || brokers::worker(scenario, kind, broker, &backend);
    let early_worker = (!late).then(start_worker);
    let ports = [&front, broker, &backend].map(|service| format!("port={}", service.port()));
    let daemon = scenario.daemon_with(Options::args(ports.iter().flat_map(|port| ["--include", port])));
    let _worker = early_worker.unwrap_or_else(start_worker);
    if matches!(kind, "kafka" | "librdkafka") {
        brokers::let_fetches_end();
    }
    let traceparent = format!("traceparent: 00-{TRACE}-{PARENT}-01");
    let mut spans = 0;
    for Ask { path, traced, spans: more } in asked {
        let url = front.url(&format!("/mq/{path}"));
        if *traced {
            curl(["-H", &traceparent, &url]);
        } else {
            curl([url.as_str()]);
        }
        spans += more;
        scenario.receiver.wait_for("", spans);
    }
    let spans = scenario.finish(daemon, "", spans);
    let tells = |span: &&ReceivedSpan| span.attributes.values().any(|value| value.contains("secret"));
    assert!(!spans.iter().any(|span| tells(&span)), "A value was exported: {:#?}", spans.iter().find(tells));
    spans
}

/// The spans of this kind and name, oldest first.
fn of<'a>(spans: &'a [ReceivedSpan], kind: &str, name: &str) -> Vec<&'a ReceivedSpan> {
    let mut found: Vec<_> = spans.iter().filter(|span| span.kind == kind && span.name == name).collect();
    found.sort_by_key(|span| span.end_ns);
    found
}

#[test]
fn rabbitmq_by_pika() {
    let scenario = Scenario::start("brokers-rabbitmq");
    let broker = RabbitMq::start(&scenario);
    let asked = [
        ask("plain", false, 6),
        ask("plain", true, 6),
        ask("large", false, 6),
        ask("bad", false, 6),
        ask("confirmed", true, 6),
        ask("unroutable", false, 3),
        ask("get", false, 4),
    ];
    let spans = trace(&scenario, ("amqp", "amqp"), false, &broker.server, &asked);
    // That the worker acknowledges is known from its first acknowledgement on: nothing is said of what it does until then. pika polls, and a message
    // that comes in several reads is in no one turn.
    assert_trees(
        &spans,
        &format!(
            r#"
            CLIENT curl "GET" 200
              SERVER broker_front "GET /mq/plain" 200 by socket
                PRODUCER broker_front "publish shop:orders" by thread
            2 x CONSUMER broker_worker "process shop:orders"
            2 x CLIENT broker_worker "GET" 200
              SERVER threaded_backend "GET /work" 200 by socket
            CLIENT curl "GET" 200 by header under {PARENT}
              SERVER broker_front "GET /mq/plain" 200 by socket
                PRODUCER broker_front "publish shop:orders" by header
            2 x CONSUMER broker_worker "process shop:orders" by header under {PARENT}
              CLIENT broker_worker "GET" 200 by turn
                SERVER threaded_backend "GET /work" 200 by socket
            CLIENT curl "GET" 200
              SERVER broker_front "GET /mq/large" 200 by socket
                PRODUCER broker_front "publish shop:orders" by thread
            CLIENT curl "GET" 200
              SERVER broker_front "GET /mq/bad" 200 by socket
                PRODUCER broker_front "publish shop:orders" by thread
            CONSUMER broker_worker "process shop:orders" error=reject
              CLIENT broker_worker "GET" 200 by turn
                SERVER threaded_backend "GET /work" 200 by socket
            CLIENT curl "GET" 200 by header under {PARENT}
              SERVER broker_front "GET /mq/confirmed" 200 by socket
                PRODUCER broker_front "publish shop:orders" by header
            CLIENT curl "GET" 200
              SERVER broker_front "GET /mq/unroutable" 200 by socket
                PRODUCER broker_front "publish shop:nowhere" by thread error=312
            CLIENT curl "GET" 200
              SERVER broker_front "GET /mq/get" 200 by socket
                PRODUCER broker_front "publish shop:shelf" by thread
                CONSUMER broker_front "receive shop:shelf" by thread
            "#
        ),
    );
    let large = of(&spans, "CONSUMER", "process shop:orders")[2];
    assert_eq!(large.attribute("messaging.message.body.size"), "200000");
    assert_eq!(large.attribute("messaging.message.id"), "m1");
    assert_eq!(large.attribute("messaging.system"), "rabbitmq");
}

#[test]
fn kafka_by_librdkafka_and_kafka_python() {
    let scenario = Scenario::start("brokers-kafka");
    let broker = brokers::kafka(&scenario);
    let asked =
        [ask("plain", false, 6), ask("plain", true, 6), ask("several", false, 6), ask("gzip", true, 6)];
    let spans = trace(&scenario, ("kafka", "kafka"), false, &broker, &asked);
    // librdkafka sends from a thread of its own: only the context of the message tells what it was sent for.
    assert_trees(
        &spans,
        &format!(
            r#"
            CLIENT curl "GET" 200
              SERVER broker_front "GET /mq/plain" 200 by socket
            2 x PRODUCER broker_front "send orders"
              SERVER tansu "send orders" by socket
            2 x CONSUMER broker_worker "poll orders"
              SERVER tansu "poll orders" by socket
            CLIENT curl "GET" 200 by header under {PARENT}
              SERVER broker_front "GET /mq/plain" 200 by socket
                PRODUCER broker_front "send orders" by header
                  SERVER tansu "send orders" by socket
            2 x CONSUMER broker_worker "poll orders" by header under {PARENT}
              SERVER tansu "poll orders" by socket
            CLIENT curl "GET" 200
              SERVER broker_front "GET /mq/several" 200 by socket
            CLIENT curl "GET" 200 by header under {PARENT}
              SERVER broker_front "GET /mq/gzip" 200 by socket
                PRODUCER broker_front "send orders" by header
                  SERVER tansu "send orders" by socket
            "#
        ),
    );
    // Each message is linked to who published it, by its offset.
    let (sent, received) = (of(&spans, "PRODUCER", "send orders"), of(&spans, "CONSUMER", "poll orders"));
    for (sent, received) in sent.iter().zip(&received) {
        let link = (sent.trace_id.clone(), sent.span_id.clone(), "message".to_owned());
        assert_eq!(received.links, [link], "{received:#?}");
        assert_eq!(received.attribute("messaging.kafka.offset"), sent.attribute("messaging.kafka.offset"));
    }
    let counts = received.iter().map(|span| span.attribute("messaging.batch.message_count"));
    assert_eq!(counts.collect::<Vec<_>>(), ["1", "1", "3", "1"]);
}

#[test]
fn kafka_compressed() {
    let scenario = Scenario::start("brokers-kafka-compressed");
    let broker = brokers::kafka(&scenario);
    let asked = ["gzip", "snappy", "lz4", "zstd"].map(|codec| ask(codec, true, 6));
    let spans = trace(&scenario, ("librdkafka", "librdkafka"), false, &broker, &asked);
    let received: Vec<_> = spans.iter().filter(|span| span.kind == "CONSUMER").collect();
    assert_eq!(received.len(), asked.len());
    for span in received {
        assert_eq!((&*span.trace_id, &*span.parent_id), (TRACE, PARENT), "{span:#?}");
        // Its topic is asked for by an id, whose name was told before the daemon came.
        assert_eq!((&*span.name, span.attribute("messaging.batch.message_count")), ("poll", "1"));
    }
}

#[test]
fn nats_by_nats_py() {
    let scenario = Scenario::start("brokers-nats");
    let broker = brokers::nats(&scenario);
    let asked = [
        ask("plain", false, 4),
        ask("plain", true, 4),
        ask("request", false, 4),
        ask("request", true, 4),
        ask("nobody", false, 3),
    ];
    // nats-py writes from a task of its own: only the context of the message tells what it was sent for.
    assert_trees(
        &trace(&scenario, ("nats", "nats"), false, &broker, &asked),
        &format!(
            r#"
            CLIENT curl "GET" 200
              SERVER broker_front "GET /mq/plain" 200 by socket
            PRODUCER broker_front "publish orders"
            CONSUMER broker_worker "process orders"
            CLIENT curl "GET" 200 by header under {PARENT}
              SERVER broker_front "GET /mq/plain" 200 by socket
                PRODUCER broker_front "publish orders" by header
            CONSUMER broker_worker "process orders" by header under {PARENT}
            CLIENT curl "GET" 200
              SERVER broker_front "GET /mq/request" 200 by socket
            PRODUCER broker_front "request orders.price"
              CONSUMER broker_worker "process orders.price" by message
            CLIENT curl "GET" 200 by header under {PARENT}
              SERVER broker_front "GET /mq/request" 200 by socket
                PRODUCER broker_front "request orders.price" by header
                  CONSUMER broker_worker "process orders.price" by message
            CLIENT curl "GET" 200
              SERVER broker_front "GET /mq/nobody" 200 by socket
            PRODUCER broker_front "request nobody" error=503
            "#
        ),
    );
}

#[test]
fn mqtt_by_paho() {
    let scenario = Scenario::start("brokers-mqtt");
    let broker = brokers::mosquitto(&scenario);
    let asked = [
        ask("once", false, 6),
        ask("once", true, 6),
        ask("exactly_once", true, 6),
        ask("old", false, 6),
        ask("at_most_once", false, 6),
    ];
    // Nothing says when a message of which nobody is to hear is done with: what the worker calls then stands alone.
    assert_trees(
        &trace(&scenario, ("mqtt", "mqtt"), true, &broker, &asked),
        &format!(
            r#"
            CLIENT curl "GET" 200
              SERVER broker_front "GET /mq/once" 200 by socket
                PRODUCER broker_front "publish shop/orders" by thread
            2 x CONSUMER broker_worker "process shop/orders"
              CLIENT broker_worker "GET" 200 by thread
                SERVER threaded_backend "GET /work" 200 by socket
            CLIENT curl "GET" 200 by header under {PARENT}
              SERVER broker_front "GET /mq/once" 200 by socket
                PRODUCER broker_front "publish shop/orders" by header
            2 x CONSUMER broker_worker "process shop/orders" by header under {PARENT}
              CLIENT broker_worker "GET" 200 by thread
                SERVER threaded_backend "GET /work" 200 by socket
            CLIENT curl "GET" 200 by header under {PARENT}
              SERVER broker_front "GET /mq/exactly_once" 200 by socket
                PRODUCER broker_front "publish shop/orders" by header
            CLIENT curl "GET" 200
              SERVER broker_front "GET /mq/old" 200 by socket
                PRODUCER broker_front "publish shop/orders" by thread
            CLIENT curl "GET" 200
              SERVER broker_front "GET /mq/at_most_once" 200 by socket
                PRODUCER broker_front "publish shop/orders" by thread
            CONSUMER broker_worker "process shop/orders"
            CLIENT broker_worker "GET" 200
              SERVER threaded_backend "GET /work" 200 by socket
            "#
        ),
    );
}
