//! Programs on the socket tracepoints.

mod decide;
mod describe;
mod frame;
mod frames;
pub(crate) use decide::{decide_segment, pack};

mod io;
mod state;
