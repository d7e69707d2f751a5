//! Header block fragments: what of a frame's payload belongs to the block.

use super::frame::{Frame, flag, kind};

/// Where the fragment of a header block lies in its frame's payload.
pub(super) struct Fragment<'a> {
    pub(super) bytes: &'a [u8],
    /// It breaks off, or the frame makes no sense.
    pub(super) cut: bool,
}

/// The fragment of a header block in the payload of its frame (RFC 9113, sections 6.2, 6.6 and 6.10).
pub(super) fn fragment(frame: Frame, payload: &[u8]) -> Fragment<'_> {
    let missing = frame.len - payload.len();
    let (mut front, mut padding) = (0, 0);
    if frame.kind != kind::CONTINUATION {
        if frame.has(flag::PADDED) {
            front = 1;
            padding = usize::from(payload.first().copied().unwrap_or(0));
        }
        front += match frame.kind {
            kind::HEADERS if frame.has(flag::PRIORITY) => 5,
            kind::PUSH_PROMISE => 4,
            _ => 0,
        };
    }
    let end = payload.len().saturating_sub(padding.saturating_sub(missing));
    match payload.get(front..end) {
        Some(bytes) => Fragment { bytes, cut: false },
        None => Fragment { bytes: &[], cut: true },
    }
}
