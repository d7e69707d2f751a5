//! The text that Prometheus reads, in either of its formats.
//!
//! Prometheus, "Exposition formats", text version 0.0.4; OpenMetrics 1.0.0, which alone has exemplars.

use std::fmt::{self, Write as _};

use super::{
    histogram::{Exemplar, Histogram},
    sink::Sink,
};
use crate::asked::{Question, Request};

/// Which of the formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' own, 0.0.4.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only rises; its name ends in `_total`.
    Counter,
    /// It rises and falls.
    Gauge,
    /// A histogram.
    Histogram,
}

/// The value of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label<'a> {
    /// The label is left out.
    Absent,
    /// Text.
    Text(&'a str),
    /// A whole number.
    Int(i64),
}

/// Metrics as text.
#[derive(Debug)]
pub struct Exposition {
    format: Format,
    text: String,
    name: &'static str,
}

impl Format {
    /// The format that an `Accept` header asks for.
    fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Text }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

impl Question for Format {
    const ENDPOINT: &'static str = "metrics";
    const KEY: &'static str = "metrics.listen";
    const PATHS: &'static [&'static str] = &["/metrics"];

    fn read(request: &Request<'_>) -> Result<Self, &'static str> {
        Ok(Self::accepted(request.accept))
    }

    fn content_type(&self) -> &'static str {
        self.media_type()
    }
}

impl Exposition {
    /// No metrics yet.
    pub fn new(format: Format) -> Self {
        Self { format, text: String::new(), name: "" }
    }

    /// The text.
    pub fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    fn line(
        &mut self,
        suffix: &str,
        names: &[&str],
        values: &[Label<'_>],
        bound: Option<f64>,
        value: f64,
        exemplar: Option<&Exemplar>,
    ) {
        let text = &mut self.text;
        text.push_str(self.name);
        text.push_str(suffix);
        let mut before = '{';
        for (name, value) in names.iter().zip(values) {
            if *value != Label::Absent {
                text.push(before);
                before = ',';
                let _ = write!(text, "{name}=\"{}\"", Escaped(*value));
            }
        }
        if let Some(bound) = bound {
            text.push(before);
            before = ',';
            let _ = match self.format {
                _ if bound.is_infinite() => text.write_str("le=\"+Inf\""),
                Format::Text => write!(text, "le=\"{bound}\""),
                // A number there always has its point.
                Format::OpenMetrics => write!(text, "le=\"{bound:?}\""),
            };
        }
        if before == ',' {
            text.push('}');
        }
        let _ = write!(text, " {value}");
        if let Some(exemplar) = exemplar.filter(|_| self.format == Format::OpenMetrics) {
            let seconds = exemplar.time_ns as f64 / 1e9;
            let _ = write!(
                text,
                " # {{trace_id=\"{:032x}\",span_id=\"{:016x}\"}} {} {seconds:.3}",
                u128::from_be_bytes(exemplar.trace_id),
                u64::from_be_bytes(exemplar.span_id),
                exemplar.value
            );
        }
        text.push('\n');
    }
}

impl Sink for Exposition {
    fn metric(&mut self, name: &'static str, kind: Kind, help: &'static str) {
        self.name = name;
        let word = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // OpenMetrics names a counter without its suffix.
        let name = match self.format {
            Format::OpenMetrics => name.strip_suffix("_total").unwrap_or(name),
            Format::Text => name,
        };
        // Writing to memory does not fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {word}");
    }

    fn sample(&mut self, names: &[&str], values: &[Label<'_>], value: f64) {
        self.line("", names, values, None, value, None);
    }

    fn histogram(&mut self, names: &[&str], values: &[Label<'_>], histogram: &Histogram) {
        for (bound, count, exemplar) in histogram.cumulative() {
            self.line("_bucket", names, values, Some(bound), count as f64, exemplar);
        }
        self.line("_sum", names, values, None, histogram.sum(), None);
        self.line("_count", names, values, None, histogram.count() as f64, None);
    }
}

/// A label's value with what would end it escaped.
struct Escaped<'a>(Label<'a>);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Label::Absent => Ok(()),
            Label::Int(number) => write!(f, "{number}"),
            Label::Text(text) if !text.contains(['\\', '"', '\n']) => f.write_str(text),
            Label::Text(text) => text.chars().try_for_each(|c| match c {
                '\\' => f.write_str("\\\\"),
                '"' => f.write_str("\\\""),
                '\n' => f.write_str("\\n"),
                c => f.write_char(c),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(write: impl Fn(&mut Exposition)) -> [String; 2] {
        [Format::Text, Format::OpenMetrics].map(|format| {
            let mut exposition = Exposition::new(format);
            write(&mut exposition);
            exposition.finish()
        })
    }

    #[test]
    fn counters_and_labels() {
        let [text, open] = both(|exposition| {
            exposition.metric("x_total", Kind::Counter, "What it is.");
            exposition.sample(
                &["a", "b", "c"],
                &[Label::Text("q\"\\\n"), Label::Absent, Label::Int(-3)],
                7.0,
            );
            exposition.sample(&["a"], &[Label::Absent], 0.25);
        });
        let samples = "x_total{a=\"q\\\"\\\\\\n\",c=\"-3\"} 7\nx_total 0.25\n";
        assert_eq!(text, format!("# HELP x_total What it is.\n# TYPE x_total counter\n{samples}"));
        assert_eq!(open, format!("# HELP x What it is.\n# TYPE x counter\n{samples}# EOF\n"));
    }

    #[test]
    fn histograms_and_exemplars() {
        let mut histogram = Histogram::new(&[0.5, 1.0]);
        for ns in [400_000_000, 1_000_000_000, 3_000_000_000] {
            histogram.observe(ns);
        }
        histogram.remember(400_000_000, 1_790_000_000_250_000_000, [0xab; 16], [1; 8]);
        let [text, open] = both(|exposition| {
            exposition.metric("d_seconds", Kind::Histogram, "Durations.");
            exposition.histogram(&["s"], &[Label::Text("shop")], &histogram);
        });
        assert_eq!(
            text,
            "# HELP d_seconds Durations.\n# TYPE d_seconds histogram\n\
             d_seconds_bucket{s=\"shop\",le=\"0.5\"} 1\nd_seconds_bucket{s=\"shop\",le=\"1\"} 2\n\
             d_seconds_bucket{s=\"shop\",le=\"+Inf\"} 3\nd_seconds_sum{s=\"shop\"} 4.4\nd_seconds_count{s=\"shop\"} 3\n"
        );
        assert!(
            open.contains(
                "d_seconds_bucket{s=\"shop\",le=\"0.5\"} 1 # {trace_id=\"abababababababababababababababab\",\
                 span_id=\"0101010101010101\"} 0.4 1790000000.250\n\
                 d_seconds_bucket{s=\"shop\",le=\"1.0\"} 2\n"
            ),
            "{open}"
        );
    }

    #[test]
    fn formats_are_negotiated() {
        let of_prometheus =
            "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.4,*/*;q=0.1";
        assert_eq!(Format::accepted(of_prometheus), Format::OpenMetrics);
        assert_eq!(Format::accepted("text/plain"), Format::Text);
        assert_eq!(Format::accepted(""), Format::Text);
    }
}
