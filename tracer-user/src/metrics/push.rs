//! Metrics on their way to an OTLP backend, in regular intervals.

use std::{sync::Arc, time::Duration};

use tracer_otlp::{Batch, Exporter, Settings, Snapshot, StartError, Stats};

use super::Metrics;

/// Sends metrics in regular intervals.
pub struct Push {
    exporter: Exporter,
    stats: Arc<Stats>,
    interval_ns: u64,
    due_ns: u64,
    start_wall_ns: u64,
}

impl Push {
    /// Starts to deliver. `now_ns` is CLOCK_MONOTONIC, `wall_ns` the same moment since the Unix epoch.
    pub fn start(
        settings: Settings,
        interval: Duration,
        now_ns: u64,
        wall_ns: u64,
    ) -> Result<Self, StartError> {
        let stats = Arc::new(Stats::default());
        let exporter = Exporter::start(settings, stats.clone())?;
        let interval_ns = interval.as_nanos() as u64;
        Ok(Self { exporter, stats, interval_ns, due_ns: now_ns + interval_ns, start_wall_ns: wall_ns })
    }

    /// Sends what was counted, if it is time to.
    pub fn tick(&mut self, metrics: &Metrics, now_ns: u64, wall_ns: u64) {
        if now_ns >= self.due_ns {
            self.due_ns = now_ns + self.interval_ns;
            self.send(metrics, wall_ns);
        }
    }

    /// The exporter's counters; its spans are series.
    pub fn stats(&self) -> Snapshot {
        self.stats.snapshot()
    }

    /// Sends what was counted, whether it is time to or not.
    pub fn send(&mut self, metrics: &Metrics, wall_ns: u64) {
        let Some((payload, series)) = metrics.to_otlp(self.start_wall_ns, wall_ns) else { return };
        // A full queue is counted by the exporter.
        let _ = self.exporter.offer(Batch { payload: payload.into(), spans: series });
    }

    /// Waits for the delivery of what was sent, for at most `deadline`. Returns the last counters.
    pub fn finish(self, deadline: Duration) -> Snapshot {
        self.exporter.shutdown(deadline);
        self.stats.snapshot()
    }
}
