//! What one attempt came to, in terms that both protocols share.

use std::time::Duration;

/// The result of sending a batch once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The backend took it.
    Accepted(Acceptance),
    /// A retry would not help.
    Refused(String),
    /// A retry may help, after at least `retry_after` if the backend said so.
    Unavailable {
        /// What happened.
        text: String,
        /// The backend's wish.
        retry_after: Option<Duration>,
    },
}

/// `ExportTracePartialSuccess`: zero spans and no message mean full success.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Acceptance {
    /// Spans that the backend did not keep.
    pub(crate) rejected_spans: u64,
    /// Why, or a warning if it kept all.
    pub(crate) message: String,
}

impl Outcome {
    /// A failure that may pass, without a wish of the backend.
    pub(crate) fn unavailable(text: impl Into<String>) -> Outcome {
        Outcome::Unavailable { text: text.into(), retry_after: None }
    }
}
