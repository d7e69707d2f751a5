//! Request lines and status lines: the one place that says what may start a message.
//!
//! An answer for a prefix never contradicts the answer for more of the same bytes: `No` stays `No`, and what becomes a
//! `Line` was `More` before. Split invariance rests on this.

use super::limits::MAX_METHOD;
use super::message::Version;
use super::method::Method;

/// What the front of some bytes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start<T> {
    /// A whole start line.
    Line(T),
    /// Perhaps the beginning of one.
    More,
    /// None.
    No,
}

impl<T> Start<T> {
    pub(super) fn map<U>(self, f: impl FnOnce(T) -> U) -> Start<U> {
        match self {
            Self::Line(line) => Start::Line(f(line)),
            Self::More => Start::More,
            Self::No => Start::No,
        }
    }
}

/// A request line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestLine<'a> {
    pub(super) method: Method,
    pub(super) method_text: &'a [u8],
    pub(super) target: &'a [u8],
    /// HTTP/1.1 where the bytes ended before it.
    pub(super) version: Version,
    /// Bytes of the line, its end included.
    pub(super) len: usize,
}

/// A status line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StatusLine {
    pub(super) version: Version,
    pub(super) status: u16,
    /// Bytes of the line, its end included.
    pub(super) len: usize,
}

/// Reads a request line. `framed`: the end of the message before is known to be here, so that any method and target
/// will do; else only known methods and usual targets are believed.
pub(super) fn request(bytes: &[u8], framed: bool) -> Start<RequestLine<'_>> {
    let name_end = match method_end(bytes, framed) {
        Start::Line(end) => end,
        Start::More => return Start::More,
        Start::No => return Start::No,
    };
    let (method_text, rest) = (&bytes[..name_end], &bytes[name_end + 1..]);
    let method = Method::from_name(method_text);
    let newline = memchr::memchr(b'\n', rest);
    let line = without_cr(&rest[..newline.unwrap_or(rest.len())]);
    if has_control(line) || !(framed || usual_target(method, line)) {
        return Start::No;
    }
    let Some(newline) = newline else { return Start::More };
    let line = line.trim_ascii_end();
    let Some(space) = memchr::memrchr(b' ', line) else { return Start::No };
    let (target, version) = (line[..space].trim_ascii(), version(&line[space + 1..]));
    match version {
        Some(version) if !target.is_empty() => {
            let len = name_end + 1 + newline + 1;
            Start::Line(RequestLine { method, method_text, target, version, len })
        }
        _ => Start::No,
    }
}

/// What can be told of a request line that is cut at the end of `bytes` (for which [`request`] said `More`), and whether
/// the cut is within its target.
pub(super) fn request_cut(bytes: &[u8], framed: bool) -> Option<(RequestLine<'_>, bool)> {
    let Start::Line(name_end) = method_end(bytes, framed) else { return None };
    let (method_text, rest) = (&bytes[..name_end], without_cr(&bytes[name_end + 1..]));
    let space = memchr::memchr(b' ', rest);
    let target = &rest[..space.unwrap_or(rest.len())];
    if target.is_empty() {
        return None;
    }
    let method = Method::from_name(method_text);
    let line = RequestLine { method, method_text, target, version: Version::Http11, len: bytes.len() };
    Some((line, space.is_none()))
}

/// Reads a status line.
pub(super) fn response(bytes: &[u8]) -> Start<StatusLine> {
    let (version, status) = match status_code(bytes) {
        Start::Line(found) => found,
        Start::More => return Start::More,
        Start::No => return Start::No,
    };
    let rest = &bytes[STATUS_END..];
    if !matches!(rest.first(), None | Some(b' ' | b'\r' | b'\n')) {
        return Start::No;
    }
    let newline = memchr::memchr(b'\n', rest);
    if has_control(without_cr(&rest[..newline.unwrap_or(rest.len())])) {
        return Start::No;
    }
    match newline {
        Some(newline) => Start::Line(StatusLine { version, status, len: STATUS_END + newline + 1 }),
        None => Start::More,
    }
}

/// Bytes up to the end of the status code: `HTTP/1.1 200`.
const STATUS_END: usize = 12;

/// Reads a status line up to its code.
pub(super) fn status_code(bytes: &[u8]) -> Start<(Version, u16)> {
    const PREFIX: &[u8] = b"HTTP/1.";
    let fits = |(at, &byte): (usize, &u8)| match at {
        0..7 => byte == PREFIX[at],
        7 => byte == b'0' || byte == b'1',
        8 => byte == b' ',
        9 => (b'1'..=b'9').contains(&byte),
        _ => byte.is_ascii_digit(),
    };
    match bytes.first_chunk::<STATUS_END>() {
        _ if !bytes.iter().take(STATUS_END).enumerate().all(fits) => Start::No,
        None => Start::More,
        Some(&[.., minor, _, a, b, c]) => {
            let version = if minor == b'0' { Version::Http10 } else { Version::Http11 };
            let digit = |d: u8| u16::from(d - b'0');
            Start::Line((version, digit(a) * 100 + digit(b) * 10 + digit(c)))
        }
    }
}

/// Bytes of the method name at the front, followed by a space.
fn method_end(bytes: &[u8], framed: bool) -> Start<usize> {
    let window = &bytes[..bytes.len().min(MAX_METHOD + 1)];
    let space = window.iter().position(|&b| b == b' ');
    let name = &window[..space.unwrap_or(window.len())];
    let good = if framed {
        name.iter().copied().all(is_token) && !(name.is_empty() && space.is_some())
    } else if space.is_some() {
        Method::from_name(name) != Method::Other
    } else {
        Method::begins_one(name)
    };
    match space {
        Some(end) if good => Start::Line(end),
        None if good && window.len() <= MAX_METHOD => Start::More,
        _ => Start::No,
    }
}

/// Whether `line`, what is at hand of a request line behind its method, begins with a target as clients send them
/// (RFC 9112 section 3.2). This is what tells HTTP from RTSP, SIP and the like.
fn usual_target(method: Method, line: &[u8]) -> bool {
    match line {
        [] | [b'/', ..] => true,
        [first, ..] if method == Method::Connect => first.is_ascii_alphanumeric() || b"[_".contains(first),
        [b'*', rest @ ..] => method == Method::Options && matches!(rest, [] | [b' ', ..]),
        _ => common_prefix(line, b"http://") || common_prefix(line, b"https://"),
    }
}

/// `line` begins with `prefix`, or `prefix` with `line`; ASCII case ignored.
fn common_prefix(line: &[u8], prefix: &[u8]) -> bool {
    let n = line.len().min(prefix.len());
    line[..n].eq_ignore_ascii_case(&prefix[..n])
}

fn version(text: &[u8]) -> Option<Version> {
    match text {
        b"HTTP/1.1" => Some(Version::Http11),
        b"HTTP/1.0" => Some(Version::Http10),
        _ => None,
    }
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Written without an early exit, so that it is done many bytes at a time.
fn has_control(line: &[u8]) -> bool {
    let control = |b: u8| u8::from(b < b' ' && b != b'\t' || b == 0x7f);
    line.iter().fold(0, |found, &b| found | control(b)) != 0
}

/// A character of a token (RFC 9110 section 5.6.2).
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_for_prefixes_agree_with_the_whole() {
        let lines: [&[u8]; 14] = [
            b"GET / HTTP/1.1\r\n",
            b"POST http://a.example/x?y HTTP/1.0\n",
            b"OPTIONS * HTTP/1.1\r\n",
            b"OPTIONS * RTSP/1.0\r\n",
            b"CONNECT a.example:443 HTTP/1.1\r\n",
            b"BREW /pot HTTP/1.1\r\n",
            b"GET /\x01 HTTP/1.1\r\n",
            b"GET / HTTP/1.1\rX\r\n",
            b"GET sip:x SIP/2.0\r\n",
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.0 404\n",
            b"HTTP/1.1 20x OK\r\n",
            b"HTTP/2.0 200 OK\r\n",
            b"HTTP/1.1 2000 OK\r\n",
        ];
        for line in lines {
            for framed in [false, true] {
                check(line, |bytes| request(bytes, framed));
            }
            check(line, response);
        }
    }

    fn check<'a, T>(line: &'a [u8], read: impl Fn(&'a [u8]) -> Start<T>) {
        let mut refused = false;
        for end in 0..=line.len() {
            match read(&line[..end]) {
                Start::No => refused = true,
                Start::More | Start::Line(_) => assert!(!refused, "{}", line[..end].escape_ascii()),
            }
        }
    }

    #[test]
    fn unknown_methods_and_odd_targets_need_framing() {
        for line in ["BREW /pot HTTP/1.1\r\n", "GET pot HTTP/1.1\r\n"] {
            assert_eq!(request(line.as_bytes(), false), Start::No);
            assert!(matches!(request(line.as_bytes(), true), Start::Line(_)));
        }
    }

    #[test]
    fn a_target_may_hold_spaces() {
        let Start::Line(line) = request(b"GET /a b c HTTP/1.1 \r\n", false) else { panic!("no line") };
        assert_eq!(line.target, b"/a b c");
    }

    #[test]
    fn cut_request_lines() {
        let cut = |bytes| request_cut(bytes, false).map(|(line, cut)| (line.target, cut));
        assert_eq!(cut(b"GET /a/b"), Some((&b"/a/b"[..], true)));
        assert_eq!(cut(b"GET /a/b HTT"), Some((&b"/a/b"[..], false)));
        assert_eq!(cut(b"GET /a HTTP/1.1\r"), Some((&b"/a"[..], false)));
        assert_eq!(cut(b"GET "), None);
        assert_eq!(cut(b"GE"), None);
    }
}
