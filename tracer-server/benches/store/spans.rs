//! Spans as a tracer of HTTP services makes them: eleven attributes, half of them the same for all, random ids.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value as Any},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status},
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

/// Spans of each trace.
pub(crate) const PER_TRACE: u64 = 8;

/// When the first one starts, nanoseconds since 1970: now would make each run another.
pub(crate) const EPOCH: u64 = 1_790_000_000_000_000_000;

/// Nanoseconds between two traces.
const APART: u64 = 400_000;

const SERVICES: u64 = 10;

/// The id of a trace, as hex.
pub(crate) fn trace_id(number: u64) -> String {
    format!("{:032x}", id_of(number))
}

fn id_of(number: u64) -> u128 {
    StdRng::seed_from_u64(number).random()
}

/// A request with this many traces from `first` on.
pub(crate) fn request(first: u64, traces: u64) -> ExportTraceServiceRequest {
    let mut by_service: Vec<Vec<Span>> = vec![Vec::new(); SERVICES as usize];
    for number in first..first + traces {
        let mut random = StdRng::seed_from_u64(number);
        let trace_id: u128 = random.random();
        let mut parent = Vec::new();
        let mut start = EPOCH + number * APART;
        let mut left: u64 = random.random_range(1_000_000..1_000_000_000);
        for index in 0..PER_TRACE {
            let service = (number + index / 2) % SERVICES;
            let id: u64 = random.random();
            let span = span(&mut random, number * PER_TRACE + index, service, index % 2 == 0, start, left);
            by_service[service as usize].push(Span {
                trace_id: trace_id.to_be_bytes().to_vec(),
                span_id: id.to_be_bytes().to_vec(),
                parent_span_id: std::mem::replace(&mut parent, id.to_be_bytes().to_vec()),
                ..span
            });
            let before = random.random_range(0..left / 4 + 1);
            start += before;
            left = (left - before) / 10 * 9;
        }
    }
    let resource_spans = by_service.into_iter().enumerate().filter(|(_, spans)| !spans.is_empty()).map(group);
    ExportTraceServiceRequest { resource_spans: resource_spans.collect() }
}

fn group((service, spans): (usize, Vec<Span>)) -> ResourceSpans {
    let attributes = vec![
        text("service.name", format!("service-{service}")),
        text("service.instance.id", format!("0000-{service:04}")),
        text("host.name", "host-1".to_owned()),
        text("process.executable.name", "python3".to_owned()),
        number("process.pid", 1000 + service as i64),
        text("telemetry.sdk.name", "tracer".to_owned()),
        text("os.type", "linux".to_owned()),
    ];
    ResourceSpans {
        resource: Some(Resource { attributes, ..Resource::default() }),
        scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    }
}

fn span(random: &mut StdRng, serial: u64, service: u64, is_server: bool, start: u64, duration: u64) -> Span {
    let failed = random.random_ratio(1, 100);
    let route = format!("/api/v1/items/{{id}}/{}", serial % 7);
    let status = if failed { 500 } else { 200 };
    let attributes = vec![
        text("http.request.method", "GET".to_owned()),
        number("http.response.status_code", status),
        text("url.scheme", "http".to_owned()),
        text("url.path", format!("/api/v1/items/{serial}")),
        text("http.route", route.clone()),
        text("server.address", format!("service-{service}.internal")),
        number("server.port", 8080),
        text("network.peer.address", format!("10.0.{}.{}", service, random.random_range(1..30))),
        number("network.peer.port", random.random_range(32_768..61_000)),
        text("network.protocol.version", "1.1".to_owned()),
        text("tracer.parent.evidence", if is_server { "tcp-seq" } else { "thread" }.to_owned()),
    ];
    Span {
        name: format!("GET {route}"),
        kind: if is_server { 2 } else { 3 },
        start_time_unix_nano: start,
        end_time_unix_nano: start + duration,
        attributes,
        status: failed.then(|| Status { code: 2, message: String::new() }),
        flags: 0x101,
        ..Span::default()
    }
}

fn text(key: &str, value: String) -> KeyValue {
    attribute(key, Any::StringValue(value))
}

fn number(key: &str, value: i64) -> KeyValue {
    attribute(key, Any::IntValue(value))
}

fn attribute(key: &str, value: Any) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
