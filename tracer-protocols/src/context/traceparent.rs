//! The `traceparent` header (W3C Trace Context Level 2, section 3.2).

use super::hex;

/// Characters of a version 00 `traceparent`.
pub const TRACEPARENT_LEN: usize = 55;

/// The first fields of a traceparent: which trace, which span of it, and the flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace, not all zero.
    pub trace_id: [u8; 16],
    /// The sender's span, not all zero.
    pub span_id: [u8; 8],
    /// [`TraceContext::SAMPLED`] and [`TraceContext::RANDOM`]; other bits are kept as sent.
    pub flags: u8,
}

impl TraceContext {
    /// The sender may have recorded the trace.
    pub const SAMPLED: u8 = 0x01;
    /// The right 56 bits of the trace id are random.
    pub const RANDOM: u8 = 0x02;

    /// The sampled flag.
    pub fn is_sampled(&self) -> bool {
        self.flags & Self::SAMPLED != 0
    }

    /// None where an id is all zero.
    pub(super) fn valid(self) -> Option<Self> {
        (self.trace_id != [0; 16] && self.span_id != [0; 8]).then_some(self)
    }

    /// The random flag.
    pub fn is_random(&self) -> bool {
        self.flags & Self::RANDOM != 0
    }
}

/// Reads the value of a `traceparent` header; None where the specification calls it invalid.
///
/// Version 00 is exactly [`TRACEPARENT_LEN`] characters. A higher version is read by the same first fields, followed by
/// the end or by `-`. Version ff, upper-case digits and all-zero ids are invalid.
pub fn parse_traceparent(value: &str) -> Option<TraceContext> {
    let bytes = value.as_bytes();
    let (fields, rest) = bytes.split_at_checked(TRACEPARENT_LEN)?;
    if fields[2] != b'-' || fields[35] != b'-' || fields[52] != b'-' {
        return None;
    }
    let [version] = hex::lower(&fields[..2])?;
    match (version, rest) {
        (0xff, _) => return None,
        (_, []) => {}
        (0, _) => return None,
        (_, [b'-', ..]) => {}
        _ => return None,
    }
    let trace_id: [u8; 16] = hex::lower(&fields[3..35])?;
    let span_id: [u8; 8] = hex::lower(&fields[36..52])?;
    let [flags] = hex::lower(&fields[53..])?;
    TraceContext { trace_id, span_id, flags }.valid()
}

/// Writes a version 00 `traceparent`.
pub fn format_traceparent(context: &TraceContext) -> [u8; TRACEPARENT_LEN] {
    let mut out = *b"00-00000000000000000000000000000000-0000000000000000-00";
    write_hex(&mut out[3..35], &context.trace_id);
    write_hex(&mut out[36..52], &context.span_id);
    write_hex(&mut out[53..], &[context.flags]);
    out
}

fn write_hex(out: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[(byte >> 4) as usize];
        pair[1] = DIGITS[(byte & 0xf) as usize];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn reads_and_writes_the_specification_example() {
        let context = parse_traceparent(GOOD).unwrap();
        assert_eq!(context.trace_id[..3], [0x0a, 0xf7, 0x65]);
        assert_eq!(context.span_id, [0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31]);
        assert!(context.is_sampled() && !context.is_random());
        assert_eq!(format_traceparent(&context), GOOD.as_bytes());
    }

    #[test]
    fn invalid_values() {
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-011",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "0g-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333\u{e9}-0",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x",
        ] {
            assert_eq!(parse_traceparent(bad), None, "{bad}");
        }
    }

    #[test]
    fn higher_versions_are_read_by_their_first_fields() {
        for good in [
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03",
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-what-the-future-brings",
        ] {
            assert_eq!(parse_traceparent(good).map(|c| c.flags), Some(3), "{good}");
        }
    }
}
