//! Stage 8: finished spans become OTLP bytes, the JSON of several backends and text trees.
//!
//! Each form is a pure function of its spans; `batches.rs` and `target.rs` bring them to the exporters of `tracer-otlp`, which deliver.

pub mod batches;
pub mod elasticsearch;
pub mod file;
mod hex;
pub mod json;
pub mod otlp;
pub mod output;
pub mod target;
pub mod tree;
mod value;
pub mod zipkin;

#[cfg(test)]
pub(crate) mod testing;
