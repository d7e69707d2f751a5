//! Rate, errors and duration of requests, named by the OpenTelemetry semantic conventions for HTTP metrics (1.44.0).

use super::{
    exposition::{Kind, Label},
    histogram::Histogram,
    otlp::{Named, Points, Times},
    series::SeriesOf,
    sink::Sink,
    write_series,
};
use crate::spans::span::{Span, SpanKind, Value};

/// Bounds of `http.server.request.duration` and `http.client.request.duration`, seconds.
const BOUNDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Names in the conventions, with what they are.
const CONVENTIONS: [Named; 2] = [
    ("http.server.request.duration", "Duration of HTTP server requests."),
    ("http.client.request.duration", "Duration of HTTP client requests."),
];
/// The names as Prometheus writes them.
const SERVER: &str = "http_server_request_duration_seconds";
const CLIENT: &str = "http_client_request_duration_seconds";

/// The labels, and the attributes that they come from; the service comes from the resource.
const NAMES: [&str; 9] = [
    "service_name",
    "http_request_method",
    "http_route",
    "http_response_status_code",
    "error_type",
    "url_scheme",
    "network_protocol_version",
    "server_address",
    "server_port",
];

/// The same in the conventions.
pub(super) const ATTRIBUTES: [&str; NAMES.len()] = [
    "service.name",
    "http.request.method",
    "http.route",
    "http.response.status_code",
    "error.type",
    "url.scheme",
    "network.protocol.version",
    "server.address",
    "server.port",
];

/// `http.server.request.duration` and `http.client.request.duration`.
#[derive(Debug)]
pub(super) struct Requests {
    server: SeriesOf<Histogram>,
    client: SeriesOf<Histogram>,
}

impl Requests {
    pub(super) fn new(limit: usize) -> Self {
        Self { server: SeriesOf::new(limit), client: SeriesOf::new(limit) }
    }

    pub(super) fn take(&mut self, span: &Span, kept: bool) {
        if span.is_database_call() || span.is_messaging() {
            return;
        }
        self.of(span.kind).entry(&labels(span), || Histogram::new(&BOUNDS)).take(span, kept);
    }

    pub(super) fn kept(&mut self, span: &Span) {
        if let Some(series) = self.of(span.kind).get_mut(&labels(span)) {
            series.kept(span);
        }
    }

    fn of(&mut self, kind: SpanKind) -> &mut SeriesOf<Histogram> {
        if kind == SpanKind::Server { &mut self.server } else { &mut self.client }
    }

    pub(super) fn write(&self, out: &mut dyn Sink) {
        let metrics = [(SERVER, CONVENTIONS[0].1, &self.server), (CLIENT, CONVENTIONS[1].1, &self.client)];
        for (name, help, series) in metrics {
            out.metric(name, Kind::Histogram, help);
            write_series(series, &NAMES, |names, values, histogram| out.histogram(names, values, histogram));
        }
    }

    /// The bytes of an OTLP request and the number of its series; `None` for no series.
    pub(super) fn to_otlp(&self, times: Times) -> Option<(Vec<u8>, u32)> {
        let mut points = Points::default();
        for (metric, series) in [&self.server, &self.client].into_iter().enumerate() {
            series.for_each(|labels, histogram| points.add(metric, labels, histogram));
        }
        (points.count() > 0).then(|| (points.encode(&CONVENTIONS, times), points.count()))
    }

    /// Name, number of series and values that there was no series for.
    pub(super) fn sizes(&self) -> [(&'static str, usize, u64); 2] {
        [(SERVER, &self.server), (CLIENT, &self.client)]
            .map(|(name, series)| (name, series.len(), series.overflowed()))
    }
}

/// The labels of a span. The conventions give `http.route` and `url.scheme` to servers, address and port to clients.
fn labels(span: &Span) -> [Label<'_>; NAMES.len()] {
    let mut labels = [Label::Absent; NAMES.len()];
    labels[0] = Label::Text(&span.resource.service_name);
    let server = span.kind == SpanKind::Server;
    for (key, value) in &span.attributes {
        let at = match *key {
            "http.request.method" => 1,
            "http.route" => 2,
            "http.response.status_code" => 3,
            "error.type" => 4,
            "url.scheme" => 5,
            "network.protocol.version" => 6,
            "server.address" if !server => 7,
            "server.port" if !server => 8,
            _ => continue,
        };
        labels[at] = label(value);
    }
    labels
}

fn label(value: &Value) -> Label<'_> {
    match value {
        Value::Str(text) => Label::Text(text),
        Value::Shared(text) => Label::Text(text),
        Value::Static(text) => Label::Text(text),
        Value::Int(number) => Label::Int(*number),
        Value::Bool(true) => Label::Text("true"),
        Value::Bool(false) => Label::Text("false"),
        // None of the attributes that are labels is one.
        Value::List(_) => Label::Absent,
    }
}
