//! Request metrics as the bytes of an OTLP `ExportMetricsServiceRequest`, by their names in the semantic conventions.

use std::collections::BTreeMap;

use super::{exposition::Label, histogram::Histogram, requests::ATTRIBUTES};
use crate::export::otlp::{SCHEMA_URL, SCOPE_NAME, Writer};

/// Field numbers, by message and by the field's name in opentelemetry-proto v1.
mod field {
    /// collector/metrics/v1/metrics_service.proto, `ExportMetricsServiceRequest`.
    pub(super) const RESOURCE_METRICS: u32 = 1;
    /// metrics/v1/metrics.proto, `ResourceMetrics`.
    pub(super) mod resource_metrics {
        pub(in super::super) const RESOURCE: u32 = 1;
        pub(in super::super) const SCOPE_METRICS: u32 = 2;
        pub(in super::super) const SCHEMA_URL: u32 = 3;
    }
    /// metrics/v1/metrics.proto, `ScopeMetrics`.
    pub(super) mod scope_metrics {
        pub(in super::super) const SCOPE: u32 = 1;
        pub(in super::super) const METRICS: u32 = 2;
    }
    /// metrics/v1/metrics.proto, `Metric`.
    pub(super) mod metric {
        pub(in super::super) const NAME: u32 = 1;
        pub(in super::super) const DESCRIPTION: u32 = 2;
        pub(in super::super) const UNIT: u32 = 3;
        pub(in super::super) const HISTOGRAM: u32 = 9;
    }
    /// metrics/v1/metrics.proto, `Histogram`.
    pub(super) mod histogram {
        pub(in super::super) const DATA_POINTS: u32 = 1;
        pub(in super::super) const AGGREGATION_TEMPORALITY: u32 = 2;
    }
    /// metrics/v1/metrics.proto, `HistogramDataPoint`.
    pub(super) mod point {
        pub(in super::super) const START_TIME_UNIX_NANO: u32 = 2;
        pub(in super::super) const TIME_UNIX_NANO: u32 = 3;
        pub(in super::super) const COUNT: u32 = 4;
        pub(in super::super) const SUM: u32 = 5;
        pub(in super::super) const BUCKET_COUNTS: u32 = 6;
        pub(in super::super) const EXPLICIT_BOUNDS: u32 = 7;
        pub(in super::super) const EXEMPLARS: u32 = 8;
        pub(in super::super) const ATTRIBUTES: u32 = 9;
    }
    /// metrics/v1/metrics.proto, `Exemplar`.
    pub(super) mod exemplar {
        pub(in super::super) const TIME_UNIX_NANO: u32 = 2;
        pub(in super::super) const AS_DOUBLE: u32 = 3;
        pub(in super::super) const SPAN_ID: u32 = 4;
        pub(in super::super) const TRACE_ID: u32 = 5;
    }
    /// resource/v1/resource.proto, `Resource`.
    pub(super) const RESOURCE_ATTRIBUTES: u32 = 1;
    /// common/v1/common.proto, `InstrumentationScope`.
    pub(super) const SCOPE_NAME: u32 = 1;
    /// common/v1/common.proto, `KeyValue`.
    pub(super) mod key_value {
        pub(in super::super) const KEY: u32 = 1;
        pub(in super::super) const VALUE: u32 = 2;
    }
    /// common/v1/common.proto, `AnyValue`.
    pub(super) mod any_value {
        pub(in super::super) const STRING: u32 = 1;
        pub(in super::super) const BOOL: u32 = 2;
        pub(in super::super) const INT: u32 = 3;
    }
}

/// `AGGREGATION_TEMPORALITY_CUMULATIVE` of metrics.proto.
const CUMULATIVE: u64 = 2;
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
            out.message(field::RESOURCE_METRICS, LENGTH, |out| {
                out.message(field::resource_metrics::RESOURCE, 1, |out| {
                    if !service.is_empty() {
                        attribute(out, field::RESOURCE_ATTRIBUTES, "service.name", Label::Text(service));
                    }
                });
                out.message(field::resource_metrics::SCOPE_METRICS, LENGTH, |out| {
                    out.message(field::scope_metrics::SCOPE, 1, |out| {
                        out.string(field::SCOPE_NAME, SCOPE_NAME);
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
                                    out.integer(field::histogram::AGGREGATION_TEMPORALITY, CUMULATIVE);
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
    out.message(field::histogram::DATA_POINTS, 2, |out| {
        out.fixed64(field::point::START_TIME_UNIX_NANO, times.start_ns);
        out.fixed64(field::point::TIME_UNIX_NANO, times.now_ns);
        out.fixed64(field::point::COUNT, histogram.count());
        out.fixed64(field::point::SUM, histogram.sum().to_bits());
        // Repeated numbers are packed: one field with all of them.
        out.header(field::point::BUCKET_COUNTS, 8 * histogram.counts().len());
        for count in histogram.counts() {
            out.raw(&count.to_le_bytes());
        }
        out.header(field::point::EXPLICIT_BOUNDS, 8 * histogram.bounds().len());
        for bound in histogram.bounds() {
            out.raw(&bound.to_le_bytes());
        }
        for (_, _, exemplar) in histogram.cumulative() {
            let Some(exemplar) = exemplar else { continue };
            out.message(field::point::EXEMPLARS, 1, |out| {
                out.fixed64(field::exemplar::TIME_UNIX_NANO, exemplar.time_ns);
                out.fixed64(field::exemplar::AS_DOUBLE, exemplar.value.to_bits());
                out.bytes(field::exemplar::SPAN_ID, &exemplar.span_id);
                out.bytes(field::exemplar::TRACE_ID, &exemplar.trace_id);
            });
        }
        match labels {
            Some(labels) => {
                // The service stands in the resource.
                for (key, value) in ATTRIBUTES.iter().zip(labels).skip(1) {
                    attribute(out, field::point::ATTRIBUTES, key, *value);
                }
            }
            None => out.message(field::point::ATTRIBUTES, 1, |out| {
                out.string(field::key_value::KEY, "otel.metric.overflow");
                out.message(field::key_value::VALUE, 1, |out| out.integer(field::any_value::BOOL, 1));
            }),
        }
    });
}

fn attribute(out: &mut Writer, field: u32, key: &str, value: Label<'_>) {
    if value == Label::Absent {
        return;
    }
    out.message(field, 1, |out| {
        out.string(field::key_value::KEY, key);
        out.message(field::key_value::VALUE, 1, |out| match value {
            Label::Absent => {}
            Label::Text(text) => out.bytes(field::any_value::STRING, text.as_bytes()),
            Label::Int(number) => out.integer(field::any_value::INT, number as u64),
        });
    });
}
