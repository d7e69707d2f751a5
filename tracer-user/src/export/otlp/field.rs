//! Field numbers of OTLP, by message and by the field's name in opentelemetry-proto v1.

/// collector/trace/v1/trace_service.proto, `ExportTraceServiceRequest`.
pub(crate) mod request {
    pub(crate) const RESOURCE_SPANS: u32 = 1;
}
/// trace/v1/trace.proto, `ResourceSpans`.
pub(crate) mod resource_spans {
    pub(crate) const RESOURCE: u32 = 1;
    pub(crate) const SCOPE_SPANS: u32 = 2;
    pub(crate) const SCHEMA_URL: u32 = 3;
}
/// trace/v1/trace.proto, `ScopeSpans`.
pub(crate) mod scope_spans {
    pub(crate) const SCOPE: u32 = 1;
    pub(crate) const SPANS: u32 = 2;
    pub(crate) const SCHEMA_URL: u32 = 3;
}
/// trace/v1/trace.proto, `Span`.
pub(crate) mod span {
    pub(crate) const TRACE_ID: u32 = 1;
    pub(crate) const SPAN_ID: u32 = 2;
    pub(crate) const TRACE_STATE: u32 = 3;
    pub(crate) const PARENT_SPAN_ID: u32 = 4;
    pub(crate) const NAME: u32 = 5;
    pub(crate) const KIND: u32 = 6;
    pub(crate) const START_TIME_UNIX_NANO: u32 = 7;
    pub(crate) const END_TIME_UNIX_NANO: u32 = 8;
    pub(crate) const ATTRIBUTES: u32 = 9;
    pub(crate) const LINKS: u32 = 13;
    pub(crate) const STATUS: u32 = 15;
    pub(crate) const FLAGS: u32 = 16;
}
/// trace/v1/trace.proto, `Span.Link`.
pub(crate) mod link {
    pub(crate) const TRACE_ID: u32 = 1;
    pub(crate) const SPAN_ID: u32 = 2;
    pub(crate) const ATTRIBUTES: u32 = 4;
}
/// trace/v1/trace.proto, `Status`.
pub(crate) mod status {
    pub(crate) const CODE: u32 = 3;
}
/// resource/v1/resource.proto, `Resource`.
pub(crate) mod resource {
    pub(crate) const ATTRIBUTES: u32 = 1;
}
/// common/v1/common.proto, `InstrumentationScope`.
pub(crate) mod scope {
    pub(crate) const NAME: u32 = 1;
    pub(crate) const VERSION: u32 = 2;
}
/// common/v1/common.proto, `KeyValue`.
pub(crate) mod key_value {
    pub(crate) const KEY: u32 = 1;
    pub(crate) const VALUE: u32 = 2;
}
/// common/v1/common.proto, `AnyValue`.
pub(crate) mod any_value {
    pub(crate) const STRING: u32 = 1;
    pub(crate) const BOOL: u32 = 2;
    pub(crate) const INT: u32 = 3;
    pub(crate) const ARRAY: u32 = 5;
}
/// common/v1/common.proto, `ArrayValue`.
pub(crate) mod array_value {
    pub(crate) const VALUES: u32 = 1;
}
/// collector/metrics/v1/metrics_service.proto, `ExportMetricsServiceRequest`.
pub(crate) mod metrics_request {
    pub(crate) const RESOURCE_METRICS: u32 = 1;
}
/// metrics/v1/metrics.proto, `ResourceMetrics`.
pub(crate) mod resource_metrics {
    pub(crate) const RESOURCE: u32 = 1;
    pub(crate) const SCOPE_METRICS: u32 = 2;
    pub(crate) const SCHEMA_URL: u32 = 3;
}
/// metrics/v1/metrics.proto, `ScopeMetrics`.
pub(crate) mod scope_metrics {
    pub(crate) const SCOPE: u32 = 1;
    pub(crate) const METRICS: u32 = 2;
}
/// metrics/v1/metrics.proto, `Metric`.
pub(crate) mod metric {
    pub(crate) const NAME: u32 = 1;
    pub(crate) const DESCRIPTION: u32 = 2;
    pub(crate) const UNIT: u32 = 3;
    pub(crate) const GAUGE: u32 = 5;
    pub(crate) const SUM: u32 = 7;
    pub(crate) const HISTOGRAM: u32 = 9;
}
/// metrics/v1/metrics.proto, `Gauge`, `Sum` and `Histogram`, which agree in what they have.
pub(crate) mod data {
    pub(crate) const DATA_POINTS: u32 = 1;
    pub(crate) const AGGREGATION_TEMPORALITY: u32 = 2;
    pub(crate) const IS_MONOTONIC: u32 = 3;
}
/// metrics/v1/metrics.proto, `NumberDataPoint`.
pub(crate) mod number_point {
    pub(crate) const START_TIME_UNIX_NANO: u32 = 2;
    pub(crate) const TIME_UNIX_NANO: u32 = 3;
    pub(crate) const AS_DOUBLE: u32 = 4;
    pub(crate) const ATTRIBUTES: u32 = 7;
}
/// metrics/v1/metrics.proto, `HistogramDataPoint`.
pub(crate) mod histogram_point {
    pub(crate) const START_TIME_UNIX_NANO: u32 = 2;
    pub(crate) const TIME_UNIX_NANO: u32 = 3;
    pub(crate) const COUNT: u32 = 4;
    pub(crate) const SUM: u32 = 5;
    pub(crate) const BUCKET_COUNTS: u32 = 6;
    pub(crate) const EXPLICIT_BOUNDS: u32 = 7;
    pub(crate) const EXEMPLARS: u32 = 8;
    pub(crate) const ATTRIBUTES: u32 = 9;
}
/// metrics/v1/metrics.proto, `Exemplar`.
pub(crate) mod exemplar {
    pub(crate) const TIME_UNIX_NANO: u32 = 2;
    pub(crate) const AS_DOUBLE: u32 = 3;
    pub(crate) const SPAN_ID: u32 = 4;
    pub(crate) const TRACE_ID: u32 = 5;
}
