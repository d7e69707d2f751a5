//! Spans in memory: rows with shared texts, from OTLP and back.

mod batch;
mod from_otlp;
mod hosts;
mod ids;
mod json;
#[cfg(test)]
pub(crate) mod testing;
mod texts;
mod to_otlp;
mod value;

pub use batch::{Resource, Row, SpanRef, Spans};
pub(crate) use from_otlp::UNKNOWN_SERVICE;
pub use from_otlp::{Refused, append};
pub use ids::{SpanId, TraceId};
pub(crate) use json::from_attributes;
pub use json::{to_json, values_of_object};
pub use texts::{Text, Texts};
pub use to_otlp::resource_spans;
pub(crate) use value::Item;
pub use value::{Kind, Status, Value, ValueRef};
