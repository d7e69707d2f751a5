//! Requests of HTTP/2 on a socket whose messages the writing program sees, and the field that is added to one of them.
//!
//! Frames are followed from the preface on, message by message. Every header block is looked through: what is added must not stand beside context
//! of the application's own, and the table that blocks share may hold such context if one block was not looked at. So the connection is
//! left alone for good with the first thing that cannot be followed.

use aya_ebpf::{
    bindings::{BPF_SK_STORAGE_GET_F_CREATE, sk_msg_md},
    helpers::generated::{bpf_msg_pop_data, bpf_msg_push_data, bpf_probe_read_kernel, bpf_sk_storage_get},
};
use tracer_common::{
    header_block::{self, Field},
    propagation::{FIELD, MAX_BLOCK, Outcome},
};

use super::{
    line::Line,
    peer,
    write::{count, in_one_piece, reach},
};
use crate::{
    conn::{Conn, stage},
    maps::FOLLOWED,
    sockets::{CONTINUATION, HEADER, HEADERS, PREFACE, PUSH_PROMISE, frame, smaller},
};

/// Frames of one message that are followed.
const MAX_FRAMES: u32 = 16;
/// Fields of one block that are looked at.
const MAX_FIELDS: u32 = 128;
/// The field is added within these bytes of a message: see `line::ROOM`.
const MAX_OFFSET: u32 = 16 << 10;
/// Longest payload that every receiver takes (RFC 9113, section 4.2).
const MAX_PAYLOAD: u32 = 16 << 10;
/// Flags of HEADERS (RFC 9113, section 6.2).
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
/// Bytes in front of the block that [`PRIORITY`] stands for.
const PRIORITY_LEN: u32 = 5;

/// Where a connection is.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Followed {
    /// Bytes until the next frame begins.
    left: u32,
    /// The stream that was opened last.
    last: u32,
}

/// A request in a message: offset of its HEADERS frame, and length of its payload, none where that is 0.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) at: u32,
    pub(super) len: u32,
}

impl Place {
    /// Whether a field can be added.
    #[inline(always)]
    pub(super) const fn has_room(self) -> bool {
        self.len + FIELD as u32 <= MAX_PAYLOAD && self.at < MAX_OFFSET
    }

    /// Offset behind the block.
    #[inline(always)]
    pub(super) const fn end(self) -> u32 {
        self.at + HEADER + self.len
    }
}

/// A header block, and what was found in it.
#[repr(C)]
struct Block {
    /// Where it is in the kernel's memory.
    address: u64,
    len: u32,
    /// Offset of the next field; beyond `len` where it cannot be followed.
    at: u32,
    /// 1: it carries trace context.
    context: u32,
    padding: u32,
}

/// The socket's preface was seen: from now on its messages are followed.
///
/// # Safety
/// `sk` must be the program's socket.
#[inline(always)]
pub(super) unsafe fn begin(sk: *mut core::ffi::c_void, conn: &mut Conn) {
    let mut followed = Followed { left: PREFACE, last: 0 };
    // SAFETY: the caller's promise; the initial value is copied.
    let stored = unsafe {
        bpf_sk_storage_get(
            (&raw const FOLLOWED).cast_mut().cast(),
            sk,
            (&raw mut followed).cast(),
            u64::from(BPF_SK_STORAGE_GET_F_CREATE),
        )
    };
    conn.stage = if stored.is_null() { stage::SPENT } else { stage::FOLLOWED };
    // The next time, it may be the server that is first.
    // SAFETY: the caller's promise.
    unsafe {
        if !peer::speaks_frames(sk.cast()) {
            peer::is_asked_by_frames(sk.cast());
        }
    }
}

/// Follows the frames of a message: returns where the first request is that it opens, or what keeps the connection from being written on.
///
/// # Safety
/// `msg` must be the program's context and `sk` its socket.
#[inline(always)]
pub(super) unsafe fn follow(msg: *mut sk_msg_md, sk: *mut core::ffi::c_void) -> Result<Place, Outcome> {
    // SAFETY: the caller's promise; the value lives as long as the socket.
    let (followed, size) = unsafe {
        let followed =
            bpf_sk_storage_get((&raw const FOLLOWED).cast_mut().cast(), sk, core::ptr::null_mut(), 0)
                .cast::<Followed>()
                .as_mut();
        (followed, (&raw const (*msg).size).read_volatile())
    };
    let Some(followed) = followed else { return Err(Outcome::NoMemory) };
    let mut request = Place { at: 0, len: 0 };
    let mut at = followed.left;
    for _ in 0..MAX_FRAMES {
        if at >= size {
            break;
        }
        // SAFETY: the context. Mostly, the bytes are in one piece and none is moved.
        let Some((start, end)) = (unsafe { reach(msg, at, at + HEADER) }) else {
            return Err(Outcome::Astray);
        };
        if start + HEADER as usize > end {
            return Err(Outcome::Astray);
        }
        // SAFETY: checked above.
        let (prefix, last) =
            unsafe { ((start as *const u64).read_unaligned(), (start as *const u8).add(8).read()) };
        let frame = frame(prefix);
        if !frame.is_possible() || frame.kind == CONTINUATION || frame.kind == PUSH_PROMISE {
            return Err(Outcome::Astray);
        }
        if frame.kind == HEADERS {
            if frame.flags & END_HEADERS == 0 || frame.len > MAX_BLOCK || at + HEADER + frame.len > size {
                return Err(Outcome::HeadNotWhole);
            }
            let skipped = if frame.flags & PRIORITY == 0 { 0 } else { PRIORITY_LEN };
            if frame.flags & PADDED != 0 || frame.len <= skipped {
                return Err(Outcome::StrangeHead);
            }
            // SAFETY: as above.
            let Some((start, _)) = (unsafe { reach(msg, at, at + HEADER + frame.len) }) else {
                return Err(Outcome::NoMemory);
            };
            let mut block = Block {
                address: start as u64 + u64::from(HEADER + skipped),
                len: frame.len - skipped,
                at: 0,
                context: 0,
                padding: 0,
            };
            scan_block(&raw mut block);
            if block.context != 0 {
                return Err(Outcome::HasContext);
            }
            if block.at != block.len {
                return Err(Outcome::StrangeHead);
            }
            // Others are trailers.
            let stream = frame.stream << 8 | u32::from(last);
            if stream > followed.last {
                followed.last = stream;
                if request.len == 0 {
                    request = Place { at, len: frame.len };
                } else {
                    count(Outcome::Together);
                }
            }
        }
        at += HEADER + frame.len;
    }
    if at < size {
        return Err(Outcome::Astray);
    }
    followed.left = at - size;
    Ok(request)
}

/// Looks through `block`. A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn scan_block(block: *mut Block) -> i32 {
    // SAFETY: the verifier checks pointers that are handed to global functions; null is possible for it.
    let Some(block) = (unsafe { block.as_mut() }) else { return 0 };
    for _ in 0..MAX_FIELDS {
        if block.at >= block.len {
            break;
        }
        scan_field(block);
    }
    0
}

/// A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn scan_field(block: *mut Block) -> i32 {
    // SAFETY: as in `scan_block`.
    let Some(block) = (unsafe { block.as_mut() }) else { return 0 };
    let (address, len) = (block.address, block.len);
    let word = |offset: u32| {
        let mut word = 0u64;
        if offset < len {
            let from = address.wrapping_add(u64::from(offset)) as *const core::ffi::c_void;
            // SAFETY: at most eight bytes go into a u64; the helper checks the source.
            unsafe { bpf_probe_read_kernel((&raw mut word).cast(), smaller(len - offset, 8), from) };
        }
        word
    };
    block.at = match header_block::field(block.at, word) {
        Field::Other(next) => next,
        Field::Context(next) => {
            block.context = 1;
            next
        }
        Field::Broken => u32::MAX,
    };
    0
}

/// Adds the field behind the block of a request.
///
/// It goes in front of the block's last byte, which is then written behind it: kernels before 6.13 cannot insert at a message's end.
///
/// # Safety
/// `place` must be a frame within the message.
#[inline(always)]
pub(super) unsafe fn insert(msg: *mut sk_msg_md, place: Place, line: &Line, conn: &mut Conn) -> Outcome {
    const ADDED: u32 = FIELD as u32;
    let at = place.end() - 1;
    // SAFETY: the context. The helper either inserts or leaves the message as it was.
    if unsafe { bpf_msg_push_data(msg, at, ADDED, 0) } != 0 {
        return Outcome::NoMemory;
    }
    // Each of the three places is in one element of the message by now, so that nothing is moved and no memory is needed: only the first look at
    // one can fail, and those come before anything is overwritten but the length, which is the last to be looked at.
    // SAFETY: the context.
    let last = unsafe { byte_at(msg, at + ADDED) };
    let whole = last.is_some_and(|last| {
        // SAFETY: as above.
        unsafe {
            write_field(msg, at, last, line)
                && write_length(msg, place)
                && write_byte(msg, at + ADDED, line.text[FIELD - 1])
        }
    });
    if !whole {
        // SAFETY: the context.
        unsafe { bpf_msg_pop_data(msg, at, ADDED, 0) };
        return Outcome::NoMemory;
    }
    conn.written = FIELD as u8;
    // SAFETY: the context.
    unsafe { in_one_piece(msg) };
    Outcome::Written
}

#[inline(always)]
unsafe fn byte_at(msg: *mut sk_msg_md, at: u32) -> Option<u8> {
    // SAFETY: the context; the bounds are checked.
    unsafe {
        let (start, end) = reach(msg, at, at + 1)?;
        if start + 1 > end { None } else { Some((start as *const u8).read()) }
    }
}

#[inline(always)]
unsafe fn write_byte(msg: *mut sk_msg_md, at: u32, byte: u8) -> bool {
    // SAFETY: the context; the bounds are checked.
    unsafe {
        let Some((start, end)) = reach(msg, at, at + 1) else { return false };
        if start + 1 > end {
            return false;
        }
        (start as *mut u8).write(byte);
    }
    true
}

/// What was inserted at `at`: the byte that was there, and the field without its last one.
#[inline(always)]
unsafe fn write_field(msg: *mut sk_msg_md, at: u32, first: u8, line: &Line) -> bool {
    // SAFETY: the context; the bounds are checked.
    unsafe {
        let Some((start, end)) = reach(msg, at, at + FIELD as u32) else { return false };
        if start + FIELD > end {
            return false;
        }
        (start as *mut u8).write(first);
        for index in 1..FIELD {
            (start as *mut u8).add(index).write(line.text[index - 1]);
        }
    }
    true
}

/// The length of the payload, in the header of the frame.
#[inline(always)]
unsafe fn write_length(msg: *mut sk_msg_md, place: Place) -> bool {
    let len = place.len + FIELD as u32;
    // SAFETY: the context; the bounds are checked.
    unsafe {
        let Some((start, end)) = reach(msg, place.at, place.at + HEADER) else { return false };
        if start + HEADER as usize > end {
            return false;
        }
        let header = start as *mut u8;
        header.write((len >> 16) as u8);
        header.add(1).write((len >> 8) as u8);
        header.add(2).write(len as u8);
    }
    true
}
