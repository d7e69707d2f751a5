//! Stage 8: finished spans become OTLP bytes, JSON lines and text trees.
//!
//! Everything here is a pure function of its spans. Delivery is `tracer-otlp`'s; printing is the caller's.

mod hex;
pub mod json;
pub mod otlp;
pub mod output;
pub mod tree;

#[cfg(test)]
pub(crate) mod testing;
