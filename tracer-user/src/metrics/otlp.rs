//! Metrics as the bytes of an OTLP `ExportMetricsServiceRequest`: those of requests by their names in the semantic conventions, all others by
//! those that Prometheus has.

use std::collections::BTreeMap;

use super::{
    exposition::{Kind, Label},
    histogram::Histogram,
    instance::Instance,
    requests::ATTRIBUTES,
    sink::Sink,
};
use crate::{
    export::{
        otlp::{SCHEMA_URL, SCOPE_NAME, Writer, attribute, field, text_attribute},
        output::VERSION,
    },
    spans::span::Value,
};

/// `AGGREGATION_TEMPORALITY_CUMULATIVE` of metrics.proto.
const CUMULATIVE: u64 = 2;
/// The attribute of what there was no series for (OpenTelemetry specification, "Cardinality limits").
const OVERFLOW: &str = "otel.metric.overflow";
/// Bytes that the length of a message is likely to take.
const LENGTH: usize = 3;

/// Since when and until when was counted, nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) start_ns: u64,
    pub(super) now_ns: u64,
}

/// A metric's name and description in the conventions.
pub(super) type Named = (&'static str, &'static str);

/// One series: its labels, none for the overflow, and its histogram.
type Series<'a> = (Option<Vec<Label<'a>>>, &'a Histogram);

/// The series of several metrics, by the service that they are of.
#[derive(Default)]
pub(super) struct Points<'a> {
    /// By service, which is empty for the overflow, and by the place of the metric.
    by_service: BTreeMap<&'a str, BTreeMap<usize, Vec<Series<'a>>>>,
    count: u32,
}

impl<'a> Points<'a> {
    /// Adds a series of the metric at this place. The first label is the service.
    pub(super) fn add(&mut self, metric: usize, labels: Option<&[Label<'a>]>, histogram: &'a Histogram) {
        let service = match labels.and_then(<[_]>::first) {
            Some(Label::Text(service)) => service,
            _ => "",
        };
        let metrics = self.by_service.entry(service).or_default();
        metrics.entry(metric).or_default().push((labels.map(<[_]>::to_vec), histogram));
        self.count += 1;
    }

    /// How many series there are.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The request.
    pub(super) fn encode(&self, metrics: &[Named], times: Times) -> Vec<u8> {
        let mut out = Writer::with_capacity(self.count as usize * 512);
        for (service, of_service) in &self.by_service {
            out.message(field::metrics_request::RESOURCE_METRICS, LENGTH, |out| {
                out.message(field::resource_metrics::RESOURCE, 1, |out| {
                    if !service.is_empty() {
                        text_attribute(out, field::resource::ATTRIBUTES, "service.name", service);
                    }
                });
                out.message(field::resource_metrics::SCOPE_METRICS, LENGTH, |out| {
                    out.message(field::scope_metrics::SCOPE, 1, |out| {
                        out.string(field::scope::NAME, SCOPE_NAME);
                    });
                    for (place, series) in of_service {
                        if let Some((name, description)) = metrics.get(*place) {
                            out.message(field::scope_metrics::METRICS, LENGTH, |out| {
                                out.string(field::metric::NAME, name);
                                out.string(field::metric::DESCRIPTION, description);
                                out.string(field::metric::UNIT, "s");
                                out.message(field::metric::HISTOGRAM, LENGTH, |out| {
                                    for series in series {
                                        point(out, series, times);
                                    }
                                    out.integer(field::data::AGGREGATION_TEMPORALITY, CUMULATIVE);
                                });
                            });
                        }
                    }
                });
                out.string(field::resource_metrics::SCHEMA_URL, SCHEMA_URL);
            });
        }
        out.into_bytes()
    }
}

fn point(out: &mut Writer, (labels, histogram): &Series<'_>, times: Times) {
    out.message(field::data::DATA_POINTS, 2, |out| {
        numbers(out, histogram, times);
        match labels {
            Some(labels) => {
                // The service stands in the resource.
                for (key, value) in ATTRIBUTES.iter().zip(labels).skip(1) {
                    label(out, field::histogram_point::ATTRIBUTES, key, *value);
                }
            }
            None => {
                attribute(out, field::histogram_point::ATTRIBUTES, OVERFLOW, &Value::Bool(true));
            }
        }
    });
}

/// A histogram's point, but for its attributes.
fn numbers(out: &mut Writer, histogram: &Histogram, times: Times) {
    out.fixed64(field::histogram_point::START_TIME_UNIX_NANO, times.start_ns);
    out.fixed64(field::histogram_point::TIME_UNIX_NANO, times.now_ns);
    out.fixed64(field::histogram_point::COUNT, histogram.count());
    out.fixed64(field::histogram_point::SUM, histogram.sum().to_bits());
    // Repeated numbers are packed: one field with all of them.
    out.header(field::histogram_point::BUCKET_COUNTS, 8 * histogram.counts().len());
    for count in histogram.counts() {
        out.raw(&count.to_le_bytes());
    }
    out.header(field::histogram_point::EXPLICIT_BOUNDS, 8 * histogram.bounds().len());
    for bound in histogram.bounds() {
        out.raw(&bound.to_le_bytes());
    }
    for (_, _, exemplar) in histogram.cumulative() {
        let Some(exemplar) = exemplar else { continue };
        out.message(field::histogram_point::EXEMPLARS, 1, |out| {
            out.fixed64(field::exemplar::TIME_UNIX_NANO, exemplar.time_ns);
            out.fixed64(field::exemplar::AS_DOUBLE, exemplar.value.to_bits());
            out.bytes(field::exemplar::SPAN_ID, &exemplar.span_id);
            out.bytes(field::exemplar::TRACE_ID, &exemplar.trace_id);
        });
    }
}

fn label(out: &mut Writer, field: u32, key: &str, value: Label<'_>) {
    match value {
        Label::Absent => {}
        Label::Text(text) => text_attribute(out, field, key, text),
        Label::Int(number) => attribute(out, field, key, &Value::Int(number)),
    }
}

/// Every other metric, under its name for Prometheus, as one more resource: the tracer itself.
pub(super) struct Own {
    times: Times,
    metrics: Writer,
    name: &'static str,
    help: &'static str,
    kind: Kind,
    points: Writer,
    count: u32,
}

impl Own {
    pub(super) fn new(times: Times) -> Self {
        Self {
            times,
            metrics: Writer::with_capacity(1 << 14),
            name: "",
            help: "",
            kind: Kind::Gauge,
            points: Writer::with_capacity(1 << 10),
            count: 0,
        }
    }

    /// The bytes, and the number of data points.
    pub(super) fn finish(mut self, instance: &Instance) -> (Vec<u8>, u32) {
        self.end_metric();
        let metrics = self.metrics.into_bytes();
        let mut out = Writer::with_capacity(metrics.len() + 256);
        out.message(field::metrics_request::RESOURCE_METRICS, LENGTH, |out| {
            out.message(field::resource_metrics::RESOURCE, 1, |out| {
                text_attribute(out, field::resource::ATTRIBUTES, "service.name", SCOPE_NAME);
                text_attribute(out, field::resource::ATTRIBUTES, "service.version", VERSION);
                text_attribute(out, field::resource::ATTRIBUTES, "service.instance.id", &instance.id);
                if let Some(host) = &instance.host {
                    text_attribute(out, field::resource::ATTRIBUTES, "host.name", host);
                }
            });
            out.message(field::resource_metrics::SCOPE_METRICS, LENGTH, |out| {
                out.message(field::scope_metrics::SCOPE, 1, |out| out.string(field::scope::NAME, SCOPE_NAME));
                out.raw(&metrics);
            });
        });
        (out.into_bytes(), self.count)
    }

    fn end_metric(&mut self) {
        let points = std::mem::replace(&mut self.points, Writer::with_capacity(1 << 10)).into_bytes();
        if points.is_empty() {
            return;
        }
        let Self { metrics, name, help, kind, .. } = self;
        metrics.message(field::scope_metrics::METRICS, LENGTH, |out| {
            out.string(field::metric::NAME, name);
            out.string(field::metric::DESCRIPTION, help);
            let data = match kind {
                Kind::Counter => field::metric::SUM,
                Kind::Gauge => field::metric::GAUGE,
                Kind::Histogram => field::metric::HISTOGRAM,
            };
            out.message(data, LENGTH, |out| {
                out.raw(&points);
                if *kind != Kind::Gauge {
                    out.integer(field::data::AGGREGATION_TEMPORALITY, CUMULATIVE);
                }
                if *kind == Kind::Counter {
                    out.integer(field::data::IS_MONOTONIC, 1);
                }
            });
        });
    }
}

impl Sink for Own {
    fn metric(&mut self, name: &'static str, kind: Kind, help: &'static str) {
        self.end_metric();
        (self.name, self.kind, self.help) = (name, kind, help);
    }

    fn sample(&mut self, names: &[&str], values: &[Label<'_>], value: f64) {
        let times = self.times;
        self.count += 1;
        self.points.message(field::data::DATA_POINTS, 1, |out| {
            out.fixed64(field::number_point::START_TIME_UNIX_NANO, times.start_ns);
            out.fixed64(field::number_point::TIME_UNIX_NANO, times.now_ns);
            out.double(field::number_point::AS_DOUBLE, value);
            for (key, value) in names.iter().zip(values) {
                label(out, field::number_point::ATTRIBUTES, key, *value);
            }
        });
    }

    fn histogram(&mut self, names: &[&str], values: &[Label<'_>], histogram: &Histogram) {
        let times = self.times;
        self.count += 1;
        self.points.message(field::data::DATA_POINTS, 2, |out| {
            numbers(out, histogram, times);
            for (key, value) in names.iter().zip(values) {
                label(out, field::histogram_point::ATTRIBUTES, key, *value);
            }
        });
    }
}
