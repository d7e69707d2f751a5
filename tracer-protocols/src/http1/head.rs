//! From the bytes of a head to a message, and what body framing it announces.

use super::fields::{Fields, Length, Transfer};
use super::headers::{Headers, Lines, blank_line_end};
use super::message::{RequestHead, ResponseHead};
use super::method::Method;
use super::start_line::{RequestLine, StatusLine};

/// How the end of a message is found (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// No body.
    None,
    /// A body of this many bytes, more than none.
    Length(u64),
    Chunked,
    UntilClose,
    /// Another protocol takes over.
    Tunnel,
    /// The headers contradict each other, or some were not seen.
    Unknown,
}

/// Gathers the fields of a head whose start line ends at `start`, and says where the head ends. None while its empty line
/// is not at hand. No empty line ends before `from`.
pub(super) fn fields(window: &[u8], start: usize, from: usize) -> Option<(Fields<'_>, usize)> {
    // A head that has been waited for: do not parse it anew for every few bytes that come.
    if from > start {
        blank_line_end(window, from.saturating_sub(2).max(start - 1))?;
    }
    let mut lines = Lines::new(&window[start..]);
    let fields = gather(&mut lines);
    lines.behind().map(|rest| (fields, window.len() - rest.len()))
}

/// The fields of a head that did not come whole.
pub(crate) fn seen_fields(block: &[u8]) -> Fields<'_> {
    gather(&mut Lines::new(block))
}

fn gather<'a>(lines: &mut Lines<'a>) -> Fields<'a> {
    let mut fields = Fields::default();
    for line in lines {
        fields.note(line);
    }
    fields
}

/// A request head of `head_bytes`, `headers` being those behind its start line.
pub(super) fn request<'a>(
    line: &RequestLine<'a>,
    fields: &Fields<'a>,
    headers: &'a [u8],
    seen: Seen,
) -> RequestHead<'a> {
    let (method_text, _) = utf8_prefix(line.method_text);
    let (target, target_valid) = utf8_prefix(line.target);
    RequestHead {
        method: line.method,
        method_text,
        target,
        target_cut: !target_valid || seen.target_cut,
        version: line.version,
        host: fields.host,
        user_agent: fields.user_agent,
        content_type: fields.content_type,
        context: fields.context,
        content_length: fields.content_length(),
        chunked: fields.transfer == Transfer::Chunked,
        expects_continue: fields.expects_continue,
        upgrade: fields.upgrade(),
        keep_alive: fields.keep_alive(line.version),
        truncated: seen.truncated,
        head_bytes: seen.bytes,
        headers: Headers::new(headers),
    }
}

/// A final response head.
pub(super) fn response<'a>(
    line: StatusLine,
    fields: &Fields<'a>,
    framing: Framing,
    headers: &'a [u8],
    seen: Seen,
) -> ResponseHead<'a> {
    let keep_alive = fields.keep_alive(line.version);
    ResponseHead {
        status: line.status,
        version: line.version,
        content_length: fields.content_length(),
        chunked: fields.transfer == Transfer::Chunked,
        keep_alive,
        ends_connection: !keep_alive || framing == Framing::UntilClose,
        upgraded: framing == Framing::Tunnel,
        truncated: seen.truncated,
        head_bytes: seen.bytes,
        headers: Headers::new(headers),
    }
}

/// How much of a head was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) bytes: usize,
    pub(super) truncated: bool,
    pub(super) target_cut: bool,
}

/// The framing of a request body (RFC 9112 section 6.3, rules 4 to 7).
pub(super) fn request_framing(fields: &Fields<'_>) -> Framing {
    match (fields.transfer, fields.length) {
        (Transfer::Chunked, _) => Framing::Chunked,
        (Transfer::Other, _) | (Transfer::Absent, Length::Contradictory) => Framing::Unknown,
        (Transfer::Absent, Length::Absent | Length::Bytes(0)) => Framing::None,
        (Transfer::Absent, Length::Bytes(n)) => Framing::Length(n),
    }
}

/// The framing of the body of a final response (RFC 9112 section 6.3, rules 1 to 8). `whole`: all headers were seen.
pub(super) fn response_framing(
    status: u16,
    fields: &Fields<'_>,
    answering: Option<Method>,
    whole: bool,
) -> Framing {
    match (status, answering) {
        (101, _) | (200..300, Some(Method::Connect)) => return Framing::Tunnel,
        (204 | 304, _) | (_, Some(Method::Head)) => return Framing::None,
        _ => {}
    }
    match (fields.transfer, fields.length) {
        (Transfer::Chunked, _) => Framing::Chunked,
        (Transfer::Other, _) => Framing::UntilClose,
        (Transfer::Absent, Length::Bytes(0)) => Framing::None,
        (Transfer::Absent, Length::Bytes(n)) => Framing::Length(n),
        (Transfer::Absent, Length::Absent) if whole => Framing::UntilClose,
        (Transfer::Absent, Length::Absent | Length::Contradictory) => Framing::Unknown,
    }
}

/// The longest part at the front that is UTF-8, and whether that is all.
fn utf8_prefix(bytes: &[u8]) -> (&str, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text, true),
        Err(error) => {
            let valid = &bytes[..error.valid_up_to()];
            (std::str::from_utf8(valid).unwrap_or_default(), false)
        }
    }
}
