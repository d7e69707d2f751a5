//! Metrics of what is traced, counted before sampling, and of the tracer itself.

mod exposition;
mod graph;
mod histogram;
mod influx;
mod instance;
mod otlp;
mod own;
mod push;
mod requests;
mod series;
mod sink;
mod spans;
#[cfg(test)]
mod tests;

pub use exposition::{Exposition, Format, Kind, Label};
pub use histogram::{Exemplar, Histogram};
pub use instance::Instance;
pub use own::write_own;
pub use push::{Payload, Push};
pub use sink::Sink;

use self::{graph::Graph, otlp::Times, requests::Requests, series::SeriesOf, spans::Calls};
use crate::{
    config::{self, Family},
    spans::span::Span,
};

/// The one label of what there was no series for (OpenTelemetry specification, "Cardinality limits", as Prometheus writes it).
const OVERFLOW: &str = "otel_metric_overflow";

/// Metrics of the spans that were made.
#[derive(Debug)]
pub struct Metrics {
    requests: Option<Requests>,
    graph: Option<Graph>,
    calls: Option<Calls>,
    exemplars: bool,
}

impl Metrics {
    /// What a configuration asks for; `None` where nobody is going to read them.
    pub fn new(config: &config::Metrics) -> Option<Self> {
        let limit = config.max_series as usize;
        let wants = |family| config.families.contains(&family);
        let somebody_reads = config.listen.is_some() || !config.push_interval.is_zero();
        somebody_reads.then(|| Self {
            requests: wants(Family::Http).then(|| Requests::new(limit)),
            graph: wants(Family::ServiceGraph).then(|| Graph::new(limit)),
            calls: wants(Family::SpanMetrics).then(|| Calls::new(limit)),
            exemplars: config.exemplars,
        })
    }

    /// Counts a finished trace or a part of one, before it is sampled. `kept`: it is known already that it will be kept.
    pub fn take(&mut self, trace: &[Span], kept: bool) {
        let kept = kept && self.exemplars;
        for span in trace {
            if let Some(requests) = &mut self.requests {
                requests.take(span, kept);
            }
            if let Some(calls) = &mut self.calls {
                calls.take(span, kept);
            }
        }
        if let Some(graph) = &mut self.graph {
            graph.take(trace, kept);
        }
    }

    /// A trace was kept of which that was not known before: its spans can be found at the backend, and may serve as examples.
    pub fn kept(&mut self, trace: &[Span]) {
        if !self.exemplars {
            return;
        }
        for span in trace {
            if let Some(requests) = &mut self.requests {
                requests.kept(span);
            }
            if let Some(calls) = &mut self.calls {
                calls.kept(span);
            }
        }
        if let Some(graph) = &mut self.graph {
            graph.kept(trace);
        }
    }

    /// The request metrics as the bytes of an OTLP request, with the number of series; `None` for no series. Counted was
    /// from `start_ns` to `now_ns`, nanoseconds since the Unix epoch.
    pub fn to_otlp(&self, start_ns: u64, now_ns: u64) -> Option<(Vec<u8>, u32)> {
        self.requests.as_ref()?.to_otlp(Times { start_ns, now_ns })
    }

    /// Writes all of them.
    pub fn write(&self, out: &mut dyn Sink) {
        if let Some(requests) = &self.requests {
            requests.write(out);
        }
        self.write_others(out);
    }

    /// Writes all but the request metrics, which OTLP has under other names.
    fn write_others(&self, out: &mut dyn Sink) {
        if let Some(graph) = &self.graph {
            graph.write(out);
        }
        if let Some(calls) = &self.calls {
            calls.write(out);
        }
        let sizes: Vec<_> = self
            .requests
            .iter()
            .flat_map(Requests::sizes)
            .chain(self.graph.iter().map(Graph::size))
            .chain(self.calls.iter().map(Calls::size))
            .collect();
        let names = ["metric"];
        out.metric("tracer_metric_series", Kind::Gauge, "Series of a metric.");
        for (name, series, _) in &sizes {
            out.sample(&names, &[Label::Text(name)], *series as f64);
        }
        out.metric(
            "tracer_metric_overflow_total",
            Kind::Counter,
            "Values that there was no series for, so that they went to that of the overflow.",
        );
        for (name, _, overflowed) in &sizes {
            out.sample(&names, &[Label::Text(name)], *overflowed as f64);
        }
    }
}

/// Calls with the labels and the value of each series.
fn write_series<T>(
    series: &SeriesOf<T>,
    names: &[&'static str],
    mut write: impl FnMut(&[&'static str], &[Label<'_>], &T),
) {
    series.for_each(|labels, value| match labels {
        Some(labels) => write(names, labels, value),
        None => write(&[OVERFLOW], &[Label::Text("true")], value),
    });
}
