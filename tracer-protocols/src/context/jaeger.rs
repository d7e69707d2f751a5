//! Jaeger's `uber-trace-id` (jaegertracing.io, "Client libraries", "Propagation format").

use super::{TraceContext, hex};

/// Reads `{trace}:{span}:{parent}:{flags}`. Ids may lack zeros on their left, colons may be URL-encoded (`%3A`), and digits
/// may be of either case. The parent is not used but has to be a number; bit 0 of the flags is sampled, bit 1 debug.
pub fn parse_uber_trace_id(value: &str) -> Option<TraceContext> {
    let mut rest = Some(value);
    let mut next = || {
        let text = rest?;
        let (field, behind) = cut(text);
        rest = behind;
        Some(field.as_bytes())
    };
    let (trace, span, parent, flags) = (next()?, next()?, next()?, next()?);
    if next().is_some() {
        return None;
    }
    hex::padded::<8>(parent)?;
    let [flags] = hex::padded(flags)?;
    let sampled = flags & 0b11 != 0;
    TraceContext { trace_id: hex::padded(trace)?, span_id: hex::padded(span)?, flags: u8::from(sampled) }
        .valid()
}

/// What stands before the first colon and, if there is one, behind it.
fn cut(text: &str) -> (&str, Option<&str>) {
    let Some(at) = text.find([':', '%']) else { return (text, None) };
    let (field, behind) = text.split_at(at);
    let behind = behind
        .strip_prefix(':')
        .or_else(|| behind.strip_prefix("%3A"))
        .or_else(|| behind.strip_prefix("%3a"));
    // Any other `%` stays in the field, which is then no number.
    behind.map_or((text, None), |behind| (field, Some(behind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_values() {
        let context = parse_uber_trace_id("0af7651916cd43dd8448eb211c80319c:b7ad6b7169203331:0:1").unwrap();
        assert_eq!((context.trace_id[0], context.span_id[0], context.flags), (0x0a, 0xb7, 1));
        for same in [
            "af7651916cd43dd8448eb211c80319c:b7ad6b7169203331:0:1",
            "0af7651916cd43dd8448eb211c80319c%3Ab7ad6b7169203331%3A0%3A1",
            "0af7651916cd43dd8448eb211c80319c%3ab7ad6b7169203331%3a0%3a01",
            "0AF7651916CD43DD8448EB211C80319C:B7AD6B7169203331:1f:1",
        ] {
            assert_eq!(parse_uber_trace_id(same), Some(context), "{same}");
        }
    }

    #[test]
    fn short_ids_and_flags() {
        let context = parse_uber_trace_id("1f:2:0:0").unwrap();
        assert_eq!((context.trace_id[15], context.span_id[7], context.flags), (0x1f, 2, 0));
        let flags = |flags| parse_uber_trace_id(&format!("1:2:0:{flags}")).map(|context| context.flags);
        assert_eq!((flags("3"), flags("2"), flags("4"), flags("100")), (Some(1), Some(1), Some(0), None));
    }

    #[test]
    fn malformed_values() {
        for bad in [
            "",
            ":::",
            "1",
            "1:2",
            "1:2:0",
            "1:2:0:",
            "1:2::1",
            "1:2:0:1:",
            "1:2:0:1:0",
            "0:2:0:1",
            "1:0:0:1",
            "1:2:x:1",
            "1 :2:0:1",
            "1%2:2:0:1",
            "1%3",
            "10af7651916cd43dd8448eb211c80319c:2:0:1",
            "1:1b7ad6b7169203331:0:1",
            "1:2:0:1, 1:2:0:1",
            "é:2:0:1",
            "1%3\u{e9}2:0:1",
        ] {
            assert_eq!(parse_uber_trace_id(bad), None, "{bad}");
        }
    }
}
