//! Which traces show what a figure is made of.

use crate::spans::TraceId;

/// Examples among any number of calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Examples {
    slowest: Option<(u64, TraceId)>,
    failed: Option<(u64, TraceId)>,
}

impl Examples {
    /// Adds a call.
    pub fn add(&mut self, duration_ns: u64, is_error: bool, trace_id: TraceId) {
        let longer = |than: Option<(u64, TraceId)>| than.is_none_or(|(longest, _)| duration_ns > longest);
        if longer(self.slowest) {
            self.slowest = Some((duration_ns, trace_id));
        }
        if is_error && longer(self.failed) {
            self.failed = Some((duration_ns, trace_id));
        }
    }

    /// The trace of the slowest call.
    pub fn slowest(&self) -> Option<TraceId> {
        self.slowest.map(|(_, id)| id)
    }

    /// The trace of the slowest call that failed.
    pub fn failed(&self) -> Option<TraceId> {
        self.failed.map(|(_, id)| id)
    }
}
