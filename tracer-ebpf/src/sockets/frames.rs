//! HTTP/2: which bytes of a segment are worth copying.
//!
//! Frames are walked by their headers (RFC 9113, section 4.1). Everything is copied but the payload of DATA, in records of up
//! to [`MAX_PIECE`] bytes: each is a piece of the segment, with its own position and length. Where payload was passed over
//! a piece ends, so that the next one begins with a frame. What cannot be followed is reported by length, and the direction is
//! [`ADRIFT`] until a segment begins with something that can only be a frame.

use tracer_common::{
    drops::KernelDrop,
    event::{DataHeader, flags},
};

use super::{
    decide::smaller,
    frame::{DATA, HEADER, begins_with_frame, frame},
};
use crate::{
    capture,
    conn::{Conn, SENT, mode},
    emit,
    syscall::{Buffers, Kind, read_user_pair},
};

/// Bytes of the client's preface (RFC 9113, section 3.4), which is passed over like a frame.
pub(crate) const PREFACE: u32 = 24;
/// Its first eight bytes, as a little-endian number.
const PREFACE_START: u64 = u64::from_le_bytes(*b"PRI * HT");
/// In `Conn::frame`: it is not known where a frame begins.
pub(crate) const ADRIFT: u32 = u32::MAX;
/// In `Conn::frame`: the payload is not copied.
const SKIPPED: u32 = 1 << 31;
/// In `Conn::frame`: the payload is that of DATA.
const BODY: u32 = 1 << 30;
/// In `Conn::frame`: what is left of the frame.
const LEFT: u32 = BODY - 1;

/// Payload of DATA up to this length is copied along: a record of its own would cost more.
const SMALL: u32 = 128;
/// Bytes of a piece, at most.
const MAX_PIECE: u32 = 1024;
/// Steps through one buffer: a frame takes two, and one more where a piece ends.
const MAX_STEPS: u32 = 1024;
/// Buffers of one call that are walked: as many as the kernel takes (`UIO_MAXIOV`, include/uapi/linux/uio.h). Libraries hand
/// in headers, frame headers and messages as buffers of their own.
const MAX_BUFFERS: u32 = 1024;

/// Where the walk through a buffer is. Offsets count from the buffer's start.
#[repr(C)]
#[derive(Clone, Copy)]
struct Walk {
    base: u64,
    size: u32,
    /// Bytes walked.
    at: u32,
    /// Where the piece at hand starts.
    start: u32,
    /// Where the part of it ends that is copied.
    end: u32,
    /// Position of the buffer in its stream.
    position: u32,
    /// 1: no other buffer follows.
    last: u32,
}

/// The buffers of a call, and how far they are walked. Kept in memory that is handed from function to function: the
/// verifier then looks at each of them once, whatever the number of buffers, frames and pieces.
#[repr(C)]
#[derive(Clone, Copy)]
struct Buffered {
    /// Address of the iovecs.
    array: u64,
    /// Number of iovecs.
    count: u64,
    /// The next one.
    index: u64,
    /// Bytes of the segment that are still to be walked.
    left: u32,
    /// Position of the next buffer in its stream.
    position: u32,
}

/// Walks the next buffer. Returns 1 when there is none.
///
/// A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn walk_next(conn: *mut Conn, head: *mut DataHeader, buffered: *mut Buffered) -> i32 {
    // SAFETY: the verifier checks pointers that are handed to global functions; null is possible for it.
    let Some(buffered) = (unsafe { buffered.as_mut() }) else { return 1 };
    if buffered.index >= buffered.count || buffered.left == 0 {
        return 1;
    }
    let [base, size] = read_user_pair(buffered.array.wrapping_add(buffered.index * 16));
    buffered.index += 1;
    let left = buffered.left;
    let size = if size < u64::from(left) { size as u32 } else { left };
    if size == 0 {
        return 0;
    }
    let position = buffered.position;
    buffered.left = left - size;
    buffered.position = position.wrapping_add(size);
    let mut walk = Walk { base, size, at: 0, start: 0, end: 0, position, last: u32::from(size == left) };
    walk_buffer(conn, head, &mut walk);
    0
}

/// Emits what is worth it of a segment, described by `head`, and follows its frames. `buffers` are those of the call.
#[inline(always)]
pub(crate) fn emit_frames(conn: &mut Conn, head: &mut DataHeader, buffers: Buffers) {
    let way = usize::from(head.header.flags & flags::SENT) & 1;
    if buffers.kind == Kind::Unseen {
        unfollowed(conn, head, head.position, head.len);
        return;
    }
    if conn.frame[way] == ADRIFT {
        let len = u64::from(head.len);
        let segment = capture::segment(buffers, len);
        let (prefix, seen) = capture::prefix(&segment);
        let (begins, left) = if prefix == PREFACE_START {
            (true, PREFACE)
        } else {
            (seen == 8 && begins_with_frame(prefix, segment.first, segment.first_len, len) != 0, 0)
        };
        if begins {
            conn.frame[way] = left;
            conn.partial_len[way] = 0;
        }
    }
    let (position, len) = (head.position, head.len);
    if buffers.kind == Kind::One {
        let mut walk = Walk { base: buffers.place, size: len, at: 0, start: 0, end: 0, position, last: 1 };
        walk_buffer(conn, head, &mut walk);
        return;
    }
    let (array, count) = (buffers.place, buffers.count);
    let mut buffered = Buffered { array, count, index: 0, left: len, position };
    for _ in 0..MAX_BUFFERS {
        if walk_next(conn, head, &mut buffered) != 0 {
            break;
        }
    }
    if buffered.left > 0 {
        unfollowed(conn, head, buffered.position, buffered.left);
    }
}

/// `len` bytes at `position` went through and cannot be looked at.
#[inline(always)]
fn unfollowed(conn: &mut Conn, head: &mut DataHeader, position: u32, len: u32) {
    let way = usize::from(head.header.flags & flags::SENT) & 1;
    let frame = conn.frame[way];
    let left = frame & LEFT;
    // A body by sendfile: its length was announced.
    conn.frame[way] = if frame & BODY == 0 || frame == ADRIFT || left < len {
        ADRIFT
    } else if left == len {
        0
    } else {
        frame - len
    };
    piece(conn, head, position, len, 0, 0);
}

/// Walks one buffer, and emits the pieces of it.
///
/// A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn walk_buffer(conn: *mut Conn, head: *mut DataHeader, walk: *mut Walk) -> i32 {
    for _ in 0..MAX_STEPS {
        if walk_step(conn, head, walk) != 0 {
            return 0;
        }
    }
    // SAFETY: the verifier checks pointers that are handed to global functions; null is possible for it.
    let (Some(conn), Some(head), Some(walk)) =
        (unsafe { conn.as_mut() }, unsafe { head.as_mut() }, unsafe { walk.as_ref() })
    else {
        return 0;
    };
    conn.frame[usize::from(head.header.flags & flags::SENT) & 1] = ADRIFT;
    let position = walk.position.wrapping_add(walk.start);
    piece(conn, head, position, walk.size.wrapping_sub(walk.start), 0, 0);
    0
}

/// Goes on by a frame header, or by what is left of a payload. Returns 1 at the end of the buffer.
///
/// A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn walk_step(conn: *mut Conn, head: *mut DataHeader, walk: *mut Walk) -> i32 {
    // SAFETY: the verifier checks pointers that are handed to global functions; null is possible for it.
    let (Some(conn), Some(head), Some(walk)) =
        (unsafe { conn.as_mut() }, unsafe { head.as_mut() }, unsafe { walk.as_mut() })
    else {
        return 1;
    };
    let way = usize::from(head.header.flags & flags::SENT) & 1;
    let available = walk.size.wrapping_sub(walk.at);
    if available == 0 {
        // Payload alone is told once for each segment, so that its time is known.
        if walk.end > walk.start || walk.last != 0 {
            flush(conn, head, walk);
        }
        return 1;
    }
    let frame = conn.frame[way];
    let left = frame & LEFT;
    if frame == ADRIFT {
        walk.at = walk.size;
        return 0;
    }
    if frame & SKIPPED != 0 {
        let passed = smaller(left, available);
        walk.at += passed;
        conn.frame[way] = if passed == left { 0 } else { frame - passed };
        if walk.at != walk.size {
            flush(conn, head, walk);
        }
        return 0;
    }
    let room = MAX_PIECE.wrapping_sub(walk.at - walk.start);
    if room < HEADER {
        flush(conn, head, walk);
        return 0;
    }
    if left != 0 {
        let passed = smaller(smaller(left, available), room);
        walk.at += passed;
        walk.end = walk.at;
        conn.frame[way] = if passed == left { 0 } else { frame - passed };
        return 0;
    }
    header(conn, way, walk, available);
    0
}

/// Reads a frame header, or the part of it that the buffer holds.
#[inline(always)]
fn header(conn: &mut Conn, way: usize, walk: &mut Walk, available: u32) {
    let known = u32::from(conn.partial_len[way]) & 15;
    let needed = smaller(HEADER.wrapping_sub(known), HEADER);
    let taken = smaller(needed, available);
    // The ninth byte is not looked at.
    let wanted = smaller(smaller(taken, 8u32.wrapping_sub(known)), 8);
    let mut prefix = 0u64;
    if known < 8 {
        let from = walk.base.wrapping_add(u64::from(walk.at));
        // SAFETY: at most eight bytes go into a u64; the helper checks the source.
        let failed = unsafe { capture::read_user((&raw mut prefix).cast(), u64::from(wanted), 8, from) };
        if failed != 0 {
            emit::count(KernelDrop::UnreadableBuffer);
            conn.frame[way] = ADRIFT;
            return;
        }
    }
    if known > 0 {
        prefix = conn.partial[way] | if known < 8 { prefix << (8 * known) } else { 0 };
    }
    walk.at += taken;
    walk.end = walk.at;
    if taken < needed {
        conn.partial[way] = prefix;
        conn.partial_len[way] = (known + taken) as u8;
        return;
    }
    conn.partial_len[way] = 0;
    let frame = frame(prefix);
    conn.frame[way] = if !frame.is_possible() {
        if conn.frame[1 - way] == ADRIFT {
            // Nothing is known of either direction: what was taken for frames may be none.
            conn.mode = mode::UNKNOWN;
        }
        ADRIFT
    } else if frame.len == 0 {
        0
    } else if frame.kind == DATA && frame.len > SMALL {
        SKIPPED | BODY | frame.len
    } else if frame.kind == DATA {
        BODY | frame.len
    } else {
        frame.len
    };
}

/// Ends the piece at hand.
#[inline(always)]
fn flush(conn: &mut Conn, head: &mut DataHeader, walk: &mut Walk) {
    let (start, end, at) = (walk.start, walk.end, walk.at);
    (walk.start, walk.end) = (at, at);
    let from = walk.base.wrapping_add(u64::from(start));
    piece(
        conn,
        head,
        walk.position.wrapping_add(start),
        at.wrapping_sub(start),
        from,
        end.wrapping_sub(start),
    );
}

/// Emits `len` bytes at `position` of the stream, the first `copied` of them with their content, which is at `from`.
#[inline(always)]
fn piece(conn: &mut Conn, head: &mut DataHeader, position: u32, len: u32, from: u64, copied: u32) {
    let way = usize::from(head.header.flags & flags::SENT) & 1;
    head.number = conn.number[way];
    conn.number[way] = head.number.wrapping_add(1);
    // What lies behind a frame that was added to went out so many bytes further on.
    let behind = position.wrapping_sub(conn.budget[SENT]);
    let further = way == SENT && conn.written != 0 && behind != 0 && behind < 1 << 31;
    let added = if further { u32::from(conn.written) } else { 0 };
    (head.position, head.len) = (position.wrapping_add(added), len);
    capture::emit_piece(head, from, u64::from(smaller(copied, MAX_PIECE)));
}
