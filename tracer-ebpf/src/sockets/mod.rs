//! Programs on the socket tracepoints.

mod decide;
mod describe;
pub(crate) use decide::{decide_segment, pack};

mod io;
pub(crate) use io::allowed;

mod state;
