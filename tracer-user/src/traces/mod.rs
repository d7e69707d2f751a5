//! Stage 6: spans become traces, each edge with its evidence.

mod correlate;
pub(crate) mod far;
mod groups;
mod hidden;
pub mod ids;
mod joins;
mod late;
mod late_calls;
mod messages;
mod origins;
mod parents;
mod tasks;
mod threads;
mod turns;
mod values;

pub use correlate::{Correlator, Limits};
