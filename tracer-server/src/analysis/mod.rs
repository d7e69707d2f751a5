//! What traces say, as functions of their spans.

mod clocks;
mod compare;
mod critical_path;
mod example;
mod graph;
mod operations;
mod red;
mod statistics;
mod summary;
mod trace;

pub use clocks::{ClockShifts, adjust_clocks};
pub use compare::{Place, Side, compare};
pub use critical_path::{Step, critical_path};
pub use example::Examples;
pub use graph::{Edge, Graph};
pub use operations::{Course, Operations};
pub use red::{Figures, Red};
pub use statistics::{Statistics, statistics};
pub use summary::{ServiceCount, Summary, summarise};
#[cfg(test)]
pub(crate) use trace::testing;
pub use trace::{Trace, traces};
