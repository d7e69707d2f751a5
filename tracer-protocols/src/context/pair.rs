//! Headers that the user names: one with a trace id, one with a span id.

use super::{TraceContext, hex};
use crate::http1::is_token;

/// Bytes of a header name; longer ones are a mistake.
const MAX_NAME: usize = 128;

/// The names of two headers that carry a trace context between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderPair {
    trace_id: String,
    span_id: String,
    baggage_prefix: Option<String>,
}

/// Why names cannot be those of a [`HeaderPair`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    /// It cannot be the name of a header.
    #[error("\"{0}\" is no name of a header: use one to 128 letters, digits, `-` and `_`, without the colon")]
    NoName(String),
    /// Both names are one.
    #[error("trace_id and span_id both name \"{0}\": name two headers")]
    Same(String),
}

impl HeaderPair {
    /// `baggage_prefix` is what stands before a baggage key in the name of its header.
    pub fn new(trace_id: &str, span_id: &str, baggage_prefix: Option<&str>) -> Result<Self, PairError> {
        for name in [Some(trace_id), Some(span_id), baggage_prefix].into_iter().flatten() {
            if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(is_token) {
                return Err(PairError::NoName(name.to_owned()));
            }
        }
        if trace_id.eq_ignore_ascii_case(span_id) {
            return Err(PairError::Same(trace_id.to_owned()));
        }
        Ok(Self {
            trace_id: trace_id.to_owned(),
            span_id: span_id.to_owned(),
            baggage_prefix: baggage_prefix.map(str::to_owned),
        })
    }

    /// The header that holds the trace id.
    pub fn trace_id(&self) -> &str {
        &self.trace_id
    }

    /// The header that holds the sender's span id.
    pub fn span_id(&self) -> &str {
        &self.span_id
    }

    /// The start of the names of headers that hold baggage.
    pub fn baggage_prefix(&self) -> Option<&str> {
        self.baggage_prefix.as_deref()
    }
}

/// Reads the values of a pair: a trace id of 16 or 32 hexadecimal digits or a UUID, a span id of 16 digits, in either
/// case. There is no sampling decision, which counts as sampled.
pub fn parse_pair(trace_id: &str, span_id: &str) -> Option<TraceContext> {
    let trace_id = match trace_id.as_bytes() {
        digits if matches!(digits.len(), 16 | 32) => hex::padded(digits)?,
        uuid if uuid.len() == 36 => from_uuid(uuid)?,
        _ => return None,
    };
    if span_id.len() != 16 {
        return None;
    }
    TraceContext { trace_id, span_id: hex::padded(span_id.as_bytes())?, flags: TraceContext::SAMPLED }.valid()
}

/// RFC 9562, section 4: 8, 4, 4, 4 and 12 digits.
fn from_uuid(text: &[u8]) -> Option<[u8; 16]> {
    let mut digits = [0; 32];
    let mut filled = 0;
    for (group, length) in text.split(|&b| b == b'-').zip([8, 4, 4, 4, 12]) {
        if group.len() != length {
            return None;
        }
        digits[filled..filled + length].copy_from_slice(group);
        filled += length;
    }
    if filled == digits.len() { hex::padded(&digits) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    #[test]
    fn values() {
        let context = parse_pair(TRACE, SPAN).unwrap();
        assert_eq!((context.trace_id[0], context.span_id[0], context.flags), (0x0a, 0xb7, 1));
        for same in ["0AF7651916CD43DD8448EB211C80319C", "0af76519-16cd-43dd-8448-eb211c80319c"] {
            assert_eq!(parse_pair(same, SPAN), Some(context), "{same}");
        }
        assert_eq!(
            parse_pair("8448eb211c80319c", SPAN).map(|context| context.trace_id[7..9] == [0, 0x84]),
            Some(true)
        );
    }

    #[test]
    fn malformed_values() {
        let zeros = "0".repeat(32);
        for bad in [
            "",
            "1",
            &zeros,
            &zeros[..16],
            &TRACE[1..],
            "0af7651916cd43dd8448eb211c80319g",
            "0af7651-916cd-43dd-8448-eb211c80319c",
            "0af76519-16cd-43dd-8448eb211c80319cff",
            "0af76519-16cd-43dd-8448-eb211c80319-",
            "------------------------------------",
            "00000000-0000-0000-0000-000000000000",
            "1234567890123456\u{e9}",
        ] {
            assert_eq!(parse_pair(bad, SPAN), None, "{bad}");
        }
        for bad in ["", &SPAN[1..], &zeros[..16], &zeros[..17], "b7ad6b716920333x"] {
            assert_eq!(parse_pair(TRACE, bad), None, "{bad}");
        }
    }

    #[test]
    fn names() {
        assert!(HeaderPair::new("x-trace-id", "x-span-id", Some("x-baggage-")).is_ok());
        for bad in ["", "x trace", "x:", "é", &"x".repeat(129)] {
            assert_eq!(HeaderPair::new(bad, "b", None), Err(PairError::NoName(bad.to_owned())));
            assert_eq!(HeaderPair::new("a", bad, None), Err(PairError::NoName(bad.to_owned())));
            assert_eq!(HeaderPair::new("a", "b", Some(bad)), Err(PairError::NoName(bad.to_owned())));
        }
        assert_eq!(HeaderPair::new("x-id", "X-Id", None), Err(PairError::Same("x-id".to_owned())));
    }
}
