//! The few header fields that framing and spans need, gathered in one pass.

use super::message::{ContextHeader, ContextHeaders, Version};

/// What `Content-Length` says (RFC 9112 section 6.3, rules 5 and 6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Length {
    #[default]
    Absent,
    Bytes(u64),
    /// Several values that differ, or one that is no number.
    Contradictory,
}

/// What `Transfer-Encoding` says (RFC 9112 section 6.3, rule 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Transfer {
    #[default]
    Absent,
    /// The last coding is `chunked`.
    Chunked,
    /// The last coding is another one: the body has no end of its own.
    Other,
}

/// The fields of one head.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fields<'a> {
    pub(crate) host: Option<&'a str>,
    pub(crate) user_agent: Option<&'a str>,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) context: ContextHeaders<'a>,
    pub(super) length: Length,
    pub(super) transfer: Transfer,
    pub(crate) expects_continue: bool,
    has_upgrade: bool,
    connection_close: bool,
    connection_keep_alive: bool,
    connection_upgrade: bool,
}

impl<'a> Fields<'a> {
    /// Takes note of the field in one line. The first letter tells most lines apart.
    #[inline]
    pub(super) fn note(&mut self, line: &'a [u8]) {
        let Some(first) = line.first() else { return };
        match first | 0x20 {
            b'h' => {
                if let Some(value) = value_of(line, b"host") {
                    self.host = self.host.or_else(|| text(value));
                }
            }
            b'c' => {
                if let Some(value) = value_of(line, b"connection") {
                    self.note_connection(value);
                } else if let Some(value) = value_of(line, b"content-length") {
                    self.note_length(value);
                } else if let Some(value) = value_of(line, b"content-type") {
                    self.content_type = self.content_type.or_else(|| text(value));
                }
            }
            b'u' => {
                if let Some(value) = value_of(line, b"user-agent") {
                    self.user_agent = self.user_agent.or_else(|| text(value));
                } else if value_of(line, b"upgrade").is_some() {
                    self.has_upgrade = true;
                } else {
                    self.note_context(line);
                }
            }
            b't' => {
                if let Some(value) = value_of(line, b"traceparent") {
                    self.context.ambiguous |= self.context.traceparent.is_some();
                    self.context.traceparent = self.context.traceparent.or_else(|| text(value));
                } else if let Some(value) = value_of(line, b"tracestate") {
                    self.context.tracestate = self.context.tracestate.or_else(|| text(value));
                } else if let Some(value) = value_of(line, b"transfer-encoding") {
                    self.note_transfer(value);
                }
            }
            b'e' => {
                if let Some(value) = value_of(line, b"expect") {
                    self.expects_continue |= value.eq_ignore_ascii_case(b"100-continue");
                }
            }
            b'b' | b'x' => self.note_context(line),
            _ => {}
        }
    }

    /// The context headers that few requests carry. Out of the way of those that do not: within [`Self::note`] they would
    /// cost every head.
    #[cold]
    #[inline(never)]
    fn note_context(&mut self, line: &[u8]) {
        let header = if value_of(line, b"b3").is_some() {
            ContextHeader::B3
        } else if value_of(line, b"x-b3-traceid").is_some() {
            ContextHeader::B3Multi
        } else if value_of(line, b"uber-trace-id").is_some() {
            ContextHeader::Jaeger
        } else if value_of(line, b"x-amzn-trace-id").is_some() {
            ContextHeader::Xray
        } else if value_of(line, b"baggage").is_some() {
            ContextHeader::Baggage
        } else if value_of(line, b"x-request-id").is_some() || value_of(line, b"x-correlation-id").is_some() {
            ContextHeader::RequestId
        } else {
            return;
        };
        self.context.note(header);
    }

    fn note_connection(&mut self, value: &[u8]) {
        // What nearly all of them say.
        if value.first_chunk().is_some_and(|value| is_same(value, b"keep-alive")) && value.len() == 10 {
            self.connection_keep_alive = true;
            return;
        }
        for option in list(value) {
            self.connection_close |= option.eq_ignore_ascii_case(b"close");
            self.connection_keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            self.connection_upgrade |= option.eq_ignore_ascii_case(b"upgrade");
        }
    }

    fn note_length(&mut self, value: &[u8]) {
        // Equal values, in one field or several, count as one.
        for item in list(value) {
            self.length = match (self.length, number(item)) {
                (Length::Absent, Some(n)) => Length::Bytes(n),
                (Length::Bytes(known), Some(n)) if known == n => self.length,
                _ => Length::Contradictory,
            };
        }
    }

    fn note_transfer(&mut self, value: &[u8]) {
        for coding in list(value) {
            let name = coding.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
            if name.eq_ignore_ascii_case(b"chunked") {
                self.transfer = Transfer::Chunked;
            } else if !name.is_empty() && !name.eq_ignore_ascii_case(b"identity") {
                self.transfer = Transfer::Other;
            }
        }
    }

    /// The length that counts: Transfer-Encoding overrules it.
    pub(crate) fn content_length(&self) -> Option<u64> {
        match (self.transfer, self.length) {
            (Transfer::Absent, Length::Bytes(n)) => Some(n),
            _ => None,
        }
    }

    pub(super) fn upgrade(&self) -> bool {
        self.has_upgrade && self.connection_upgrade
    }

    /// RFC 9112 section 9.3.
    pub(super) fn keep_alive(&self, version: Version) -> bool {
        !self.connection_close && (version == Version::Http11 || self.connection_keep_alive)
    }
}

/// The value of the field in `line`, trimmed, if its name is `name` (ASCII case ignored).
#[expect(clippy::inline_always, reason = "where the name is a constant this is a comparison of a few words")]
#[inline(always)]
fn value_of<'a, const N: usize>(line: &'a [u8], name: &[u8; N]) -> Option<&'a [u8]> {
    let (start, rest) = line.split_first_chunk::<N>()?;
    if !is_same(start, name) {
        return None;
    }
    // RFC 9112 section 5.1 forbids blanks before the colon, which does not keep everybody from sending them.
    let value = match rest {
        [b':', value @ ..] => value,
        _ => rest.trim_ascii_start().strip_prefix(b":")?,
    };
    Some(value.trim_ascii())
}

/// Compares without regard to ASCII case, eight bytes at a time.
#[expect(clippy::inline_always, reason = "where the name is a constant this is a comparison of a few words")]
#[inline(always)]
fn is_same<const N: usize>(text: &[u8; N], known: &[u8; N]) -> bool {
    // The case of a letter is one bit.
    let case = known.map(|byte| if byte.is_ascii_alphabetic() { 0x20 } else { 0 });
    (0..N).step_by(8).fold(0, |differs, at| differs | (word(text, at) ^ word(known, at)) & !word(&case, at))
        == 0
}

/// The eight bytes at `at`, zeros behind the end.
#[expect(clippy::inline_always, reason = "where the name is a constant this is a comparison of a few words")]
#[inline(always)]
fn word<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    let mut word = [0; 8];
    let len = (N - at).min(8);
    word[..len].copy_from_slice(&bytes[at..at + len]);
    u64::from_le_bytes(word)
}

/// The items of a comma-separated list.
fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&b| b == b',').map(<[u8]>::trim_ascii)
}

/// A decimal number and nothing else.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |n, &b| {
        b.is_ascii_digit().then_some(())?;
        n.checked_mul(10)?.checked_add(u64::from(b - b'0'))
    })
}

fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted<'a>(fields: &[(&'a str, &'a str)]) -> Fields<'a> {
        let mut noted = Fields::default();
        for (name, value) in fields {
            let line = format!("{name}:{value}");
            noted.note(line.leak().as_bytes());
        }
        noted
    }

    #[test]
    fn lengths() {
        let length = |values: &[&'static str]| {
            noted(&values.iter().map(|v| ("Content-Length", *v)).collect::<Vec<_>>()).length
        };
        assert_eq!(length(&[]), Length::Absent);
        assert_eq!(length(&["17"]), Length::Bytes(17));
        assert_eq!(length(&["5, 5", "5"]), Length::Bytes(5));
        for bad in
            [&["5", "6"][..], &["5,6"], &["+5"], &["-1"], &["0x5"], &[""], &["5,"], &["18446744073709551616"]]
        {
            assert_eq!(length(bad), Length::Contradictory, "{bad:?}");
        }
        assert_eq!(length(&["18446744073709551615"]), Length::Bytes(u64::MAX));
    }

    #[test]
    fn transfer_encodings() {
        let transfer = |value| noted(&[("transfer-encoding", value)]).transfer;
        assert_eq!(transfer("chunked"), Transfer::Chunked);
        assert_eq!(transfer("gzip, Chunked"), Transfer::Chunked);
        assert_eq!(transfer("chunked, gzip"), Transfer::Other);
        assert_eq!(transfer("identity"), Transfer::Absent);
        let both = noted(&[("Content-Length", "5"), ("Transfer-Encoding", "chunked")]);
        assert_eq!(both.content_length(), None);
    }

    #[test]
    fn persistence() {
        let keeps = |value, version| noted(&[("Connection", value)]).keep_alive(version);
        assert!(keeps("", Version::Http11));
        assert!(!keeps("x, Close", Version::Http11));
        assert!(!keeps("", Version::Http10));
        assert!(keeps("Keep-Alive", Version::Http10));
    }

    #[test]
    fn a_second_traceparent_makes_the_context_ambiguous() {
        let context = noted(&[("Traceparent", "a"), ("TRACESTATE", "s")]).context;
        assert_eq!(
            (context.traceparent, context.tracestate, context.ambiguous),
            (Some("a"), Some("s"), false)
        );
        assert!(noted(&[("traceparent", "a"), ("traceparent", "a")]).context.ambiguous);
    }

    #[test]
    fn other_context_headers_are_noted() {
        use ContextHeader::{B3, B3Multi, Baggage, Jaeger, RequestId, Xray};
        let all = [
            ("B3", B3),
            ("X-B3-TraceId", B3Multi),
            ("Uber-Trace-Id", Jaeger),
            ("x-amzn-trace-id", Xray),
            ("Baggage", Baggage),
            ("X-Request-ID", RequestId),
        ];
        for (name, header) in all {
            let context = noted(&[("Accept", "*/*"), (name, "1")]).context;
            let seen: Vec<_> = all.into_iter().filter(|(_, other)| context.has(*other)).collect();
            assert_eq!(seen, [(name, header)]);
            assert_eq!(context.is_empty(), matches!(header, Baggage | RequestId), "{name}");
        }
        for name in crate::context::REQUEST_IDS {
            assert!(noted(&[(name, "1")]).context.has(RequestId), "{name}");
        }
        assert!(noted(&[("Accept-Encoding", "b3"), ("X-B3-SpanId", "1")]).context.is_empty());
        assert!(!noted(&[("traceparent", "")]).context.is_empty());
    }

    #[test]
    fn upgrades_need_both_headers() {
        assert!(noted(&[("Connection", "keep-alive, Upgrade"), ("Upgrade", "websocket")]).upgrade());
        assert!(!noted(&[("Upgrade", "websocket")]).upgrade());
        assert!(!noted(&[("Connection", "upgrade")]).upgrade());
    }
}
