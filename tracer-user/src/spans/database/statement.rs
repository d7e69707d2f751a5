//! A statement as spans show it; prepared ones are shown many times.

use std::sync::Arc;

use tracer_protocols::sql::{self, Dialect};

use super::call::Call;

/// Prepared statements of a connection that are remembered. Drivers keep a hundred or so.
pub(super) const MAX_STATEMENTS: usize = 256;

/// A statement.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    text: Arc<str>,
    summary: Arc<str>,
    operation: Arc<str>,
}

impl Statement {
    pub(super) fn new(text: &[u8], dialect: Dialect) -> Self {
        let shown = sql::show(&String::from_utf8_lossy(text), dialect);
        Self { text: shown.text.into(), summary: shown.summary.into(), operation: shown.operation.into() }
    }

    /// Whether it asks for nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.operation.is_empty()
    }

    /// `call`, with what the statement says.
    pub(super) fn describe(&self, call: Call) -> Call {
        let known = |text: &Arc<str>| (!text.is_empty()).then(|| text.clone());
        Call {
            text: known(&self.text),
            summary: known(&self.summary),
            operation: known(&self.operation),
            ..call
        }
    }
}
