//! Bounded copies of user buffers into records.

use aya_ebpf::helpers::generated::bpf_probe_read_user;
use tracer_common::{
    drops::KernelDrop,
    event::{Data, DataHeader, flags},
    limits::{CLASSES, MAX_CAPTURE, MAX_IOVECS, TAIL},
};

use crate::{
    emit::{self, Urgency},
    syscall::{Buffers, read_user_pair},
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
fn opaque(mut value: u64) -> u64 {
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

/// Locates the first bytes of a segment of `len` bytes.
#[inline(always)]
pub(crate) fn segment(buffers: Buffers, len: u64) -> Option<Segment> {
    match buffers {
        Buffers::One(base) => Some(Segment { first: base, first_len: len, buffers }),
        Buffers::Many { array, count } => {
            // An empty first iovec is common (a head that was sent already), two are not.
            let mut pair = read_user_pair(array)?;
            if pair[1] == 0 && count > 1 {
                pair = read_user_pair(array.wrapping_add(16))?;
            }
            Some(Segment { first: pair[0], first_len: if pair[1] < len { pair[1] } else { len }, buffers })
        }
        Buffers::Unseen => None,
    }
}

/// The first (at most eight) bytes as a little-endian number, with their count.
#[inline(always)]
pub(crate) fn prefix(segment: &Segment) -> Option<(u64, u32)> {
    let mut value = 0u64;
    let len = if segment.first_len < 8 { segment.first_len as u32 } else { 8 };
    if len == 0 {
        return None;
    }
    // SAFETY: the destination is eight bytes, `len` at most that; the helper checks the source.
    let failed = unsafe { read_user((&raw mut value).cast(), u64::from(len), 8, segment.first) };
    (failed == 0).then_some((value, len))
}

/// # Safety
/// `to` must have room for `max` bytes.
#[inline(always)]
unsafe fn read_user(to: *mut u8, len: u64, max: u64, from: u64) -> i64 {
    let mut len = opaque(len);
    if len > max {
        len = max;
    }
    // SAFETY: bounded above; the helper checks the source.
    unsafe { bpf_probe_read_user(to.cast(), len as u32, from as *const core::ffi::c_void) }
}

/// Emits a data record with the first `want` bytes of the segment and, if that is not all, its last bytes.
#[inline(always)]
pub(crate) fn emit(head: &DataHeader, segment: Option<&Segment>, want: u64) {
    let want = if want > MAX_CAPTURE as u64 { MAX_CAPTURE as u64 } else { want };
    if let Some(Segment { first_len, buffers: Buffers::Many { array, count }, .. }) = segment
        && *first_len < want
    {
        // Scattered buffers are gathered into the lower half of the payload: see `limits::MAX_CAPTURE`.
        if want <= CLASSES[3] as u64 / 2 {
            emit_gathered_2048(head, *array, *count, want);
        } else {
            emit_gathered_8192(head, *array, *count, want);
        }
        return;
    }
    let first = segment.map_or(0, |segment| segment.first);
    // The end of the segment is known where one buffer holds it all.
    let end = match segment {
        Some(segment) if segment.first_len >= u64::from(head.len) && head.len >= TAIL as u32 => {
            first.wrapping_add(u64::from(head.len) - TAIL as u64)
        }
        _ => 0,
    };
    let want = if segment.is_some() { want } else { 0 };
    if want <= CLASSES[0] as u64 {
        emit_one_128(head, first, want, end);
    } else if want <= CLASSES[1] as u64 {
        emit_one_512(head, first, want, end);
    } else if want <= CLASSES[2] as u64 {
        emit_one_1024(head, first, want, end);
    } else {
        emit_one_8192(head, first, want, end);
    }
}

/// Global functions: the verifier checks each once by itself, not again for every state that a caller may be in. That is
/// what keeps loading fast and far from the verifier's limit.
macro_rules! global {
    ($($name:ident: $inner:ident<$class:literal>($a:ident, $b:ident, $c:ident);)*) => {$(
        #[unsafe(no_mangle)]
        #[inline(never)]
        extern "C" fn $name(head: *const DataHeader, $a: u64, $b: u64, $c: u64) -> i32 {
            // SAFETY: the verifier checks pointers that are handed to global functions; null is possible for it.
            if let Some(head) = unsafe { head.as_ref() } {
                $inner::<{ CLASSES[$class] }>(head, $a, $b, $c);
            }
            0
        }
    )*};
}
global! {
    emit_one_128: emit_one<0>(first, want, end);
    emit_one_512: emit_one<1>(first, want, end);
    emit_one_1024: emit_one<2>(first, want, end);
    emit_one_8192: emit_one<4>(first, want, end);
    emit_gathered_2048: emit_gathered<3>(array, count, want);
    emit_gathered_8192: emit_gathered<4>(array, count, want);
}

/// A record of the first `want` bytes at `first`, with the segment's last bytes at `end` (0: not known).
#[inline(always)]
fn emit_one<const N: usize>(head: &DataHeader, first: u64, want: u64, end: u64) {
    emit::record::<Data<N>>(Urgency::Timer, |slot| {
        // SAFETY: `slot` is a reserved `Data<N>`.
        unsafe {
            (*slot).head = *head;
            if want == 0 {
                // Nothing is copied but, perhaps, the end.
            } else if read_user((&raw mut (*slot).payload).cast(), want, N as u64, first) == 0 {
                (*slot).head.captured = want as u32;
            } else {
                emit::count(KernelDrop::UnreadableBuffer);
            }
            if want < u64::from(head.len) {
                tail(slot, end);
            }
        }
    });
}

/// As [`emit_one`], from iovecs whose first bytes are copied one behind the other.
#[inline(always)]
fn emit_gathered<const N: usize>(head: &DataHeader, array: u64, count: u64, want: u64) {
    emit::record::<Data<N>>(Urgency::Timer, |slot| {
        // SAFETY: `slot` is a reserved `Data<N>`.
        unsafe {
            (*slot).head = *head;
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
                let Some([base, size]) = read_user_pair(array.wrapping_add(index * 16)) else { break };
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
            if filled < len && passed == len && len >= TAIL as u64 {
                tail(slot, end.wrapping_sub(TAIL as u64));
            }
        }
    });
}

/// Copies the last bytes of the segment, at `end` (0: not known).
///
/// # Safety
/// `slot` must be a reserved record.
#[inline(always)]
unsafe fn tail<const N: usize>(slot: *mut Data<N>, end: u64) {
    // SAFETY: the destination has exactly that size.
    unsafe {
        if end != 0 && read_user((&raw mut (*slot).head.tail).cast(), TAIL as u64, TAIL as u64, end) == 0 {
            (*slot).head.header.flags |= flags::HAS_TAIL;
        }
    }
}
