//! Finding a way back when framing is lost.
//!
//! Of a long segment the kernel side captures the first bytes and the last eight, with a gap between. So a chunked body
//! whose chunk boundaries fell into gaps still shows its end, `\r\n0\r\n\r\n`, as the last bytes of a run; so does a head
//! that was cut, `\r\n\r\n`.

use super::limits::{MAX_UNSURE_LINE, RESYNC_WINDOW};
use super::start_line::{self, Start, is_token};
use crate::contract::{Follows, Side};

/// What a run shows of a message whose framing is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// The message is over behind this many bytes.
    Over(usize),
    /// A head that was cut ends with this run.
    HeadEnd,
    /// These bytes may be the beginning of a sign: wait for more.
    Wait,
    /// Nothing in this many bytes, one at least.
    Nothing(usize),
}

/// What ends a chunked body, in mid-run.
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";
/// The same at the front of a run.
const LAST_CHUNK_ALONE: &[u8] = b"0\r\n\r\n";
const BLANK_LINE: &[u8] = b"\r\n\r\n";

/// Looks for the end of a message. `bytes` is not empty. `in_head`: its head was cut and has not ended yet.
pub(super) fn look(bytes: &[u8], side: Side, follows: Follows, in_head: bool) -> Sight {
    let more = follows == Follows::Maybe;
    // A head at the front, or behind bytes that were kept because they might have begun a sign.
    for kept in (0..LAST_CHUNK.len().min(bytes.len())).filter(|&n| begins_sign(&bytes[..n])) {
        match start(&bytes[kept..], side) {
            Start::Line(()) => return Sight::Over(kept),
            Start::More if more && bytes.len() < MAX_UNSURE_LINE => return Sight::Wait,
            _ => {}
        }
    }
    for at in memchr::memmem::find_iter(bytes, BLANK_LINE) {
        let end = at + BLANK_LINE.len();
        let last_chunk = bytes[..end].ends_with(LAST_CHUNK) || &bytes[..end] == LAST_CHUNK_ALONE;
        let head_follows = start(&bytes[end..], side);
        match head_follows {
            Start::Line(()) => return Sight::Over(end),
            Start::More if last_chunk => return Sight::Over(end),
            Start::More if in_head && end == bytes.len() => return Sight::HeadEnd,
            // The beginning of a head, perhaps: look again from this empty line on when more is there.
            Start::More if more && end < bytes.len() && bytes.len() - end < MAX_UNSURE_LINE => {
                return if at == 0 { Sight::Wait } else { Sight::Nothing(at) };
            }
            _ => {}
        }
    }
    // Keep what may be the first bytes of a sign.
    let keep = if more { sign_begun(bytes) } else { 0 };
    if keep == bytes.len() { Sight::Wait } else { Sight::Nothing(bytes.len() - keep) }
}

/// Bytes at the end of `bytes` that may begin the end of a body.
fn sign_begun(bytes: &[u8]) -> usize {
    if LAST_CHUNK_ALONE.starts_with(bytes) {
        return bytes.len();
    }
    (1..LAST_CHUNK.len()).rev().find(|&n| bytes.ends_with(&LAST_CHUNK[..n])).unwrap_or(0)
}

fn begins_sign(bytes: &[u8]) -> bool {
    LAST_CHUNK.starts_with(bytes) || LAST_CHUNK_ALONE.starts_with(bytes)
}

/// Whether a message of this side starts here.
fn start(bytes: &[u8], side: Side) -> Start<()> {
    match start_line(bytes, side) {
        Start::Line(len) if field_or_end(&bytes[len..]) => Start::Line(()),
        Start::Line(_) | Start::No => Start::No,
        Start::More => Start::More,
    }
}

/// The bytes of the start line that stands here. Only usual ones are believed.
fn start_line(bytes: &[u8], side: Side) -> Start<usize> {
    match side {
        Side::Request => start_line::request(bytes, false).map(|line| line.len),
        Side::Response => start_line::response(bytes).map(|line| line.len),
    }
}

/// What may stand behind a start line: a header field, the end of the head, or nothing yet.
fn field_or_end(bytes: &[u8]) -> bool {
    match bytes.iter().find(|&&b| !is_token(b)) {
        None => true,
        Some(b'\r' | b'\n') => !is_token(bytes[0]),
        Some(b':') => bytes[0] != b':',
        Some(_) => false,
    }
}

/// Whether a message of this side starts where a body is announced that may be absent. What stands behind the start line
/// does not count: the answer must not depend on how much of it is at hand.
pub(super) fn instead_of_body(bytes: &[u8], side: Side, follows: Follows) -> Start<()> {
    let window = &bytes[..bytes.len().min(MAX_UNSURE_LINE)];
    match start_line(window, side) {
        Start::Line(_) => Start::Line(()),
        Start::More if follows == Follows::Maybe && window.len() < MAX_UNSURE_LINE => Start::More,
        Start::More | Start::No => Start::No,
    }
}

/// The offset of the first plausible head of this side.
///
/// At the front any usual start line will do. Further in it has to stand behind something that ends a body or a word, and
/// before a header field, since bodies quote heads too.
pub(super) fn find_head(bytes: &[u8], side: Side) -> Option<usize> {
    if start(bytes, side) == Start::Line(()) {
        return Some(0);
    }
    let window = &bytes[..bytes.len().min(RESYNC_WINDOW)];
    memchr::memmem::find_iter(window, b"HTTP/1.").find_map(|at| {
        let at = match side {
            Side::Response => at,
            Side::Request => request_line_start(&window[..at])?,
        };
        let apart = at > 0 && !is_token(window[at - 1]);
        (apart && start(&window[at..], side) == Start::Line(())).then_some(at)
    })
}

/// Where the request line starts whose method and target end `bytes`.
fn request_line_start(bytes: &[u8]) -> Option<usize> {
    let target = memchr::memrchr(b' ', bytes.strip_suffix(b" ")?)?;
    let method = bytes[..target].iter().rposition(|b| !b.is_ascii_uppercase())?;
    Some(method + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(bytes: &[u8]) -> Sight {
        look(bytes, Side::Response, Follows::Maybe, false)
    }

    #[test]
    fn the_last_chunk_ends_a_run() {
        assert_eq!(response(b"x\r\n0\r\n\r\n"), Sight::Over(8));
        assert_eq!(response(b"0\r\n\r\n"), Sight::Over(5));
        assert_eq!(response(b"x\r\n0\r\n\r\nHTTP/1.1 2"), Sight::Over(8));
        assert_eq!(response(b"x\r\n0\r\n\r\nmore"), Sight::Nothing(12));
        assert_eq!(response(b"x0\r\n\r\n"), Sight::Nothing(4));
        assert_eq!(look(b"x\r\n0\r\n\r\n", Side::Response, Follows::Gap, false), Sight::Over(8));
    }

    #[test]
    fn a_head_ends_what_came_before() {
        assert_eq!(response(b"HTTP/1.1 200 OK\r\n"), Sight::Over(0));
        assert_eq!(response(b"HTTP/1.1 200 OK\r\nno field"), Sight::Nothing(25));
        assert_eq!(response(b"X: y\r\n\r\nHTTP/1.1 200 OK\r\nA: b"), Sight::Over(8));
        assert_eq!(response(b"HTTP/1.1"), Sight::Wait);
        assert_eq!(response(b"\r\nHTTP/1.1 200 OK\r\n"), Sight::Over(2));
        assert_eq!(response(b"X: y\r\n\r\nHTTP/1.1"), Sight::Nothing(4));
        assert_eq!(response(b"\r\n\r\nHTTP/1.1"), Sight::Wait);
        assert_eq!(look(b"GET /a HTTP/1.1\r\n", Side::Request, Follows::Maybe, false), Sight::Over(0));
        assert_eq!(look(b"GET /a HTT", Side::Request, Follows::Gap, false), Sight::Nothing(10));
    }

    #[test]
    fn signs_may_come_in_pieces() {
        for n in 1..LAST_CHUNK.len() {
            let bytes = [b"xx", &LAST_CHUNK[..n]].concat();
            assert_eq!(response(&bytes), Sight::Nothing(2), "{n}");
            assert_eq!(response(&LAST_CHUNK[..n]), Sight::Wait, "{n}");
        }
        for n in 1..LAST_CHUNK_ALONE.len() {
            assert_eq!(response(&LAST_CHUNK_ALONE[..n]), Sight::Wait, "{n}");
        }
    }

    #[test]
    fn the_end_of_a_cut_head() {
        let look = |bytes| look(bytes, Side::Request, Follows::Maybe, true);
        assert_eq!(look(b"id=1\r\n\r\n"), Sight::HeadEnd);
        assert_eq!(look(b"e\r\n0\r\n\r\n"), Sight::Over(8));
        assert_eq!(look(b"=1\r\n\r\n{}"), Sight::Nothing(8));
    }

    #[test]
    fn heads_are_found_in_mid_run() {
        let find = |bytes: &str, side| find_head(bytes.as_bytes(), side);
        assert_eq!(find("HTTP/1.1 200 OK\r\n", Side::Response), Some(0));
        assert_eq!(find("</html>HTTP/1.1 200 OK\r\nServer: x\r\n", Side::Response), Some(7));
        assert_eq!(find("see HTTP/1.1 200 OK in the RFC\r\n<p>", Side::Response), None);
        assert_eq!(find("xHTTP/1.1 200 OK\r\n\r\n", Side::Response), None);
        assert_eq!(find("{}GET /a HTTP/1.1\r\nHost: x\r\n", Side::Request), Some(2));
        assert_eq!(find("{}GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n", Side::Request), Some(2));
        assert_eq!(find("say GET HTTP/1.1 or\r\n\r\nPOST /b HTTP/1.0\r\n\r\n", Side::Request), Some(23));
        assert_eq!(find("GET / HTTP/1.1", Side::Response), None);
        assert_eq!(find("", Side::Request), None);
    }
}
