//! Programs on the socket tracepoints.

mod describe;
mod io;
mod state;
