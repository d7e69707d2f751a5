//! Services with an OpenTelemetry SDK, which report their own spans to the backend that the tracer exports to.

use tracer_tests::{
    apps::{curl, python, threaded_backend},
    daemon::{Daemon, Options},
    ports::free_port,
    receiver::Transport,
    scenario::Scenario,
    service::{Listens, Service},
    span::ReceivedSpan,
    tree::assert_trees,
    wait::wait_until,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";
const FRONT: &str = "sdk_front";

/// `sdk_front.py` in front of `backend`; it exports to the scenario's receiver.
fn front(scenario: &Scenario, backend: &Service) -> Service {
    let port = free_port();
    let protocol = if scenario.receiver.transport() == Transport::Grpc { "grpc" } else { "http" };
    let mut command = python("sdk_front.py", [&port.to_string(), &backend.url(""), protocol]);
    command.env("OTEL_SERVICE_NAME", FRONT).env("OTEL_EXPORTER_OTLP_ENDPOINT", scenario.receiver.endpoint());
    // Attributes by the names of today, and a batch that is not waited for.
    command.env("OTEL_SEMCONV_STABILITY_OPT_IN", "http").env("OTEL_BSP_SCHEDULE_DELAY", "100");
    Service::start(scenario, FRONT, command, Listens::port(port))
}

fn left_out(daemon: &Daemon) -> u64 {
    let drops = daemon.status().drops;
    drops.iter().find(|drop| drop.reason == "instrumented").map_or(0, |drop| drop.count)
}

/// The tracer's spans of the front, and those that its SDK made.
fn of_front(spans: &[ReceivedSpan]) -> [usize; 2] {
    let front = spans.iter().filter(|span| span.service() == FRONT);
    let (sdk, ours): (Vec<_>, Vec<_>) = front.partition(|span| {
        span.resource.get("telemetry.sdk.name").is_some_and(|name| name == "opentelemetry")
    });
    [ours.len(), sdk.len()]
}

#[test]
fn spans_of_its_own_are_left_to_it() {
    for transport in [Transport::Grpc, Transport::Http] {
        let scenario = Scenario::with_transport(
            &format!("instrumented-{}", transport.protocol().replace('/', "-")),
            transport,
        );
        let backend = threaded_backend(&scenario, None);
        let front = front(&scenario, &backend);
        let daemon = scenario.daemon();
        // It is known by its first export.
        wait_until("the tracer knows of the SDK", || {
            curl([front.url("/sdk-early/hello")]);
            left_out(&daemon) > 0
        });
        curl([front.url("/sdk/hello")]);
        let traceparent = format!("traceparent: 00-{TRACE}-{PARENT}-01");
        curl(["-H", &traceparent, &front.url("/sdk/continued")]);
        let spans = scenario.finish(daemon, "/sdk/", 8);
        assert_eq!(of_front(&spans), [0, 4]);
        // The SDK does not know of curl, which sent no header: two roots of one trace.
        assert_trees(
            &spans,
            &format!(
                r#"
                CLIENT curl "GET" 200
                SERVER {FRONT} "GET /<path:path>" 200
                  CLIENT {FRONT} "GET" 200 by NOTHING
                    SERVER threaded_backend "GET /sdk/hello" 200 by socket
                CLIENT curl "GET" 200 by header under {PARENT}
                SERVER {FRONT} "GET /<path:path>" 200 by NOTHING under {PARENT}
                  CLIENT {FRONT} "GET" 200 by NOTHING
                    SERVER threaded_backend "GET /sdk/continued" 200 by socket
                "#
            ),
        );
        for path in ["/sdk/hello", "/sdk/continued"] {
            let mut traces: Vec<_> =
                spans.iter().filter(|span| span.path() == path).map(|span| &span.trace_id).collect();
            traces.dedup();
            assert_eq!(traces.len(), 1, "{path} is one trace: {traces:?}");
        }
    }
}

#[test]
fn it_is_traced_like_any_other_if_asked_for() {
    let scenario = Scenario::start("instrumented-traced");
    let backend = threaded_backend(&scenario, None);
    let front = front(&scenario, &backend);
    let daemon = scenario.daemon_with(Options::config("[traces]\ninstrumented = 'trace'\n"));
    let sdk = || of_front(&scenario.receiver.spans_under("/sdk-traced"))[1];
    wait_until("the SDK has exported", || {
        curl([front.url("/sdk-traced/hello")]);
        sdk() > 0
    });
    curl([front.url("/sdk-traced/last")]);
    wait_until("the SDK has exported the last one", || {
        scenario.receiver.spans_under("/sdk-traced/last").len() == 6
    });
    assert_eq!(left_out(&daemon), 0);
    assert_eq!(of_front(&scenario.receiver.spans_under("/sdk-traced/last")), [2, 2]);
    daemon.stop();
}
