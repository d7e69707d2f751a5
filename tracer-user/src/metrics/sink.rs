//! Where metrics are written to: text for Prometheus, OTLP, lines for InfluxDB.

use super::{
    exposition::{Kind, Label},
    histogram::Histogram,
};

/// Takes metrics one after the other.
pub trait Sink {
    /// Starts a metric; samples of it follow. `help` is one line.
    fn metric(&mut self, name: &'static str, kind: Kind, help: &'static str);

    /// One value of the metric at hand.
    fn sample(&mut self, names: &[&str], values: &[Label<'_>], value: f64);

    /// One histogram of the metric at hand.
    fn histogram(&mut self, names: &[&str], values: &[Label<'_>], histogram: &Histogram);
}
