//! Is this HTTP/2? Told by content alone.

use super::frame::{Frame, HEADER, PREFACE, kind};
use super::limits::MAX_RESYNC_FRAMES;

/// What the first bytes of a direction are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Detection {
    /// A connection starts here: the client's preface.
    Preface,
    /// A connection starts here: the server's first SETTINGS frame (RFC 9113, section 3.4).
    Settings,
    /// Frames of a connection in use. Which side sends them is not told by this.
    Frames,
    /// Nothing can be said yet.
    NeedMore,
    /// Something else.
    No,
}

/// Says what starts at the front of `bytes`.
pub fn detect(bytes: &[u8]) -> Detection {
    let seen = bytes.len().min(PREFACE.len());
    if bytes[..seen] == PREFACE[..seen] {
        return if seen == PREFACE.len() { Detection::Preface } else { Detection::NeedMore };
    }
    match Frame::read(bytes) {
        Some(frame) if frame.kind == kind::SETTINGS && frame.flags == 0 && frame.is_plausible() => {
            Detection::Settings
        }
        Some(_) if is_chain(bytes) => Detection::Frames,
        None if bytes.len() < HEADER && may_begin_frame(bytes) => Detection::NeedMore,
        _ => Detection::No,
    }
}

/// Whether `bytes` begin with frames beyond doubt: one that is unmistakable, or several that follow one another, or one that
/// ends where the bytes do.
pub(super) fn is_chain(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    for place in 0..MAX_RESYNC_FRAMES {
        if place > 0 && rest.len() < HEADER {
            // The frame before ended here, or the next one is cut: its length byte has to be a small one.
            return rest.first().is_none_or(|&byte| byte == 0);
        }
        let Some(frame) = Frame::read(rest).filter(|frame| frame.is_plausible()) else { return false };
        if frame.is_unmistakable() {
            return true;
        }
        match rest.get(HEADER + frame.len..) {
            Some(behind) => rest = behind,
            // Its payload reaches further than we see: enough if another frame led here, or if it is a header block.
            None => return place > 0 || frame.is_block(),
        }
    }
    true
}

/// Fewer bytes than a header has: lengths beyond 64 KiB and unknown types are not waited for.
fn may_begin_frame(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(|&byte| byte == 0) && bytes.get(3).is_none_or(|&byte| byte <= kind::CONTINUATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_starts() {
        assert_eq!(detect(PREFACE), Detection::Preface);
        for cut in 0..PREFACE.len() {
            assert_eq!(detect(&PREFACE[..cut]), Detection::NeedMore);
        }
        assert_eq!(detect(&[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3]), Detection::Settings);
        assert_eq!(detect(&[0, 0, 0, 4, 0, 0, 0, 0, 0]), Detection::Settings);
        assert_eq!(detect(&[0, 0, 6, 4, 0]), Detection::NeedMore);
    }

    #[test]
    fn connections_in_use() {
        let headers = [0, 0, 1, 1, 5, 0, 0, 0, 7, 0x82];
        assert_eq!(detect(&headers), Detection::Frames);
        assert_eq!(detect(&[0, 0, 4, 8, 0, 0, 0, 0, 0, 0]), Detection::Frames);
        assert_eq!(detect(&[&headers[..], &[0, 0, 9, 0, 1, 0, 0, 0, 7]].concat()), Detection::Frames);
        assert_eq!(detect(&[&headers[..], b"GET /"].concat()), Detection::No);
        assert_eq!(
            detect(&[0, 0, 9, 1, 5, 0, 0, 0, 7, 0x82]),
            Detection::Frames,
            "a block in several buffers"
        );
        assert_eq!(detect(&[0, 0, 9, 0, 1, 0, 0, 0, 7, 0x82]), Detection::No, "its end is not in sight");
    }

    #[test]
    fn others() {
        for other in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"PRI * HTTP/1.1\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"\x00\x00\x00\x17\x00\x03\x00\x00\x00\x00\x00\x00",
            b"HTTP/1.1 200 OK\r\n",
            b"*1\r\n$4\r\nPING\r\n",
        ] {
            assert_eq!(detect(other), Detection::No, "{}", other.escape_ascii());
        }
    }
}
