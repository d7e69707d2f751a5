//! Frame headers of HTTP/2 (RFC 9113, section 4.1), and what looks like the beginning of one.

use crate::syscall::read_user_pair;

/// Bytes of a frame header.
pub(crate) const HEADER: u32 = 9;

/// Frame types.
pub(super) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

/// The first eight bytes of a frame header, as a little-endian number, taken apart.
pub(crate) struct Frame {
    pub(crate) len: u32,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    /// The stream's number without its lowest byte.
    pub(crate) stream: u32,
}

#[inline(always)]
pub(crate) fn frame(prefix: u64) -> Frame {
    let swapped = prefix.swap_bytes();
    Frame {
        len: (swapped >> 40) as u32,
        kind: (swapped >> 32) as u8,
        flags: (swapped >> 24) as u8,
        stream: swapped as u32 & 0xff_ffff,
    }
}

impl Frame {
    /// Whether a frame may look like this where one is due. Unknown types are to be ignored (RFC 9113, section 5.5).
    #[inline(always)]
    pub(crate) fn is_possible(&self) -> bool {
        self.stream < 1 << 23 && (self.kind <= CONTINUATION || self.len <= 1 << 14)
    }

    /// Whether nothing but a frame looks like this.
    #[inline(always)]
    fn is_unmistakable(&self) -> bool {
        match self.kind {
            // An empty one looks like the number 4 with zeros behind, which other protocols begin with.
            SETTINGS if self.flags == 0 => {
                self.stream == 0 && self.len.is_multiple_of(6) && self.len >= 6 && self.len <= 6 * 64
            }
            SETTINGS => self.flags == 1 && self.stream == 0 && self.len == 0,
            PING => self.flags <= 1 && self.stream == 0 && self.len == 8,
            WINDOW_UPDATE | RST_STREAM => self.flags == 0 && self.stream < 1 << 23 && self.len == 4,
            _ => false,
        }
    }

    /// Whether it may follow a header block.
    #[inline(always)]
    fn may_follow(&self) -> bool {
        self.stream < 1 << 16 && self.kind <= CONTINUATION && self.flags & !0x2d == 0 && self.len <= 1 << 14
    }
}

/// Whether a segment of `total` bytes begins with frames of a connection in use. Its first buffer is at `base` and has `len`
/// bytes, of which `prefix` holds the first eight.
///
/// A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn begins_with_frame(prefix: u64, base: u64, len: u64, total: u64) -> i32 {
    let first = frame(prefix);
    if len < HEADER as u64 {
        return 0;
    }
    if first.is_unmistakable() {
        return 1;
    }
    /// A whole block, no flag that is unknown.
    const END_HEADERS: u8 = 4;
    if first.kind != HEADERS
        || first.flags & !0x2d != 0
        || first.flags & END_HEADERS == 0
        || first.stream >= 1 << 16
        || first.len == 0
    {
        return 0;
    }
    let behind = (HEADER + first.len) as u64;
    // Length, type and flags of the next one at least. They may lie in another buffer, or not be there.
    const NEEDED: u64 = 5;
    if len < behind + NEEDED {
        return i32::from(total >= behind);
    }
    let [next, _] = read_user_pair(base.wrapping_add(behind));
    let beyond = if len >= behind + 8 { 0 } else { 8 * (8 - (len - behind) as u32) };
    i32::from(frame(next << (beyond & 63) >> (beyond & 63)).may_follow())
}
