//! Trace context and baggage as they travel in headers: one file for each format, and [`Extractor`], which decides.

mod b3;
mod baggage;
mod extract;
mod hex;
mod jaeger;
mod lines;
mod pair;
mod request_id;
mod traceparent;
mod tracestate;
mod xray;

pub use b3::{parse_b3, parse_b3_multi};
pub use baggage::{baggage, baggage_value, is_baggage_key};
pub use extract::{Carried, Extractor, Format};
pub use jaeger::parse_uber_trace_id;
pub use lines::HeaderLines;
pub use pair::{HeaderPair, PairError, parse_pair};
pub use request_id::REQUEST_IDS;
pub use traceparent::{TRACEPARENT_LEN, TraceContext, format_traceparent, parse_traceparent};
pub use tracestate::{TraceState, parse_tracestate};
pub use xray::parse_xray;
