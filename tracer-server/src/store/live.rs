//! Spans as they come in, for those who watch.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::spans::{SpanRef, Spans, Status};

/// Batches that a slow watcher may lag behind before it loses some.
const BACKLOG: usize = 64;

/// Spans of one batch that watchers see; the rest is only counted for them.
const SHOWN: usize = 500;

/// A span that came in.
#[derive(Clone, Debug)]
pub struct LiveSpan {
    /// Its service.
    pub service: String,
    /// Whether it failed.
    pub is_error: bool,
    /// Nanoseconds.
    pub duration_ns: u64,
    /// The span as a line of JSON.
    pub json: String,
}

/// What came in together.
#[derive(Debug, Default)]
pub struct LiveBatch {
    /// Spans.
    pub spans: Vec<LiveSpan>,
    /// How many more there were.
    pub left_out: usize,
}

/// Those who watch.
pub(super) struct Live(broadcast::Sender<Arc<LiveBatch>>);

impl Default for Live {
    fn default() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }
}

impl Live {
    pub(super) fn watch(&self) -> broadcast::Receiver<Arc<LiveBatch>> {
        self.0.subscribe()
    }

    /// How many watch.
    pub(super) fn watchers(&self) -> usize {
        self.0.receiver_count()
    }

    /// Shows the rows from `first` on.
    pub(super) fn show(&self, spans: &Spans, first: usize) {
        if self.watchers() == 0 || first == spans.len() {
            return;
        }
        let shown = spans.iter().skip(first).take(SHOWN).map(live_span).collect();
        let left_out = (spans.len() - first).saturating_sub(SHOWN);
        // The last watcher may just have left.
        let _ = self.0.send(Arc::new(LiveBatch { spans: shown, left_out }));
    }
}

fn live_span(span: SpanRef<'_>) -> LiveSpan {
    let row = span.row();
    let json = serde_json::json!({
        "trace_id": row.trace_id.to_string(),
        "span_id": row.span_id.to_string(),
        "parent_span_id": row.parent_id.is_some().then(|| row.parent_id.to_string()),
        "service": span.service(),
        "name": span.name(),
        "kind": row.kind.name(),
        "status": row.status.name(),
        "start_unix_ns": row.start_ns.to_string(),
        "duration_ns": row.duration_ns,
    });
    LiveSpan {
        service: span.service().to_owned(),
        is_error: row.status == Status::Error,
        duration_ns: row.duration_ns,
        json: json.to_string(),
    }
}
