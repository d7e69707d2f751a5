//! W3C Trace Context (Level 2) as it travels in headers.

mod traceparent;
mod tracestate;

pub use traceparent::{TRACEPARENT_LEN, TraceContext, format_traceparent, parse_traceparent};
pub use tracestate::{TraceState, parse_tracestate};
