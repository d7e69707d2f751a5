//! Calls and their latency by the name of the span, named as Grafana Tempo's span metrics.

use super::{
    exposition::{Kind, Label},
    histogram::Histogram,
    series::SeriesOf,
    sink::Sink,
    write_series,
};
use crate::spans::span::{Span, SpanKind, Status};

/// Bounds of Tempo's span metrics processor, seconds: 14 doublings from 2 ms.
const BOUNDS: [f64; 14] =
    [0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192, 16.384];
/// Labels of a call.
const NAMES: [&str; 4] = ["service", "span_name", "span_kind", "status_code"];

/// `traces_spanmetrics_calls_total` and `traces_spanmetrics_latency`.
#[derive(Debug)]
pub(super) struct Calls(SeriesOf<Histogram>);

impl Calls {
    pub(super) fn new(limit: usize) -> Self {
        Self(SeriesOf::new(limit))
    }

    pub(super) fn take(&mut self, span: &Span, kept: bool) {
        self.0.entry(&labels(span), || Histogram::new(&BOUNDS)).take(span, kept);
    }

    pub(super) fn kept(&mut self, span: &Span) {
        if let Some(histogram) = self.0.get_mut(&labels(span)) {
            histogram.kept(span);
        }
    }

    pub(super) fn write(&self, out: &mut dyn Sink) {
        out.metric("traces_spanmetrics_calls_total", Kind::Counter, "Spans.");
        write_series(&self.0, &NAMES, |names, values, calls| out.sample(names, values, calls.count() as f64));
        out.metric("traces_spanmetrics_latency", Kind::Histogram, "Duration of spans in seconds.");
        write_series(&self.0, &NAMES, |names, values, calls| out.histogram(names, values, calls));
    }

    /// Name, number of series and values that there was no series for.
    pub(super) fn size(&self) -> (&'static str, usize, u64) {
        ("traces_spanmetrics_latency", self.0.len(), self.0.overflowed())
    }
}

/// The labels of a span; kind and status as OTLP names them.
fn labels(span: &Span) -> [Label<'_>; NAMES.len()] {
    let kind = match span.kind {
        SpanKind::Server => "SPAN_KIND_SERVER",
        SpanKind::Client => "SPAN_KIND_CLIENT",
        SpanKind::Producer => "SPAN_KIND_PRODUCER",
        SpanKind::Consumer => "SPAN_KIND_CONSUMER",
    };
    let status = match span.status {
        Status::Unset => "STATUS_CODE_UNSET",
        Status::Error => "STATUS_CODE_ERROR",
    };
    [
        Label::Text(&span.resource.service_name),
        Label::Text(&span.name),
        Label::Text(kind),
        Label::Text(status),
    ]
}
