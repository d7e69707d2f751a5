//! Metrics on their way to a backend, in regular intervals.

use std::{sync::Arc, time::Duration};

use tracer_otlp::{Batch, Exporter, Settings, Snapshot, StartError, Stats};

use super::{
    Metrics,
    influx::Lines,
    instance::Instance,
    otlp::{Own, Times},
    write_own,
};
use crate::telemetry::status;

/// Sends metrics in regular intervals.
pub struct Push {
    exporter: Exporter,
    stats: Arc<Stats>,
    interval_ns: u64,
    due_ns: u64,
    start_wall_ns: u64,
    payload: Payload,
    instance: Instance,
}

/// The form in which metrics are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// `ExportMetricsServiceRequest` in protobuf.
    Otlp,
    /// The same, but of what the tracer says of itself alone.
    OtlpOwn,
    /// InfluxDB's line protocol.
    InfluxLines,
}

impl Push {
    /// Starts to deliver. `now_ns` is CLOCK_MONOTONIC, `wall_ns` the same moment since the Unix epoch.
    pub fn start(
        settings: Settings,
        payload: Payload,
        interval: Duration,
        instance: Instance,
        now_ns: u64,
        wall_ns: u64,
    ) -> Result<Self, StartError> {
        let stats = Arc::new(Stats::default());
        let exporter = Exporter::start(settings, stats.clone())?;
        let interval_ns = interval.as_nanos() as u64;
        Ok(Self {
            exporter,
            stats,
            interval_ns,
            due_ns: now_ns + interval_ns,
            start_wall_ns: wall_ns,
            payload,
            instance,
        })
    }

    /// Whether it is time to send; the next time is one interval later.
    pub fn is_due(&mut self, now_ns: u64) -> bool {
        let is_due = now_ns >= self.due_ns;
        if is_due {
            self.due_ns = now_ns + self.interval_ns;
        }
        is_due
    }

    /// Sends in another interval from now on.
    pub fn set_interval(&mut self, interval: Duration, now_ns: u64) {
        self.interval_ns = interval.as_nanos() as u64;
        self.due_ns = now_ns + self.interval_ns;
    }

    /// The exporter's counters; its spans are data points.
    pub fn stats(&self) -> Snapshot {
        self.stats.snapshot()
    }

    /// Sends what was counted, and what the tracer says of itself.
    pub fn send(&mut self, metrics: Option<&Metrics>, status: &status::Snapshot, wall_ns: u64) {
        let (payload, points) = match self.payload {
            Payload::Otlp | Payload::OtlpOwn => {
                let times = Times { start_ns: self.start_wall_ns, now_ns: wall_ns };
                let metrics = metrics.filter(|_| self.payload == Payload::Otlp);
                let requests = metrics.and_then(|metrics| metrics.to_otlp(times.start_ns, times.now_ns));
                let (mut payload, count) = requests.unwrap_or_default();
                let mut others = Own::new(times);
                if let Some(metrics) = metrics {
                    metrics.write_others(&mut others);
                }
                write_own(status, wall_ns, &mut others);
                let (bytes, more) = others.finish(&self.instance);
                // Both are lists of resources, and protobuf lists may be put together byte by byte.
                payload.extend_from_slice(&bytes);
                (payload, count + more)
            }
            Payload::InfluxLines => {
                let mut lines = Lines::new(wall_ns);
                if let Some(metrics) = metrics {
                    metrics.write(&mut lines);
                }
                write_own(status, wall_ns, &mut lines);
                let (text, count) = lines.finish();
                (text.into_bytes(), count)
            }
        };
        // A full queue is counted by the exporter.
        let _ = self.exporter.offer(Batch { payload: payload.into(), spans: points });
    }

    /// Waits for the delivery of what was sent, for at most `deadline`. Returns the last counters.
    pub fn finish(self, deadline: Duration) -> Snapshot {
        self.exporter.shutdown(deadline);
        self.stats.snapshot()
    }
}
