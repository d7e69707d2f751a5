//! Metrics of traces, as a scraper sees them.

use super::*;
use crate::{
    config::Metrics as Config,
    export::testing::{service, span},
    spans::span::{Evidence, Parent, SpanKind, Status, Value},
    telemetry::status::{DropCount, Program, Sampled, Snapshot},
};

fn metrics(families: &[Family], max_series: u32) -> Metrics {
    let config = Config {
        listen: Some(([127, 0, 0, 1], 0).into()),
        push_interval: std::time::Duration::ZERO,
        families: families.to_vec(),
        max_series,
        exemplars: true,
    };
    Metrics::new(&config).expect("somebody listens")
}

fn text(metrics: &Metrics, format: Format) -> String {
    let mut out = Exposition::new(format);
    metrics.write(&mut out);
    out.finish()
}

/// The lines that start so.
fn lines<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.starts_with(start)).collect()
}

fn below(mut span: Span, parent: u8) -> Span {
    let span_id = [0, 0, 0, 0, 0, 0, 0, parent];
    span.parent = Some(Parent { span_id, evidence: Evidence::TcpSeq });
    span
}

/// curl calls shop, which calls a database elsewhere; everything takes 20 ms.
fn trace() -> Vec<Span> {
    let (curl, shop) = (service("curl"), service("shop"));
    let mut spans = vec![
        span(1, &curl, SpanKind::Client, "GET"),
        below(span(2, &shop, SpanKind::Server, "GET /users/{id}"), 1),
        below(span(3, &shop, SpanKind::Client, "POST"), 2),
    ];
    for span in &mut spans {
        span.end_ns = span.start_ns + 20_000_000;
        span.attributes.push(("http.request.method", Value::Static("GET")));
        span.attributes.push(("server.address", Value::Static("10.0.0.7")));
    }
    spans[1].attributes.push(("http.route", Value::Shared("/users/{id}".into())));
    spans[1].attributes.push(("http.response.status_code", Value::Int(500)));
    spans[1].attributes.push(("error.type", Value::Static("500")));
    spans[1].status = Status::Error;
    spans
}

#[test]
fn nobody_listens_by_default() {
    assert!(Metrics::new(&Config::default()).is_none());
}

#[test]
fn requests_are_counted_by_the_conventions() {
    let mut metrics = metrics(&[Family::Http], 100);
    metrics.take(&trace(), false);
    metrics.take(&trace(), false);
    let text = text(&metrics, Format::Text);
    let labels = "service_name=\"shop\",http_request_method=\"GET\",http_route=\"/users/{id}\",\
                  http_response_status_code=\"500\",error_type=\"500\"";
    assert_eq!(
        lines(&text, "http_server_request_duration_seconds_bucket")[1..3],
        [
            format!("http_server_request_duration_seconds_bucket{{{labels},le=\"0.01\"}} 0"),
            format!("http_server_request_duration_seconds_bucket{{{labels},le=\"0.025\"}} 2"),
        ]
    );
    assert_eq!(
        lines(&text, "http_server_request_duration_seconds_sum"),
        [format!("http_server_request_duration_seconds_sum{{{labels}}} 0.04")]
    );
    assert_eq!(
        lines(&text, "http_client_request_duration_seconds_count"),
        ["curl", "shop"].map(|name| format!(
            "http_client_request_duration_seconds_count{{service_name=\"{name}\",http_request_method=\"GET\",\
             server_address=\"10.0.0.7\"}} 2"
        ))
    );
    assert!(!text.contains("service_graph") && !text.contains("spanmetrics"), "{text}");
}

#[test]
fn edges_are_those_of_the_trace() {
    let mut metrics = metrics(&[Family::ServiceGraph], 100);
    metrics.take(&trace(), false);
    // A request from outside, one whose caller is traced elsewhere, and a trace whose parts come apart.
    let shop = service("shop");
    metrics.take(&[span(9, &shop, SpanKind::Server, "GET")], false);
    metrics.take(&[below(span(9, &shop, SpanKind::Server, "GET"), 8)], false);
    let text = text(&metrics, Format::Text);
    assert_eq!(
        lines(&text, "traces_service_graph_request_total"),
        [
            "traces_service_graph_request_total{client=\"curl\",server=\"shop\"} 1",
            "traces_service_graph_request_total{client=\"shop\",server=\"10.0.0.7\",connection_type=\"virtual_node\"} 1",
            "traces_service_graph_request_total{client=\"user\",server=\"shop\",connection_type=\"virtual_node\"} 1",
        ]
    );
    assert_eq!(
        lines(&text, "traces_service_graph_request_failed_total")[0],
        "traces_service_graph_request_failed_total{client=\"curl\",server=\"shop\"} 1"
    );
    assert_eq!(lines(&text, "traces_service_graph_request_server_seconds_count").len(), 2);
    assert_eq!(lines(&text, "traces_service_graph_request_client_seconds_count").len(), 2);
}

#[test]
fn calls_are_counted_by_name() {
    let mut metrics = metrics(&[Family::SpanMetrics], 100);
    metrics.take(&trace(), false);
    let text = text(&metrics, Format::Text);
    let labels = "service=\"shop\",span_name=\"GET /users/{id}\",span_kind=\"SPAN_KIND_SERVER\",status_code=\"STATUS_CODE_ERROR\"";
    assert!(text.contains(&format!("traces_spanmetrics_calls_total{{{labels}}} 1\n")), "{text}");
    assert!(
        text.contains(&format!("traces_spanmetrics_latency_bucket{{{labels},le=\"0.032\"}} 1\n")),
        "{text}"
    );
    assert!(
        text.contains(&format!("traces_spanmetrics_latency_bucket{{{labels},le=\"0.016\"}} 0\n")),
        "{text}"
    );
}

#[test]
fn only_kept_traces_are_examples() {
    let all = [Family::Http, Family::ServiceGraph, Family::SpanMetrics];
    let mut metrics = metrics(&all, 100);
    metrics.take(&trace(), false);
    assert!(!text(&metrics, Format::OpenMetrics).contains("trace_id"));
    metrics.kept(&trace());
    let open = text(&metrics, Format::OpenMetrics);
    for metric in [
        "http_server_request_duration_seconds",
        "traces_service_graph_request_server_seconds",
        "traces_spanmetrics_latency",
    ] {
        let with = lines(&open, &format!("{metric}_bucket")).into_iter().filter(|line| line.contains("shop"));
        let example = " # {trace_id=\"0af7651916cd43dd8448eb211c80319c\",span_id=\"0000000000000002\"} 0.02 1790000000.020";
        assert_eq!(with.filter(|line| line.ends_with(example)).count(), 1, "{metric}\n{open}");
    }
    assert!(!text(&metrics, Format::Text).contains("trace_id"));
    // Where all are kept, that is known at once.
    let mut at_once = super::tests::metrics(&all, 100);
    at_once.take(&trace(), true);
    assert_eq!(text(&at_once, Format::OpenMetrics), open);
}

#[test]
fn series_are_bounded() {
    let mut metrics = metrics(&[Family::Http], 10);
    for number in 0..50 {
        let mut trace = trace();
        trace[1].attributes.push(("url.scheme", Value::Str(format!("s{number}").into())));
        metrics.take(&trace, false);
    }
    let text = text(&metrics, Format::Text);
    let counts = lines(&text, "http_server_request_duration_seconds_count");
    assert_eq!(counts.len(), 10);
    assert_eq!(counts[9], "http_server_request_duration_seconds_count{otel_metric_overflow=\"true\"} 41");
    let own = "{metric=\"http_server_request_duration_seconds\"}";
    assert!(text.contains(&format!("tracer_metric_series{own} 10\n")), "{text}");
    assert!(text.contains(&format!("tracer_metric_overflow_total{own} 41\n")), "{text}");
}

#[test]
fn the_tracer_tells_of_itself() {
    let mut snapshot = Snapshot { uptime_ms: 5000, cpu_ms: 1500, records: 7, ..Snapshot::default() };
    snapshot.drops.push(DropCount {
        stage: "kernel".into(),
        reason: "ring_full".into(),
        count: 3,
        intentional: false,
    });
    snapshot.programs.push(Program {
        name: "sock_send".into(),
        tracepoint: "sock_send_length".into(),
        attached: true,
        reason: None,
        run_count: 4,
        run_time_ns: 2_000_000_000,
    });
    snapshot.sampling.decisions.push(Sampled {
        reason: "errors".into(),
        policy: true,
        kept: true,
        traces: 2,
        spans: 5,
    });
    let mut out = Exposition::new(Format::Text);
    write_own(&snapshot, 1_790_000_005_000_000_000, &mut out);
    let text = out.finish();
    for line in [
        "process_start_time_seconds 1790000000",
        "process_cpu_seconds_total 1.5",
        "tracer_records_total 7",
        "tracer_drops_total{stage=\"kernel\",reason=\"ring_full\",kind=\"loss\"} 3",
        "tracer_program_run_seconds_total{program=\"sock_send\"} 2",
        "tracer_program_runs_total{program=\"sock_send\"} 4",
        "tracer_sampling_spans_total{decision=\"kept\",reason=\"errors\",kind=\"policy\"} 5",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
    }
    assert!(!text.contains("tracer_export"), "there is no exporter");
}

/// Decoded by the generated structs: what was counted, by service and by the names of the conventions.
#[test]
fn metrics_are_pushed_by_the_conventions() {
    use opentelemetry_proto::tonic::{
        collector::metrics::v1::ExportMetricsServiceRequest,
        common::v1::any_value::Value as Any,
        metrics::v1::{AggregationTemporality, exemplar, metric::Data},
    };
    use prost::Message as _;

    let mut metrics = metrics(&[Family::Http], 3);
    assert_eq!(metrics.to_otlp(5, 7), None, "there is nothing to push");
    metrics.take(&trace(), true);
    // There is room for two series beside that of the overflow.
    for number in 0..2 {
        let mut more = trace();
        more[1].attributes.push(("url.scheme", Value::Str(format!("s{number}").into())));
        metrics.take(&more, false);
    }
    let (payload, series) = metrics.to_otlp(5, 7).expect("series");
    assert_eq!(series, 5);
    let request = ExportMetricsServiceRequest::decode(payload.as_slice()).expect("valid protobuf");
    assert_eq!(prost::Message::encoded_len(&request), payload.len(), "nothing that is not understood");
    let text = |value: Option<Any>| match value {
        Some(Any::StringValue(text)) => text,
        other => format!("{other:?}"),
    };
    let mut shown = Vec::new();
    for resource in request.resource_metrics {
        let attributes = resource.resource.expect("a resource").attributes;
        let service: Vec<_> =
            attributes.into_iter().map(|pair| text(pair.value.and_then(|any| any.value))).collect();
        for metric in resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
            assert_eq!(metric.unit, "s");
            let Some(Data::Histogram(histogram)) = metric.data else { panic!("no histogram") };
            assert_eq!(histogram.aggregation_temporality(), AggregationTemporality::Cumulative);
            for point in histogram.data_points {
                assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (5, 7));
                assert_eq!(point.explicit_bounds.len() + 1, point.bucket_counts.len());
                assert_eq!(
                    (point.bucket_counts[2], point.bucket_counts.iter().sum::<u64>()),
                    (point.count, point.count)
                );
                assert!((point.sum.unwrap_or_default() - 0.02 * point.count as f64).abs() < 1e-9);
                for example in &point.exemplars {
                    assert_eq!(example.value, Some(exemplar::Value::AsDouble(0.02)));
                    assert_eq!((example.trace_id.len(), example.span_id.len()), (16, 8));
                }
                let keys: Vec<_> = point.attributes.iter().map(|pair| pair.key.as_str()).collect();
                shown.push((
                    metric.name.clone(),
                    service.concat(),
                    point.count,
                    point.exemplars.len(),
                    keys.join(" "),
                ));
            }
        }
    }
    let line = |name: &str, service: &str, count, examples, keys: &str| {
        (name.to_owned(), service.to_owned(), count, examples, keys.to_owned())
    };
    let client = "http.request.method server.address";
    let server = "http.request.method http.route http.response.status_code error.type";
    assert_eq!(
        shown,
        [
            line("http.server.request.duration", "", 1, 0, "otel.metric.overflow"),
            line("http.client.request.duration", "curl", 3, 1, client),
            line("http.server.request.duration", "shop", 1, 1, server),
            line("http.server.request.duration", "shop", 1, 0, &format!("{server} url.scheme")),
            line("http.client.request.duration", "shop", 3, 1, client),
        ]
    );
}

/// Decoded by the generated structs: the metrics that OTLP has under the names of Prometheus.
#[test]
fn all_other_metrics_are_pushed_too() {
    use opentelemetry_proto::tonic::{
        collector::metrics::v1::ExportMetricsServiceRequest,
        metrics::v1::{metric::Data, number_data_point::Value as Number},
    };
    use prost::Message as _;

    let mut metrics = metrics(&[Family::Http, Family::ServiceGraph, Family::SpanMetrics], 100);
    metrics.take(&trace(), true);
    let mut own = super::otlp::Own::new(super::otlp::Times { start_ns: 5, now_ns: 7 });
    metrics.write_others(&mut own);
    let mut snapshot = Snapshot { cpu_ms: 1500, ..Snapshot::default() };
    snapshot.exports.push(crate::telemetry::status::Export {
        name: "otlp".into(),
        queued_batches: 3,
        ..Default::default()
    });
    write_own(&snapshot, 10, &mut own);
    let instance = super::Instance { id: "i-1".into(), host: Some("node-1".into()) };
    let (payload, count) = own.finish(&instance);
    let request = ExportMetricsServiceRequest::decode(payload.as_slice()).expect("valid protobuf");
    assert_eq!(prost::Message::encoded_len(&request), payload.len(), "nothing that is not understood");
    let mut points = 0;
    let mut shown = std::collections::BTreeMap::new();
    for metric in request
        .resource_metrics
        .into_iter()
        .flat_map(|resource| resource.scope_metrics)
        .flat_map(|scope| scope.metrics)
    {
        let numbers = match metric.data.expect("data") {
            Data::Sum(sum) => {
                assert!(sum.is_monotonic && metric.name.ends_with("_total"), "{}", metric.name);
                assert_eq!(sum.aggregation_temporality, 2);
                sum.data_points
            }
            Data::Gauge(gauge) => gauge.data_points,
            Data::Histogram(histogram) => {
                points += histogram.data_points.len();
                shown.insert(metric.name, f64::from(histogram.data_points.len() as u32));
                continue;
            }
            other => panic!("{other:?}"),
        };
        points += numbers.len();
        for point in numbers {
            assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (5, 7));
            let Some(Number::AsDouble(value)) = point.value else { panic!("{} has no value", metric.name) };
            shown.insert(metric.name.clone(), value);
        }
    }
    assert_eq!(points, count as usize);
    for (name, value) in [
        ("process_cpu_seconds_total", 1.5),
        ("process_resident_memory_bytes", 0.0),
        ("tracer_export_queued_batches", 3.0),
        ("traces_service_graph_request_total", 1.0),
        ("traces_spanmetrics_latency", 3.0),
    ] {
        assert_eq!(shown.get(name), Some(&value), "{name} of {shown:?}");
    }
    assert!(!shown.contains_key("http_server_request_duration_seconds"), "they have their own names in OTLP");
}
