//! Programs on the socket tracepoints.

mod decide;
mod describe;
pub(crate) use decide::{decide_segment, pack};

mod io;
mod state;
