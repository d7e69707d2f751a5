//! What is delivered: each signal has its own variables, path and method.

/// A signal of OTLP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signal {
    /// `ExportTraceServiceRequest`
    #[default]
    Traces,
    /// `ExportMetricsServiceRequest`; what counters call spans are data points then.
    Metrics,
}

impl Signal {
    /// Appended to the base endpoint for HTTP (OTLP exporter specification, "Endpoint URLs for OTLP/HTTP").
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Traces => "v1/traces",
            Self::Metrics => "v1/metrics",
        }
    }

    /// The one method of its service (opentelemetry/proto/collector).
    pub(crate) const fn method(self) -> &'static str {
        match self {
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        }
    }

    /// What stands in the names of its own variables.
    pub(crate) const fn variable(self) -> &'static str {
        match self {
            Self::Traces => "TRACES",
            Self::Metrics => "METRICS",
        }
    }
}
