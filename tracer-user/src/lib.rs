//! The tracer daemon: kernel events in, traces out.
//!
//! The modules in the order of the flow (see ARCHITECTURE.md); `pipeline` puts the pure ones together.

pub mod agent;
pub mod asked;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod connections;
pub mod control;
pub mod export;
mod exporters;
pub mod identity;
pub mod ingest;
mod instrumented;
pub mod kernel;
pub mod libraries;
pub mod metrics;
pub mod pipeline;
pub mod processes;
pub mod runtimes;
pub mod sampling;
pub mod spans;
pub mod telemetry;
pub mod traces;
mod waits;
pub mod writing;
