//! Stage 5: messages become exchanges, exchanges become spans.

pub mod exchange;
mod flight;
pub mod http1;
pub mod render;
pub mod routes;
pub mod span;
