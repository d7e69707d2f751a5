//! Frame headers (RFC 9113, section 4.1) and which of them make sense.

/// Bytes of a frame header.
pub(super) const HEADER: usize = 9;

/// What a client sends before its first frame (RFC 9113, section 3.4).
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frame types (RFC 9113, section 6).
pub(super) mod kind {
    pub(in crate::http2) const DATA: u8 = 0;
    pub(in crate::http2) const HEADERS: u8 = 1;
    pub(in crate::http2) const PRIORITY: u8 = 2;
    pub(in crate::http2) const RST_STREAM: u8 = 3;
    pub(in crate::http2) const SETTINGS: u8 = 4;
    pub(in crate::http2) const PUSH_PROMISE: u8 = 5;
    pub(in crate::http2) const PING: u8 = 6;
    pub(in crate::http2) const GOAWAY: u8 = 7;
    pub(in crate::http2) const WINDOW_UPDATE: u8 = 8;
    pub(in crate::http2) const CONTINUATION: u8 = 9;
}

/// Flags (RFC 9113, section 6).
pub(super) mod flag {
    pub(in crate::http2) const END_STREAM: u8 = 0x1;
    pub(in crate::http2) const ACK: u8 = 0x1;
    pub(in crate::http2) const END_HEADERS: u8 = 0x4;
    pub(in crate::http2) const PADDED: u8 = 0x8;
    pub(in crate::http2) const PRIORITY: u8 = 0x20;
}

/// A frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Bytes of the payload.
    pub(super) len: usize,
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

impl Frame {
    /// Reads a header that obeys the rules of its type; `None` for one that does not, or lacks bytes.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let &[a, b, c, kind, flags, s0, s1, s2, s3, ..] = bytes else { return None };
        let len = u32::from_be_bytes([0, a, b, c]) as usize;
        let frame = Self { len, kind, flags, stream: u32::from_be_bytes([s0, s1, s2, s3]) };
        frame.is_valid().then_some(frame)
    }

    pub(super) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// RFC 9113, sections 6.1 to 6.10; of types that it does not know, anything goes. The reserved bit is sent as 0.
    fn is_valid(self) -> bool {
        let on_stream = self.stream != 0;
        self.stream < 1 << 31
            && match self.kind {
                kind::DATA | kind::HEADERS | kind::PUSH_PROMISE | kind::CONTINUATION => on_stream,
                kind::PRIORITY => on_stream && self.len == 5,
                kind::RST_STREAM => on_stream && self.len == 4,
                kind::SETTINGS => {
                    !on_stream && if self.has(flag::ACK) { self.len == 0 } else { self.len.is_multiple_of(6) }
                }
                kind::PING => !on_stream && self.len == 8,
                kind::GOAWAY => !on_stream && self.len >= 8,
                kind::WINDOW_UPDATE => self.len == 4,
                _ => true,
            }
    }

    /// Whether this may be believed where nothing leads to it: a type that is known, with no flag that it does not have.
    pub(super) fn is_plausible(self) -> bool {
        use flag::{ACK, END_HEADERS, END_STREAM, PADDED, PRIORITY};
        let (flags, most) = match self.kind {
            kind::DATA => (END_STREAM | PADDED, 1 << 24),
            kind::HEADERS => (END_STREAM | END_HEADERS | PADDED | PRIORITY, 1 << 16),
            kind::PRIORITY | kind::RST_STREAM | kind::WINDOW_UPDATE => (0, 5),
            kind::SETTINGS => (ACK, 6 * 64),
            kind::PUSH_PROMISE => (END_HEADERS | PADDED, 1 << 16),
            kind::PING => (ACK, 8),
            kind::GOAWAY => (0, 1 << 12),
            kind::CONTINUATION => (END_HEADERS, 1 << 16),
            _ => return false,
        };
        self.flags & !flags == 0 && self.len <= most
    }

    /// Whether it is a header block of its own on a client's stream, of moderate length: the only frame that a segment may
    /// begin with and not end, and that chance seldom makes.
    pub(super) fn is_block(self) -> bool {
        self.kind == kind::HEADERS
            && self.has(flag::END_HEADERS)
            && self.len <= 1 << 14
            && self.stream < 1 << 16
            && !self.stream.is_multiple_of(2)
    }

    /// Whether it says so much about itself that chance does not make one like it.
    pub(super) fn is_unmistakable(self) -> bool {
        match self.kind {
            kind::WINDOW_UPDATE | kind::PING | kind::RST_STREAM => true,
            kind::SETTINGS => self.has(flag::ACK),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        let frame = Frame::read(&[0, 1, 2, 1, 5, 0, 0, 0, 3, 0xff]).unwrap();
        assert_eq!(frame, Frame { len: 258, kind: kind::HEADERS, flags: 5, stream: 3 });
        assert!(frame.has(flag::END_STREAM) && frame.has(flag::END_HEADERS) && !frame.has(flag::PADDED));
    }

    #[test]
    fn what_breaks_the_rules_is_none() {
        for bytes in [
            &[0, 0, 9, 0, 0, 0, 0, 0, 0][..],
            &[0, 0, 9, 1, 4, 0, 0, 0, 0],
            &[0, 0, 5, 3, 0, 0, 0, 0, 1],
            &[0, 0, 5, 4, 0, 0, 0, 0, 0],
            &[0, 0, 6, 4, 1, 0, 0, 0, 0],
            &[0, 0, 8, 6, 0, 0, 0, 0, 1],
            &[0, 0, 5, 8, 0, 0, 0, 0, 1],
            &[0, 0, 5, 0, 0, 0x80, 0, 0, 1],
            &[0, 0, 5, 0, 0, 0, 0, 0],
        ] {
            assert_eq!(Frame::read(bytes), None, "{bytes:?}");
        }
        assert!(Frame::read(&[0, 0, 5, 0x42, 0xff, 0, 0, 0, 0]).is_some_and(|frame| !frame.is_plausible()));
    }
}
