//! Stage 2: ring buffers become ordered events. Kernel-facing: `unsafe` is allowed in `decode`.

mod decode;
mod merge;

pub use decode::{DecodeError, Event, ProcessRecord, Segment, decode};
pub use merge::{Merge, Pass};
