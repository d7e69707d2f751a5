//! Metrics as InfluxDB's line protocol (InfluxDB 1.x, "Line protocol reference").
//!
//! Measurements and fields are those of Telegraf's `prometheus` input with `metric_version = 1`: the measurement is the metric, labels are
//! tags, and the fields are `counter` or `gauge`, or for a histogram `count`, `sum` and for each bucket its upper bound.

use std::fmt::Write as _;

use super::{
    exposition::{Kind, Label},
    histogram::Histogram,
    sink::Sink,
};

/// Lines, each with a time.
#[derive(Debug)]
pub(super) struct Lines {
    text: String,
    count: u32,
    measurement: &'static str,
    field: &'static str,
    /// Nanoseconds since the Unix epoch.
    time_ns: u64,
}

impl Lines {
    pub(super) fn new(time_ns: u64) -> Self {
        Self { text: String::new(), count: 0, measurement: "", field: "", time_ns }
    }

    /// The text and the number of its lines.
    pub(super) fn finish(self) -> (String, u32) {
        (self.text, self.count)
    }

    fn line(&mut self, names: &[&str], values: &[Label<'_>], fields: &str) {
        let text = &mut self.text;
        text.push_str(self.measurement);
        for (name, value) in names.iter().zip(values) {
            match value {
                Label::Int(number) => {
                    let _ = write!(text, ",{name}={number}");
                }
                // A tag has no empty value.
                Label::Text(value) if !value.is_empty() => {
                    let _ = write!(text, ",{name}=");
                    escape(text, value);
                }
                Label::Absent | Label::Text(_) => {}
            }
        }
        let _ = writeln!(text, " {fields} {}", self.time_ns);
        self.count += 1;
    }
}

impl Sink for Lines {
    fn metric(&mut self, name: &'static str, kind: Kind, _: &'static str) {
        self.measurement = name;
        self.field = match kind {
            Kind::Counter => "counter",
            Kind::Gauge | Kind::Histogram => "gauge",
        };
    }

    fn sample(&mut self, names: &[&str], values: &[Label<'_>], value: f64) {
        // InfluxDB knows no other numbers.
        if value.is_finite() {
            self.line(names, values, &format!("{}={value}", self.field));
        }
    }

    fn histogram(&mut self, names: &[&str], values: &[Label<'_>], histogram: &Histogram) {
        let mut fields = format!("count={},sum={}", histogram.count(), histogram.sum());
        for (bound, count, _) in histogram.cumulative() {
            let _ = if bound.is_infinite() {
                write!(fields, ",+Inf={count}")
            } else {
                write!(fields, ",{bound}={count}")
            };
        }
        self.line(names, values, &fields);
    }
}

/// Writes the value of a tag. A newline has no escape and becomes a space; so does a backslash, which would escape what follows.
fn escape(out: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            ',' | '=' | ' ' => out.extend(['\\', character]),
            '\\' | '\n' | '\r' => out.push_str("\\ "),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_they_are_written() {
        let mut lines = Lines::new(7);
        lines.metric("x_total", Kind::Counter, "");
        lines.sample(&["a", "b", "c"], &[Label::Text("one, two"), Label::Absent, Label::Int(3)], 4.0);
        lines.sample(&["a"], &[Label::Text("")], f64::NAN);
        lines.metric("y", Kind::Gauge, "");
        lines.sample(&["a"], &[Label::Text("k=v\\\n")], 0.5);
        let mut histogram = Histogram::new(&[0.1, 1.0]);
        histogram.observe(50_000_000);
        histogram.observe(2_000_000_000);
        lines.metric("z_seconds", Kind::Histogram, "");
        lines.histogram(&[], &[], &histogram);
        let expected = "x_total,a=one\\,\\ two,c=3 counter=4 7\n\
                        y,a=k\\=v\\ \\  gauge=0.5 7\n\
                        z_seconds count=2,sum=2.05,0.1=1,1=1,+Inf=2 7\n";
        assert_eq!(lines.finish(), (expected.to_owned(), 3));
    }
}
