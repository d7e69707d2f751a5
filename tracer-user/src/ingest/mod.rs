//! Stage 2: ring buffers become ordered events. Kernel-facing: `unsafe` is allowed in `decode`.

mod capture;
mod decode;
mod merge;
mod recording;

pub use capture::Capture;
pub use decode::{DecodeError, Event, ProcessRecord, Segment, decode};
pub use merge::{Merge, Pass};
pub use recording::{Recorded, Recorder, Recording, RecordingError};
