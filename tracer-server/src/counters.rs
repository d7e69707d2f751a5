//! What the server took and what it did not, each with one reason.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

/// Why something was not stored. A closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Loss {
    /// Requests whose body is no OTLP.
    Malformed,
    /// Requests beyond the size limit, compressed or not.
    TooLarge,
    /// Requests in an encoding or of a type that is not read.
    Unsupported,
    /// Requests without the token.
    Unauthorized,
    /// Spans without a valid trace or span id.
    InvalidIds,
    /// Spans that came while too much was waiting to be written.
    Overloaded,
    /// Spans that could not be written, as on a full disk.
    NotWritten,
    /// Blocks, logs or records of logs that were found damaged at start.
    Unreadable,
    /// Alerts that nobody could be told of.
    Unnotified,
    /// Values of metrics, but for what tracers say of themselves: this backend keeps none.
    Metrics,
}

impl Loss {
    const ALL: [(Self, &'static str, Unit); 10] = [
        (Self::Malformed, "malformed", Unit::Requests),
        (Self::TooLarge, "too_large", Unit::Requests),
        (Self::Unsupported, "unsupported", Unit::Requests),
        (Self::Unauthorized, "unauthorized", Unit::Requests),
        (Self::InvalidIds, "invalid_ids", Unit::Spans),
        (Self::Overloaded, "overloaded", Unit::Spans),
        (Self::NotWritten, "not_written", Unit::Spans),
        (Self::Unreadable, "unreadable", Unit::Files),
        (Self::Unnotified, "unnotified", Unit::Alerts),
        (Self::Metrics, "metrics", Unit::Points),
    ];
}

/// What a counter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Requests whose spans nobody counted.
    Requests,
    /// Spans.
    Spans,
    /// Blocks, logs or records of logs.
    Files,
    /// Alerts.
    Alerts,
    /// Values of metrics.
    Points,
}

/// The counters of a server.
#[derive(Debug, Default)]
pub struct Counters {
    accepted: AtomicU64,
    losses: [AtomicU64; Loss::ALL.len()],
}

/// The counters at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Spans acknowledged.
    pub accepted: u64,
    /// What was lost, by reason.
    pub losses: Vec<LossCount>,
}

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LossCount {
    /// The reason.
    pub reason: &'static str,
    /// What is counted.
    pub unit: Unit,
    /// How often.
    pub count: u64,
}

impl Counters {
    /// Counts spans that were acknowledged.
    pub fn accept(&self, spans: u64) {
        self.accepted.fetch_add(spans, Relaxed);
    }

    /// Counts a loss.
    pub fn lose(&self, loss: Loss, count: u64) {
        self.losses[loss as usize].fetch_add(count, Relaxed);
    }

    /// All counters.
    pub fn read(&self) -> Counts {
        let losses = Loss::ALL.iter().map(|&(loss, reason, unit)| LossCount {
            reason,
            unit,
            count: self.losses[loss as usize].load(Relaxed),
        });
        Counts { accepted: self.accepted.load(Relaxed), losses: losses.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_counter() {
        for (index, (loss, reason, _)) in Loss::ALL.into_iter().enumerate() {
            assert_eq!(loss as usize, index);
            let counters = Counters::default();
            counters.lose(loss, 2);
            let counted: Vec<&str> = counters
                .read()
                .losses
                .iter()
                .filter(|loss| loss.count == 2)
                .map(|loss| loss.reason)
                .collect();
            assert_eq!(counted, [reason]);
        }
    }
}
