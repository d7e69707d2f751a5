//! The tracer daemon: kernel events in, traces out.

pub mod config;
pub mod export;
pub mod identity;
pub mod kernel;
pub mod spans;
