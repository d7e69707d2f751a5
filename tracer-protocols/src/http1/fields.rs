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
    /// Takes note of one field, its value not trimmed. Most names are told apart by their length alone.
    #[inline]
    pub(super) fn note(&mut self, name: &[u8], value: &'a [u8]) {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        let text = || text(value.trim_ascii());
        match name.len() {
            4 if is(b"host") => self.host = self.host.or_else(text),
            6 if is(b"expect") => {
                self.expects_continue |= value.trim_ascii().eq_ignore_ascii_case(b"100-continue");
            }
            7 if is(b"upgrade") => self.has_upgrade = true,
            10 if is(b"user-agent") => self.user_agent = self.user_agent.or_else(text),
            10 if is(b"connection") => self.note_connection(value),
            10 if is(b"tracestate") => self.context.tracestate = self.context.tracestate.or_else(text),
            11 if is(b"traceparent") => {
                self.context.ambiguous |= self.context.traceparent.is_some();
                self.context.traceparent = self.context.traceparent.or_else(text);
            }
            12 if is(b"content-type") => self.content_type = self.content_type.or_else(text),
            14 if is(b"content-length") => self.note_length(value),
            17 if is(b"transfer-encoding") => self.note_transfer(value),
            // The first letter keeps `Content-Type`, `Accept` and their like out of the call.
            length
                if matches!(name, [b'b' | b'B' | b'u' | b'U' | b'x' | b'X', ..])
                    && matches!(length, 2 | 7 | 12 | 13 | 15) =>
            {
                self.note_context(name);
            }
            _ => {}
        }
    }

    /// The context headers that few requests carry. Out of the way of those that do not: within [`Self::note`] they would
    /// cost every head.
    #[cold]
    #[inline(never)]
    fn note_context(&mut self, name: &[u8]) {
        let known: [(&[u8], ContextHeader); 5] = [
            (b"b3", ContextHeader::B3),
            (b"x-b3-traceid", ContextHeader::B3Multi),
            (b"uber-trace-id", ContextHeader::Jaeger),
            (b"x-amzn-trace-id", ContextHeader::Xray),
            (b"baggage", ContextHeader::Baggage),
        ];
        if let Some((_, header)) = known.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)) {
            self.context.note(header);
        }
    }

    fn note_connection(&mut self, value: &[u8]) {
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
            noted.note(name.as_bytes(), value.as_bytes());
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
        use ContextHeader::{B3, B3Multi, Baggage, Jaeger, Xray};
        let all = [
            ("B3", B3),
            ("X-B3-TraceId", B3Multi),
            ("Uber-Trace-Id", Jaeger),
            ("x-amzn-trace-id", Xray),
            ("Baggage", Baggage),
        ];
        for (name, header) in all {
            let context = noted(&[("Accept", "*/*"), (name, "1")]).context;
            let seen: Vec<_> = all.into_iter().filter(|(_, other)| context.has(*other)).collect();
            assert_eq!(seen, [(name, header)]);
            assert_eq!(context.is_empty(), header == Baggage, "{name}");
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
