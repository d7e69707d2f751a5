//! Spans as the bytes of an OTLP `ExportTraceServiceRequest`.
//!
//! The bytes are written straight from [`Span`](crate::spans::span::Span): building the generated structs first would cost one allocation
//! per attribute at hundreds of thousands of spans a second. The tests decode every byte with the generated
//! structs instead.

mod encoder;
pub(crate) mod field;
pub(super) mod fields;
mod protobuf;
mod resources;
#[cfg(test)]
mod tests;

pub use encoder::Encoder;
pub(crate) use encoder::{attribute, text_attribute};
pub use fields::{SCHEMA_URL, SCOPE_NAME};
pub(crate) use protobuf::Writer;
