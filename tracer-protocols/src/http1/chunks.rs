//! Chunked bodies (RFC 9112 section 7.1).

use super::headers::blank_line_end;
use super::limits::{MAX_CHUNK_LINE, MAX_TRAILERS};

/// What stands at the beginning of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunks {
    /// Whole chunk headers: pass over this many bytes (chunk framing included, perhaps more than are at hand), of which
    /// `content` are content. Then another chunk begins.
    Pass { bytes: u64, content: u64 },
    /// The last chunk with its trailers: this many bytes, all at hand.
    End(usize),
    /// The last chunk, but not yet the end of its trailers.
    MoreTrailers,
    /// The beginning of a chunk-size line.
    More,
    /// No chunk.
    Bad,
}

/// Reads as many chunk headers as are at hand. No trailers end before `from`.
pub(super) fn read(bytes: &[u8], from: usize) -> Chunks {
    let (mut pass, mut content) = (0u64, 0u64);
    loop {
        let at = usize::try_from(pass).ok().and_then(|pass| bytes.get(pass..));
        match at.map(size_line) {
            Some(Line::Size { size, len }) if size > 0 => {
                // The line, the chunk, and the CRLF behind it.
                pass = pass.saturating_add(len as u64).saturating_add(size).saturating_add(2);
                content = content.saturating_add(size);
            }
            Some(Line::Size { len, .. }) if pass == 0 => return last(bytes, len, from),
            Some(Line::More) if pass == 0 => return Chunks::More,
            Some(Line::Bad) if pass == 0 => return Chunks::Bad,
            _ => return Chunks::Pass { bytes: pass, content },
        }
    }
}

/// The last chunk, whose size line has `line` bytes.
fn last(bytes: &[u8], line: usize, from: usize) -> Chunks {
    let window = &bytes[..bytes.len().min(MAX_TRAILERS)];
    match blank_line_end(window, (line - 1).max(from.saturating_sub(2))) {
        Some(end) => Chunks::End(end),
        None if window.len() == MAX_TRAILERS => Chunks::Bad,
        None => Chunks::MoreTrailers,
    }
}

enum Line {
    Size { size: u64, len: usize },
    More,
    Bad,
}

/// Reads `chunk-size [ chunk-ext ] CRLF`, a bare LF allowed.
fn size_line(bytes: &[u8]) -> Line {
    let window = &bytes[..bytes.len().min(MAX_CHUNK_LINE)];
    let digits = window.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    if digits > 16 || (digits == 0 && !window.is_empty()) {
        return Line::Bad;
    }
    if !matches!(window.get(digits), None | Some(b'\r' | b'\n' | b';' | b' ' | b'\t')) {
        return Line::Bad;
    }
    match memchr::memchr(b'\n', window) {
        Some(newline) => {
            let size = window[..digits].iter().fold(0, |size, &d| size << 4 | u64::from(hex_value(d)));
            Line::Size { size, len: newline + 1 }
        }
        None if window.len() == MAX_CHUNK_LINE => Line::Bad,
        None => Line::More,
    }
}

/// The value of a hexadecimal digit.
fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_chunks_are_passed_over_together() {
        assert_eq!(
            read(b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n", 0),
            Chunks::Pass { bytes: 8 + 19, content: 13 }
        );
        assert_eq!(read(b"3\r\nab", 0), Chunks::Pass { bytes: 8, content: 3 });
        assert_eq!(read(b"3\r\nabc\r\nzz", 0), Chunks::Pass { bytes: 8, content: 3 });
        assert_eq!(read(b"ffffffffffffffff\r\n", 0), Chunks::Pass { bytes: u64::MAX, content: u64::MAX });
        assert_eq!(read(b"00a \t;q=\"v\"\n", 0), Chunks::Pass { bytes: 12 + 10 + 2, content: 10 });
    }

    #[test]
    fn the_last_chunk() {
        assert_eq!(read(b"0\r\n\r\nHTTP", 0), Chunks::End(5));
        assert_eq!(read(b"000;last\n\n", 0), Chunks::End(10));
        assert_eq!(read(b"0\r\nExpires: 1\r\n\r\n", 0), Chunks::End(17));
        assert_eq!(read(b"0\r\nExpires: 1\r\n\r", 0), Chunks::MoreTrailers);
        assert_eq!(read(b"0\r\nExpires: 1\r\n\r\n", 16), Chunks::End(17));
        assert_eq!(read(&[b"0\r\n", &[b'a'; MAX_TRAILERS][..]].concat(), 0), Chunks::Bad);
    }

    #[test]
    fn partial_and_bad_lines() {
        for more in ["", "f", "f\r", "f;ext", "0\r"] {
            assert_eq!(read(more.as_bytes(), 0), Chunks::More, "{more:?}");
        }
        for bad in
            ["\r\n", "g\r\n", "-1\r\n", "0x5\r\n", "5_\r\n", "00000000000000001\r\n", "HTTP/1.1 200 OK\r\n"]
        {
            assert_eq!(read(bad.as_bytes(), 0), Chunks::Bad, "{bad:?}");
        }
        assert_eq!(read(&[b"5;", &[b'a'; MAX_CHUNK_LINE][..]].concat(), 0), Chunks::Bad);
    }
}
