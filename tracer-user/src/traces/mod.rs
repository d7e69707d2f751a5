//! Stage 6: spans become traces, each edge with its evidence.

mod correlate;
mod groups;
pub mod ids;
mod joins;
mod late;
mod threads;

pub use correlate::{Correlator, Limits};
