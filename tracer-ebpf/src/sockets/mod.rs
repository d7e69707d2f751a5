//! Programs on the socket tracepoints.

mod decide;
mod describe;
pub(crate) use decide::{decide_segment, pack};
pub(crate) use describe::AF_INET6;

mod io;
pub(crate) use io::allowed;

mod state;
