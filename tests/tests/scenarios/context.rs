//! Trace context that comes with a request.

use tracer_tests::{
    apps::{Upstream, curl, nginx, python, threaded_backend},
    command::run,
    daemon::Options,
    scenario::Scenario,
    tree::assert_trees,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// nginx passes the header on as it came, so every span of the chain sees the same one; the order of the chain stands.
#[test]
fn an_incoming_traceparent_is_honoured() {
    let scenario = Scenario::start("context-honoured");
    let backend = threaded_backend(&scenario, None);
    let front = nginx(&scenario, &Upstream::Closing(&backend));
    let daemon = scenario.daemon();
    let traceparent = format!("traceparent: 00-{TRACE}-{PARENT}-01");
    curl(["-H", &traceparent, "-H", "tracestate: vendor=opaque,other=1", &front.url("/context/hello")]);
    let spans = scenario.finish(daemon, "/context", 4);
    assert_trees(
        &spans,
        &format!(
            r#"
            CLIENT curl "GET" 200 by header under {PARENT}
              SERVER nginx "GET /context/hello" 200 by socket
                CLIENT nginx "GET" 200 by header
                  SERVER threaded_backend "GET /context/hello" 200 by socket
            "#
        ),
    );
    for span in &spans {
        assert_eq!(span.trace_id, TRACE);
        assert_eq!(span.trace_state, "vendor=opaque,other=1");
    }
}

#[test]
fn an_invalid_traceparent_is_ignored() {
    let scenario = Scenario::start("context-invalid");
    let backend = threaded_backend(&scenario, None);
    let daemon = scenario.daemon();
    let zero_trace = format!("00-{}-{PARENT}-01", "0".repeat(32));
    let zero_parent = format!("00-{TRACE}-{}-01", "0".repeat(16));
    let upper_case = format!("00-{}-{PARENT}-01", TRACE.to_uppercase());
    let invalid_version = format!("ff-{TRACE}-{PARENT}-01");
    let too_long = format!("00-{TRACE}-{PARENT}-01-more");
    let invalid = [&zero_trace, &zero_parent, &upper_case, &invalid_version, &too_long];
    for value in invalid {
        curl([
            "-H",
            &format!("traceparent: {value}"),
            "-H",
            "tracestate: a=b",
            &backend.url("/invalid/hello"),
        ]);
    }
    let spans = scenario.finish(daemon, "/invalid", 10);
    assert_trees(
        &spans,
        r#"
        5 x CLIENT curl "GET" 200
          SERVER threaded_backend "GET /invalid/hello" 200 by socket
        "#,
    );
    for span in &spans {
        assert_ne!(span.trace_id, TRACE);
        assert_eq!(span.trace_state, "");
    }
}

/// A later version is read as far as it is known.
#[test]
fn a_traceparent_of_a_later_version() {
    let scenario = Scenario::start("context-later");
    let backend = threaded_backend(&scenario, None);
    let daemon = scenario.daemon();
    curl(["-H", &format!("TraceParent: cc-{TRACE}-{PARENT}-01-what"), &backend.url("/later/hello")]);
    let spans = scenario.finish(daemon, "/later", 2);
    assert_trees(
        &spans,
        &format!(
            r#"
            CLIENT curl "GET" 200 by header under {PARENT}
              SERVER threaded_backend "GET /later/hello" 200 by socket
            "#
        ),
    );
    assert!(spans.iter().all(|span| span.trace_id == TRACE));
}

/// Every header is as OpenTelemetry's own propagators write it. nginx passes all of them on as they came.
#[test]
fn every_format_of_the_opentelemetry_propagators() {
    let scenario = Scenario::start("context-formats");
    let backend = threaded_backend(&scenario, None);
    let front = nginx(&scenario, &Upstream::Closing(&backend));
    let daemon = scenario.daemon();
    run(&mut python("propagating_client.py", [&front.url("/formats"), TRACE, PARENT]));
    let spans = scenario.finish(daemon, "/formats", 20);
    let trees: Vec<_> = ["jaeger", "multi", "single", "traceparent", "xray"]
        .into_iter()
        .map(|format| {
            format!(
                r#"
            CLIENT propagating_client "GET" 200 by header under {PARENT}
              SERVER nginx "GET /formats/{format}" 200 by socket
                CLIENT nginx "GET" 200 by header
                  SERVER threaded_backend "GET /formats/{format}" 200 by socket
            "#
            )
        })
        .collect();
    assert_trees(&spans, &trees.concat());
    assert!(spans.iter().all(|span| span.trace_id == TRACE));
}

#[test]
fn headers_of_ones_own_and_baggage() {
    let scenario = Scenario::start("context-own");
    let backend = threaded_backend(&scenario, None);
    let daemon = scenario.daemon_with(Options::config(
        "[context]\nformats = ['custom', 'baggage']\nbaggage_keys = ['tenant']\n\
         custom = [{ trace_id = 'x-trace-id', span_id = 'x-span-id' }]",
    ));
    let headers = [
        format!("X-Trace-Id: {TRACE}"),
        format!("X-Span-Id: {PARENT}"),
        // Not asked for.
        format!("b3: {}-{PARENT}-1", TRACE.replace('4', "5")),
        "baggage: tenant=blue%20sea,card=4111".to_owned(),
    ];
    curl(headers.iter().flat_map(|header| ["-H", header]).chain([backend.url("/own/hello").as_str()]));
    let spans = scenario.finish(daemon, "/own", 2);
    assert_trees(
        &spans,
        &format!(
            r#"
            CLIENT curl "GET" 200 by header under {PARENT}
              SERVER threaded_backend "GET /own/hello" 200 by socket
            "#
        ),
    );
    for span in &spans {
        assert_eq!((span.trace_id.as_str(), span.attribute("baggage.tenant")), (TRACE, "blue sea"));
    }
}
