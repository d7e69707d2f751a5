//! What became of every span: counters that any thread may read while the exporter runs.

use crate::text;
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::SystemTime,
};

/// Why spans that were offered did not reach the backend. Closed: every loss has one of these reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// The queue was full, usually because the backend has been down for long.
    QueueFull,
    /// The backend refused the batch in a way that a retry would not change.
    Rejected,
    /// The backend stayed unavailable until the batch's time for retries was over.
    RetriesExhausted,
    /// The backend took the batch but not all of its spans.
    PartialSuccess,
    /// Not delivered when the exporter was stopped.
    Shutdown,
    /// Kept in a file that was found damaged, such as by a power failure. Where the number of spans is lost too, they count as one.
    Damaged,
    /// Could not be written to the queue on disk.
    StorageFailed,
    /// The disk took batches for so long more slowly than they came that there was no more memory for them.
    StorageSlow,
}

impl DropReason {
    /// Every reason, in the order of the counters.
    pub const ALL: [DropReason; 8] = [
        DropReason::QueueFull,
        DropReason::Rejected,
        DropReason::RetriesExhausted,
        DropReason::PartialSuccess,
        DropReason::Shutdown,
        DropReason::Damaged,
        DropReason::StorageFailed,
        DropReason::StorageSlow,
    ];

    /// A stable name for metrics and status output.
    pub const fn name(self) -> &'static str {
        match self {
            DropReason::QueueFull => "queue_full",
            DropReason::Rejected => "rejected",
            DropReason::RetriesExhausted => "retries_exhausted",
            DropReason::PartialSuccess => "partial_success",
            DropReason::Shutdown => "shutdown",
            DropReason::Damaged => "damaged",
            DropReason::StorageFailed => "storage_failed",
            DropReason::StorageSlow => "storage_slow",
        }
    }
}

/// The most recent failure or complaint of the backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastError {
    /// At most 512 bytes, without control characters.
    pub text: String,
    /// When it happened.
    pub at: SystemTime,
}

/// Counters of one exporter, since its start. All are monotonic save the queue's.
#[derive(Debug, Default)]
pub struct Stats {
    exported_spans: AtomicU64,
    exported_batches: AtomicU64,
    exported_bytes: AtomicU64,
    dropped_spans: [AtomicU64; DropReason::ALL.len()],
    retries: AtomicU64,
    queued_batches: AtomicU64,
    queued_bytes: AtomicU64,
    unwritten_batches: AtomicU64,
    unwritten_bytes: AtomicU64,
    failing: AtomicBool,
    last_error: Mutex<Option<LastError>>,
}

/// The counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Spans that the backend accepted.
    pub exported_spans: u64,
    /// Batches that the backend accepted, in whole or in part.
    pub exported_batches: u64,
    /// Payload bytes of those batches, before compression.
    pub exported_bytes: u64,
    /// Spans lost, in the order of [`DropReason::ALL`].
    pub dropped_spans: [u64; DropReason::ALL.len()],
    /// Attempts after the first one.
    pub retries: u64,
    /// Batches held now: waiting (on disk, or to be written there, or in memory) or in flight.
    pub queued_batches: u64,
    /// Payload bytes held now.
    pub queued_bytes: u64,
    /// Whether the last attempt found the backend unavailable.
    pub failing: bool,
    /// The most recent failure, kept after the backend has recovered.
    pub last_error: Option<LastError>,
}

impl Snapshot {
    /// Spans lost for `reason`.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped_spans[reason as usize]
    }
}

impl Stats {
    /// Reads all counters. They are read one after the other: a span may be missing from the sums while it moves.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            exported_spans: self.exported_spans.load(Relaxed),
            exported_batches: self.exported_batches.load(Relaxed),
            exported_bytes: self.exported_bytes.load(Relaxed),
            dropped_spans: std::array::from_fn(|at| self.dropped_spans[at].load(Relaxed)),
            retries: self.retries.load(Relaxed),
            queued_batches: self.queued_batches.load(Relaxed) + self.unwritten_batches.load(Relaxed),
            queued_bytes: self.queued_bytes.load(Relaxed) + self.unwritten_bytes.load(Relaxed),
            failing: self.failing.load(Relaxed),
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Spans lost for `reason`.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped_spans[reason as usize].load(Relaxed)
    }

    pub(crate) fn count_export(&self, spans: u64, bytes: u64) {
        self.exported_spans.fetch_add(spans, Relaxed);
        self.exported_batches.fetch_add(1, Relaxed);
        self.exported_bytes.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn count_drop(&self, reason: DropReason, spans: u64) {
        self.dropped_spans[reason as usize].fetch_add(spans, Relaxed);
    }

    pub(crate) fn count_retry(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    pub(crate) fn set_queue(&self, batches: usize, bytes: usize) {
        self.queued_batches.store(batches as u64, Relaxed);
        self.queued_bytes.store(bytes as u64, Relaxed);
    }

    /// What waits in memory for a queue on disk.
    pub(crate) fn set_unwritten(&self, batches: usize, bytes: usize) {
        self.unwritten_batches.store(batches as u64, Relaxed);
        self.unwritten_bytes.store(bytes as u64, Relaxed);
    }

    /// Notes whether the backend is unavailable and tells what it was before.
    pub(crate) fn set_failing(&self, failing: bool) -> bool {
        self.failing.swap(failing, Relaxed)
    }

    /// Keeps `text` as the last error and tells whether it differs from the one before.
    pub(crate) fn note_error(&self, text: &str) -> bool {
        let error = LastError { text: text::bounded(text), at: SystemTime::now() };
        let mut last = self.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = last.as_ref().is_none_or(|last| last.text != error.text);
        *last = Some(error);
        is_new
    }
}
