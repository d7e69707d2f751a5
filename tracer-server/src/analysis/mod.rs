//! What traces say, as functions of their spans.

mod graph;
mod red;
mod summary;
mod trace;

pub use graph::{Edge, Graph};
pub use red::{Figures, Red};
pub use summary::{ServiceCount, Summary, summarise};
pub use trace::{Trace, traces};
