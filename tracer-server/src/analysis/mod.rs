//! What traces say, as functions of their spans.

mod compare;
mod critical_path;
mod graph;
mod operations;
mod red;
mod statistics;
mod summary;
mod trace;

pub use compare::{Place, Side, compare};
pub use critical_path::{Step, critical_path};
pub use graph::{Edge, Graph};
pub use operations::{Course, Operations};
pub use red::{Figures, Red};
pub use statistics::{Statistics, statistics};
pub use summary::{ServiceCount, Summary, summarise};
#[cfg(test)]
pub(crate) use trace::testing;
pub use trace::{Trace, traces};
