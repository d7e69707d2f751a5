//! B3, in one header and in several (github.com/openzipkin/b3-propagation).

use super::{TraceContext, hex};

/// Reads the value of a `b3` header: `{trace}-{span}[-{1|0|d}[-{parent}]]`. None where it is malformed, and where it holds
/// nothing but a sampling decision (`0`), which names no parent.
pub fn parse_b3(value: &str) -> Option<TraceContext> {
    let mut fields = value.split('-');
    let (trace, span) = (fields.next()?, fields.next()?);
    let sampled = match fields.next() {
        None | Some("1" | "d") => true,
        Some("0") => false,
        Some(_) => return None,
    };
    if let Some(parent) = fields.next() {
        hex::lower::<8>(parent.as_bytes())?;
    }
    if fields.next().is_some() {
        return None;
    }
    context(trace, span, sampled)
}

/// Reads `X-B3-TraceId`, `X-B3-SpanId`, `X-B3-Sampled` and `X-B3-Flags`. An absent decision is the receiver's to make, and
/// counts as sampled; so does debug (`X-B3-Flags: 1`).
pub fn parse_b3_multi(
    trace: &str,
    span: &str,
    sampled: Option<&str>,
    flags: Option<&str>,
) -> Option<TraceContext> {
    let refused = matches!(sampled, Some("0" | "false" | "False"));
    context(trace, span, flags == Some("1") || !refused)
}

/// Trace ids of 64 bits get zeros on their left.
fn context(trace: &str, span: &str, sampled: bool) -> Option<TraceContext> {
    let trace_id = match trace.len() {
        16 => {
            let mut id = [0; 16];
            id[8..].copy_from_slice(&hex::lower::<8>(trace.as_bytes())?);
            id
        }
        _ => hex::lower(trace.as_bytes())?,
    };
    TraceContext { trace_id, span_id: hex::lower(span.as_bytes())?, flags: u8::from(sampled) }.valid()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "80f198ee56343ba864fe8b2a57d3eff7";
    const SPAN: &str = "e457b5a2e4d86bd1";

    fn flags(value: &str) -> Option<u8> {
        parse_b3(value).map(|context| context.flags)
    }

    #[test]
    fn the_examples_of_the_specification() {
        let example = format!("{TRACE}-{SPAN}-1-05e3ac9a4f6e3b90");
        let context = parse_b3(&example).unwrap();
        assert_eq!(context.trace_id[..2], [0x80, 0xf1]);
        assert_eq!(context.span_id, [0xe4, 0x57, 0xb5, 0xa2, 0xe4, 0xd8, 0x6b, 0xd1]);
        assert_eq!(parse_b3_multi(TRACE, SPAN, Some("1"), None), Some(context));
        assert_eq!(flags(&format!("{TRACE}-{SPAN}")), Some(1), "deferred");
        assert_eq!(flags(&format!("{TRACE}-{SPAN}-d")), Some(1), "debug");
        assert_eq!(flags(&format!("{TRACE}-{SPAN}-0")), Some(0));
        assert_eq!(flags("0"), None, "a decision is no parent");
    }

    #[test]
    fn short_trace_ids_are_padded() {
        let context = parse_b3("64fe8b2a57d3eff7-e457b5a2e4d86bd1").unwrap();
        assert_eq!(context.trace_id[..9], [0, 0, 0, 0, 0, 0, 0, 0, 0x64]);
    }

    #[test]
    fn decisions_in_several_headers() {
        let flags = |sampled, flags| parse_b3_multi(TRACE, SPAN, sampled, flags).map(|context| context.flags);
        assert_eq!(flags(None, None), Some(1));
        assert_eq!(flags(Some("true"), None), Some(1));
        assert_eq!(flags(Some("0"), None), Some(0));
        assert_eq!(flags(Some("false"), Some("0")), Some(0));
        assert_eq!(flags(Some("0"), Some("1")), Some(1), "debug means sampled");
    }

    #[test]
    fn malformed_values() {
        let (zeros, upper) = ("0".repeat(32), TRACE.to_uppercase());
        for bad in [
            String::new(),
            "-".into(),
            TRACE.into(),
            format!("{TRACE}-"),
            format!("{TRACE}-{}", &SPAN[1..]),
            format!("{}-{SPAN}", &TRACE[1..]),
            format!("{upper}-{SPAN}-1"),
            format!("{zeros}-{SPAN}-1"),
            format!("{}-{SPAN}-1", &zeros[16..]),
            format!("{TRACE}-{}-1", &zeros[16..]),
            format!("{TRACE}-{SPAN}-2"),
            format!("{TRACE}-{SPAN}-"),
            format!("{TRACE}-{SPAN}-1-"),
            format!("{TRACE}-{SPAN}-1-05e3ac9a4f6e3b9"),
            format!("{TRACE}-{SPAN}-1-05e3ac9a4f6e3b90-1"),
            format!("{TRACE}-{SPAN}, {TRACE}-{SPAN}"),
            format!("{}é-{SPAN}", &TRACE[2..]),
        ] {
            assert_eq!(parse_b3(&bad), None, "{bad}");
        }
        assert_eq!(parse_b3_multi(TRACE, "", None, None), None);
        assert_eq!(parse_b3_multi(&upper, SPAN, None, None), None);
        assert_eq!(parse_b3_multi(TRACE, &zeros[16..], None, None), None);
    }
}
