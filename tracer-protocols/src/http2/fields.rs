//! A decoded header block as the lines of an HTTP/1 head, so that whatever reads those reads these.

use super::hpack::Field;
use super::limits::MAX_TEXT;
use super::message::{Block, ResponseHead};
use crate::http1::{self, Headers, Method, RequestHead, Version, is_token};

/// The text of the block that was decoded last.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// Lines of `name: value`. Those of pseudo-headers begin with a colon, which makes them fields without a name.
    lines: Vec<u8>,
    /// Places of the values of pseudo-headers in `lines`.
    pseudo: [Option<(usize, usize)>; 5],
    /// A field is unknown or had no room.
    truncated: bool,
}

/// Pseudo-headers (RFC 9113, section 8.3).
const PSEUDO: [&[u8]; 5] = [b":method", b":path", b":authority", b":status", b":scheme"];
const METHOD: usize = 0;
const PATH: usize = 1;
const AUTHORITY: usize = 2;
const STATUS: usize = 3;

/// What a block is by its pseudo-headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    Request,
    Response(u16),
    Neither,
}

impl Fields {
    pub(super) fn clear(&mut self) {
        self.lines.clear();
        self.pseudo = [None; 5];
        self.truncated = false;
    }

    /// Not the whole block was seen.
    pub(super) fn cut(&mut self) {
        self.truncated = true;
    }

    pub(super) fn push(&mut self, field: Field<'_>) {
        let (Some(name), Some(value)) = (field.name, field.value) else {
            self.truncated = true;
            return;
        };
        // RFC 9113, section 8.2.1: what cannot be part of a line makes the message malformed, and is left out here.
        if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return;
        }
        let pseudo = PSEUDO.iter().position(|known| *known == name);
        if pseudo.is_none() && (name.is_empty() || !name.iter().copied().all(is_token)) {
            return;
        }
        if self.lines.len() + name.len() + value.len() + 4 > MAX_TEXT {
            self.truncated = true;
            return;
        }
        self.lines.extend_from_slice(name);
        self.lines.extend_from_slice(b": ");
        let start = self.lines.len();
        self.lines.extend_from_slice(value);
        if let Some(place) = pseudo {
            self.pseudo[place] = Some((start, self.lines.len()));
        }
        self.lines.extend_from_slice(b"\r\n");
    }

    pub(super) fn head(&self) -> Head {
        if self.value(METHOD).is_some() {
            return Head::Request;
        }
        let status = self.value(STATUS).and_then(|digits| {
            if digits.len() != 3 {
                return None;
            }
            std::str::from_utf8(digits).ok()?.parse().ok().filter(|status| (100..=999).contains(status))
        });
        status.map_or(Head::Neither, Head::Response)
    }

    pub(super) fn block(&self) -> Block<'_> {
        Block { headers: Headers::new(&self.lines), truncated: self.truncated }
    }

    pub(super) fn response(&self, status: u16) -> ResponseHead<'_> {
        ResponseHead { status, block: self.block() }
    }

    /// `bytes`: those of the block as it was sent.
    pub(super) fn request(&self, bytes: usize) -> RequestHead<'_> {
        let text = |place| self.value(place).and_then(|value| std::str::from_utf8(value).ok());
        let method_text = text(METHOD).unwrap_or_default();
        let authority = text(AUTHORITY);
        let method = Method::from_name(method_text.as_bytes());
        let target = match text(PATH) {
            Some(path) => path,
            // RFC 9113, section 8.5: a CONNECT has no path.
            None if method == Method::Connect => authority.unwrap_or_default(),
            None => "",
        };
        let fields = http1::seen_fields(&self.lines);
        RequestHead {
            method,
            method_text,
            target,
            target_cut: target.is_empty(),
            version: Version::Http2,
            host: authority.or(fields.host),
            user_agent: fields.user_agent,
            content_type: fields.content_type,
            context: fields.context,
            content_length: fields.content_length(),
            chunked: false,
            expects_continue: fields.expects_continue,
            upgrade: false,
            keep_alive: true,
            truncated: self.truncated,
            head_bytes: bytes,
            headers: Headers::new(&self.lines),
        }
    }

    fn value(&self, place: usize) -> Option<&[u8]> {
        self.pseudo[place].and_then(|(start, end)| self.lines.get(start..end))
    }
}
