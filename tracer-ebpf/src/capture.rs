//! Bounded copies of user buffers into records.

use core::{mem::MaybeUninit, ptr};

use aya_ebpf::helpers::generated::bpf_probe_read_user;
use tracer_common::{
    drops::KernelDrop,
    event::{Data, DataHeader, flags},
    limits::{CLASSES, MAX_CAPTURE, MAX_IOVECS, TAIL},
};

use crate::{
    conn::Conn,
    emit::{self, Urgency},
    globals::config,
    sockets::{decide_segment, pack},
    syscall::{Buffers, Kind, read_user_pair, read_user_words},
};

/// The bytes of one segment: the first buffer is looked up already.
#[derive(Clone, Copy)]
pub(crate) struct Segment {
    /// First non-empty buffer.
    pub(crate) first: u64,
    /// Its length, at most the segment's.
    pub(crate) first_len: u64,
    /// All buffers.
    pub(crate) buffers: Buffers,
}

/// Keeps the compiler from reasoning about `value`, so that the mask or comparison after it survives for the verifier.
#[inline(always)]
pub(crate) fn opaque(mut value: u64) -> u64 {
    // SAFETY: moves a register to itself. (No instruction at all would leave two line records on one instruction, which the kernel refuses.)
    unsafe {
        core::arch::asm!("{0} = {0}", inout(reg) value, options(pure, nomem, nostack, preserves_flags))
    };
    value
}

/// The smaller of two numbers below 2^63, without a branch: in a loop, branches multiply what the verifier has to look at.
#[inline(always)]
fn smaller(a: u64, b: u64) -> u64 {
    let difference = opaque(a.wrapping_sub(b));
    b.wrapping_add(difference & ((difference as i64 >> 63) as u64))
}

/// Locates the first bytes of a segment of `len` bytes; `first_len` is zero where they cannot be seen.
#[inline(always)]
pub(crate) fn segment(buffers: Buffers, len: u64) -> Segment {
    match buffers.kind {
        Kind::One => Segment { first: buffers.place, first_len: len, buffers },
        Kind::Many => {
            // An empty first iovec is common (a head that was sent already), two are not.
            let mut pair = read_user_pair(buffers.place);
            if pair[1] == 0 && buffers.count > 1 {
                pair = read_user_pair(buffers.place.wrapping_add(16));
            }
            Segment { first: pair[0], first_len: if pair[1] < len { pair[1] } else { len }, buffers }
        }
        Kind::Unseen => Segment { first: 0, first_len: 0, buffers },
    }
}

/// The first (at most eight) bytes as a little-endian number with zeros behind, and their count: zero if they cannot be read.
#[inline(always)]
pub(crate) fn prefix(segment: &Segment) -> (u64, u32) {
    let mut value = 0u64;
    let len = if segment.first_len < 8 { segment.first_len } else { 8 };
    // SAFETY: the destination is eight bytes, `len` at most that; the helper checks the source.
    let failed = unsafe { read_user((&raw mut value).cast(), len, 8, segment.first) };
    (value, if failed == 0 { len as u32 } else { 0 })
}

/// Copies `len` bytes of user memory, at most `max`.
///
/// # Safety
/// `to` must have room for `max` bytes.
#[inline(always)]
pub(crate) unsafe fn read_user(to: *mut u8, len: u64, max: u64, from: u64) -> i64 {
    let mut len = opaque(len);
    if len > max {
        len = max;
    }
    // SAFETY: bounded above; the helper checks the source.
    unsafe { bpf_probe_read_user(to.cast(), len as u32, from as *const core::ffi::c_void) }
}

/// Emits a data record with the first `want` bytes of a segment on a socket that is known to speak HTTP, and updates the
/// protocol state by what was copied: the usual case, with the fewest looks at user memory.
///
/// `BY_STACK`: some go by way of the stack, for which deeper chains of calls have no room (512 bytes in all).
#[inline(always)]
pub(crate) fn copy_and_decide<const BY_STACK: bool>(
    conn: &mut Conn,
    head: &DataHeader,
    buffers: Buffers,
    want: u32,
) {
    let want = u64::from(want);
    let place = buffers.place;
    let way = usize::from(head.header.flags & flags::SENT) & 1;
    let prefix = match buffers.kind {
        Kind::One if BY_STACK && want <= CLASSES[0] as u64 => emit_small(head, place, want),
        Kind::One => {
            let len = u64::from(head.len);
            let end = if len >= TAIL as u64 { place.wrapping_add(len - TAIL as u64) } else { 0 };
            one(head, place, want, end)
        }
        Kind::Many => {
            let answers = conn.cap[way] == config!(response_head);
            // A server that writes head and body apart puts the head first: behind a short one, little of the body is worth
            // its room. (A client may write its header lines one by one, and all of them matter.)
            let small = CLASSES[2] as u64 / 2;
            let want = if answers && want > small && read_user_pair(place)[1] + SHORT_HEAD_MARGIN <= small {
                small
            } else {
                want
            };
            let whole =
                if BY_STACK && answers && buffers.count == 2 { head_and_body(head, place) } else { NOT_DONE };
            if whole == NOT_DONE { gathered(head, place, buffers.count, want) } else { whole }
        }
        Kind::Unseen => one(head, 0, 0, 0),
    };
    if prefix != 0 {
        let seen = if want < 8 { want as u32 } else { 8 };
        decide_segment(conn, prefix, seen, pack(head.len, way));
    }
}

/// What [`head_and_body`] returns where it did nothing. No message begins like this.
const NOT_DONE: u64 = u64::MAX;

/// The bytes of an empty line behind a header line, little endian.
const HEAD_END: u32 = u32::from_le_bytes(*b"\r\n\r\n");

/// A server that writes a whole head and a body by one call, the usual case: only the head is copied. [`NOT_DONE`] where
/// that is not so. A global function like those below: its words would be on the stack of every other call.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn head_and_body(head: *const DataHeader, array: u64) -> u64 {
    // SAFETY: the verifier checks pointers that are handed to global functions; null is possible for it.
    let Some(head) = (unsafe { head.as_ref() }) else { return NOT_DONE };
    let [first, first_len, second, second_len] = read_user_words(array);
    // Not cut by the call, no longer than the class, and the last bytes in one buffer.
    if first_len.wrapping_add(second_len) != u64::from(head.len)
        || first_len.wrapping_sub(8) > CLASSES[1] as u64 - 8
        || second_len < TAIL as u64
    {
        return NOT_DONE;
    }
    let body_end = second.wrapping_add(second_len - TAIL as u64);
    // A full ring is no reason to try again.
    let mut prefix = 0;
    emit::data::<{ CLASSES[1] }>(|slot| {
        // SAFETY: `slot` is a reserved record. The last four bytes are looked at within its payload.
        unsafe {
            let payload = (&raw mut (*slot).payload).cast::<u8>();
            let unread = read_user(payload, first_len, CLASSES[1] as u64, first) != 0;
            let end = opaque(first_len - 4);
            if unread
                || end > CLASSES[1] as u64 - 4
                || payload.add(end as usize).cast::<u32>().read_unaligned() != HEAD_END
            {
                prefix = NOT_DONE;
                return false;
            }
            put_head(slot, head);
            (*slot).head.captured = first_len as u32;
            tail(slot, body_end);
            prefix = payload.cast::<u64>().read_unaligned();
        }
        true
    });
    prefix
}

/// Emits a data record with the first `want` bytes of the segment and, if that is not all, its last bytes.
#[inline(always)]
pub(crate) fn emit(head: &DataHeader, segment: &Segment, want: u64) {
    let want = if want > MAX_CAPTURE as u64 { MAX_CAPTURE as u64 } else { want };
    let first_len = segment.first_len;
    if segment.buffers.kind == Kind::Many && first_len < want {
        gathered(head, segment.buffers.place, segment.buffers.count, want);
        return;
    }
    // The end of the segment is known where one buffer holds it all.
    let len = u64::from(head.len);
    let end = if first_len >= len && len >= TAIL as u64 {
        segment.first.wrapping_add(len - TAIL as u64)
    } else {
        0
    };
    one(head, segment.first, if first_len == 0 { 0 } else { want }, end);
}

/// Emits a data record with the first `want` bytes at `first`.
#[inline(always)]
pub(crate) fn emit_piece(head: &DataHeader, first: u64, want: u64) {
    one(head, first, want, 0);
}

/// Emits a data record that has a length and no bytes.
#[inline(always)]
pub(crate) fn emit_nothing(head: &DataHeader) {
    one(head, 0, 0, 0);
}

/// As everything that emits a record, returns the first eight bytes that were copied, as a little-endian number with zeros behind.
#[inline(always)]
fn one(head: &DataHeader, first: u64, want: u64, end: u64) -> u64 {
    if want <= CLASSES[0] as u64 {
        emit_one_128(head, first, want, end)
    } else if want <= CLASSES[1] as u64 {
        emit_one_512(head, first, want, end)
    } else if want <= CLASSES[2] as u64 {
        emit_one_1024(head, first, want, end)
    } else {
        emit_one_8192(head, first, want, end)
    }
}

/// Bytes of room behind a first buffer for it to count as a short head: it may lack its last line.
const SHORT_HEAD_MARGIN: u64 = 32;

/// Scattered buffers are gathered into the lower half of the payload: see `limits::MAX_CAPTURE`.
#[inline(always)]
fn gathered(head: &DataHeader, array: u64, count: u64, want: u64) -> u64 {
    let small = CLASSES[2] as u64 / 2;
    if want <= small {
        emit_gathered_1024(head, array, count, want)
    } else if want <= CLASSES[3] as u64 / 2 {
        emit_gathered_2048(head, array, count, want)
    } else {
        emit_gathered_8192(head, array, count, want)
    }
}

/// Copies a header word by word: as a whole, the compiler calls a function for it, which takes stack of its own.
///
/// # Safety
/// `slot` must be valid for writes.
#[inline(always)]
unsafe fn put_head<const N: usize>(slot: *mut Data<N>, head: &DataHeader) {
    let (from, to) = (ptr::from_ref(head).cast::<u64>(), slot.cast::<u64>());
    for index in 0..size_of::<DataHeader>() / 8 {
        // SAFETY: both are headers: aligned, a whole number of words, and without padding. Volatile: the compiler must not see a copy.
        unsafe { to.add(index).write(from.add(index).read_volatile()) };
    }
}

/// The first eight of the copied bytes at `payload`.
///
/// # Safety
/// `payload` must be valid for eight bytes.
#[inline(always)]
unsafe fn first_eight(payload: *const u8, copied: u64) -> u64 {
    // SAFETY: the caller's promise.
    let prefix = unsafe { payload.cast::<u64>().read_unaligned() };
    if copied >= 8 { prefix } else { prefix & ((1 << (8 * (copied & 7))) - 1) }
}

/// A small segment goes by way of the stack: the kernel checks a copy of user memory into the stack faster than one into
/// a ring buffer (CONFIG_HARDENED_USERCOPY looks up every vmalloc area), and the record is no longer than need be.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn emit_small(head: *const DataHeader, base: u64, want: u64) -> u64 {
    // SAFETY: the verifier checks pointers that are handed to global functions; null is possible for it.
    let Some(head) = (unsafe { head.as_ref() }) else { return 0 };
    let mut prefix = 0;
    let mut record = MaybeUninit::<Data<{ CLASSES[0] }>>::uninit();
    let slot = record.as_mut_ptr();
    // SAFETY: `slot` is a local; what is not written is not sent.
    unsafe {
        let payload = (&raw mut (*slot).payload).cast::<u8>();
        // Fewer than eight bytes are looked at as eight.
        payload.cast::<u64>().write_unaligned(0);
        put_head(slot, head);
        let mut want = opaque(want);
        if want > CLASSES[0] as u64 {
            want = CLASSES[0] as u64;
        }
        if bpf_probe_read_user(payload.cast(), want as u32, base as *const core::ffi::c_void) == 0 {
            (*slot).head.captured = want as u32;
            prefix = first_eight(payload, want);
        } else {
            emit::count(KernelDrop::UnreadableBuffer);
            want = 0;
        }
        if want < u64::from(head.len) && head.len >= TAIL as u32 {
            tail(slot, base.wrapping_add(u64::from(head.len) - TAIL as u64));
        }
        // Records are multiples of eight, so that the next one is aligned too.
        emit::output(
            Urgency::Data(head.number),
            slot.cast(),
            size_of::<DataHeader>() as u64 + ((want + 7) & 0xf8),
        );
    }
    prefix
}

/// Global functions: the verifier checks each once by itself, not again for every state that a caller may be in. That is
/// what keeps loading fast and far from the verifier's limit. None calls another one: the stack of a program and of all that it
/// calls is 512 bytes, and before kernel 6.13 no function has one of its own.
macro_rules! global {
    ($($name:ident: $inner:ident<$class:literal>($a:ident, $b:ident, $c:ident);)*) => {$(
        #[unsafe(no_mangle)]
        #[inline(never)]
        extern "C" fn $name(head: *const DataHeader, $a: u64, $b: u64, $c: u64) -> u64 {
            // SAFETY: the verifier checks pointers that are handed to global functions; null is possible for it.
            match unsafe { head.as_ref() } {
                Some(head) => $inner::<{ CLASSES[$class] }>(head, $a, $b, $c),
                None => 0,
            }
        }
    )*};
}
global! {
    emit_one_128: emit_one<0>(first, want, end);
    emit_one_512: emit_one<1>(first, want, end);
    emit_one_1024: emit_one<2>(first, want, end);
    emit_one_8192: emit_one<4>(first, want, end);
    emit_gathered_1024: emit_gathered<2>(array, count, want);
    emit_gathered_2048: emit_gathered<3>(array, count, want);
    emit_gathered_8192: emit_gathered<4>(array, count, want);
}

/// A record of the first `want` bytes at `first`, with the segment's last bytes at `end` (0: not known).
#[inline(always)]
fn emit_one<const N: usize>(head: &DataHeader, first: u64, want: u64, end: u64) -> u64 {
    let mut prefix = 0;
    emit::data::<N>(|slot| {
        // SAFETY: `slot` is a reserved `Data<N>`.
        unsafe {
            put_head(slot, head);
            if want == 0 {
                // Nothing is copied but, perhaps, the end.
            } else if read_user((&raw mut (*slot).payload).cast(), want, N as u64, first) == 0 {
                (*slot).head.captured = want as u32;
                prefix = first_eight((&raw const (*slot).payload).cast(), want);
            } else {
                emit::count(KernelDrop::UnreadableBuffer);
            }
            if want < u64::from(head.len) {
                tail(slot, end);
            }
        }
        true
    });
    prefix
}

/// As [`emit_one`], from iovecs whose first bytes are copied one behind the other.
#[inline(always)]
fn emit_gathered<const N: usize>(head: &DataHeader, array: u64, count: u64, want: u64) -> u64 {
    let mut prefix = 0;
    emit::data::<N>(|slot| {
        // SAFETY: `slot` is a reserved `Data<N>`.
        unsafe {
            put_head(slot, head);
            let payload = (&raw mut (*slot).payload).cast::<u8>();
            let half = N as u64 / 2;
            let len = u64::from(head.len);
            let mut passed = 0u64;
            let mut filled = 0u64;
            let mut end = 0u64;
            for index in 0..MAX_IOVECS as u64 {
                if index >= count || passed >= len {
                    break;
                }
                let [base, size] = read_user_pair(array.wrapping_add(index * 16));
                let size = smaller(size, len - passed);
                passed += size;
                end = base.wrapping_add(size);
                // Once enough is copied, this copies nothing, which is cheaper to verify than not to copy.
                let size = smaller(size, want - filled);
                let at = opaque(filled) & (half - 1);
                // `at` is below N/2 and at most N/2 bytes are copied.
                if read_user(payload.add(at as usize), size, half, base) != 0 {
                    emit::count(KernelDrop::UnreadableBuffer);
                    break;
                }
                filled += size;
            }
            (*slot).head.captured = filled as u32;
            prefix = first_eight(payload, filled);
            if filled < len && passed == len && len >= TAIL as u64 {
                tail(slot, end.wrapping_sub(TAIL as u64));
            }
        }
        true
    });
    prefix
}

/// Copies the last bytes of the segment, at `end` (0: not known).
///
/// # Safety
/// `slot` must be a reserved record.
#[inline(always)]
unsafe fn tail<const N: usize>(slot: *mut Data<N>, end: u64) {
    // By way of a local: see `emit_small`.
    let mut last = 0u64;
    // SAFETY: the destination has exactly that size; the slot is the caller's promise.
    unsafe {
        if end != 0 && read_user((&raw mut last).cast(), TAIL as u64, TAIL as u64, end) == 0 {
            (*slot).head.tail = last;
            (*slot).head.header.flags |= flags::HAS_TAIL;
        }
    }
}
