//! The tracer daemon: kernel events in, traces out.

pub mod config;
pub mod identity;
pub mod spans;
