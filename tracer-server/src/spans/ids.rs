//! The identifiers of OpenTelemetry: 16 bytes for a trace, 8 for a span, written as lower-case hex.

use std::fmt;

/// Identifies a trace; never all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(pub [u8; 16]);

/// Identifies a span within its trace; zero stands for "none".
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId(pub u64);

impl TraceId {
    /// The id in these bytes, unless they are not 16 or all zero (invalid by W3C Trace Context).
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; 16] = bytes.try_into().ok()?;
        (bytes != [0; 16]).then_some(Self(bytes))
    }

    /// Reads up to 32 hex digits; fewer are filled up with zeros on the left, as Jaeger and Zipkin write 64-bit ids.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len();
        if digits == 0 || digits > 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let number = u128::from_str_radix(text, 16).ok()?;
        (number != 0).then(|| Self(number.to_be_bytes()))
    }
}

impl SpanId {
    /// "No span", such as the parent of a root.
    pub const NONE: Self = Self(0);

    /// The id in these bytes, unless they are not 8 or all zero.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; 8] = bytes.try_into().ok()?;
        (bytes != [0; 8]).then(|| Self(u64::from_be_bytes(bytes)))
    }

    /// Whether it names a span.
    pub fn is_some(self) -> bool {
        self.0 != 0
    }

    /// Its bytes as OTLP has them.
    pub fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_ids_are_read_as_backends_write_them() {
        let id = TraceId::parse("0af7651916cd43dd8448eb211c80319c").expect("32 digits");
        assert_eq!(id.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(TraceId::parse("AB").expect("short").to_string(), format!("{:032x}", 0xab));
        for wrong in
            ["", "0", "+1", "xyz", "0af7651916cd43dd8448eb211c80319c0", "00000000000000000000000000000000"]
        {
            assert_eq!(TraceId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ids_of_the_wrong_length_are_none() {
        assert_eq!(TraceId::from_bytes(&[1; 15]), None);
        assert_eq!(TraceId::from_bytes(&[0; 16]), None);
        assert_eq!(SpanId::from_bytes(&[0, 0, 0, 0, 0, 0, 0, 7]), Some(SpanId(7)));
        assert_eq!(SpanId::from_bytes(&[0; 8]), None);
        assert_eq!(SpanId::from_bytes(&[1; 9]), None);
    }
}
