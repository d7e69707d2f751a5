//! Stage 5: messages become exchanges, exchanges become spans.

pub mod span;
