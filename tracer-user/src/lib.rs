//! The tracer daemon: kernel events in, traces out.

pub mod spans;
