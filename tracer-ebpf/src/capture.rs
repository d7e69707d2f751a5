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
    unsafe { core::arch::asm!("{0} = {0}", inout(reg) value, options(pure, nomem, nostack, preserves_flags)) };
    value
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
    // SAFETY: bounded above.
    unsafe { bpf_probe_read_user(to.cast(), len as u32, from as *const core::ffi::c_void) }
}

/// Emits a data record with the first `want` bytes of the segment and, if that is not all, its last bytes.
#[inline(always)]
pub(crate) fn emit(head: &DataHeader, segment: Option<&Segment>, want: u64) {
    let want = if want > MAX_CAPTURE as u64 { MAX_CAPTURE as u64 } else { want };
    // Scattered buffers are gathered into the lower half of the payload: see `limits::MAX_CAPTURE`.
    let scattered = segment.is_some_and(|segment| segment.first_len < want);
    let room = if scattered { want * 2 } else { want };
    if room <= CLASSES[0] as u64 {
        emit_class::<{ CLASSES[0] }>(head, segment, want, scattered);
    } else if room <= CLASSES[1] as u64 {
        emit_class::<{ CLASSES[1] }>(head, segment, want, scattered);
    } else if room <= CLASSES[2] as u64 {
        emit_class::<{ CLASSES[2] }>(head, segment, want, scattered);
    } else if room <= CLASSES[3] as u64 {
        emit_class::<{ CLASSES[3] }>(head, segment, want, scattered);
    } else {
        emit_class::<{ CLASSES[4] }>(head, segment, want, scattered);
    }
}

#[inline(never)]
fn emit_class<const N: usize>(head: &DataHeader, segment: Option<&Segment>, want: u64, scattered: bool) {
    emit::record::<Data<N>>(Urgency::Timer, |slot| {
        // SAFETY: `slot` is a reserved `Data<N>`.
        unsafe {
            (*slot).head = *head;
            (*slot).head.captured = 0;
            let Some(segment) = segment else { return };
            let payload = (&raw mut (*slot).payload).cast::<u8>();
            let captured = if scattered {
                gather::<N>(payload, segment, want)
            } else if read_user(payload, want, N as u64, segment.first) == 0 {
                want
            } else {
                emit::count(KernelDrop::UnreadableBuffer);
                0
            };
            (*slot).head.captured = captured as u32;
            if captured < u64::from(head.len)
                && let Some(end) = end_of(segment, u64::from(head.len))
                && read_user((&raw mut (*slot).head.tail).cast(), TAIL as u64, TAIL as u64, end) == 0
            {
                (*slot).head.header.flags |= flags::HAS_TAIL;
            }
        }
    });
}

/// Address of the last [`TAIL`] bytes, where they lie in one buffer that is easy to find.
#[inline(always)]
fn end_of(segment: &Segment, len: u64) -> Option<u64> {
    if len < TAIL as u64 {
        return None;
    }
    match segment.buffers {
        Buffers::One(base) => Some(base.wrapping_add(len - TAIL as u64)),
        Buffers::Many { array, count } => {
            let mut left = len;
            for index in 0..MAX_IOVECS as u64 {
                if index >= count {
                    return None;
                }
                let [base, size] = read_user_pair(array.wrapping_add(index * 16))?;
                if size >= left {
                    return (left >= TAIL as u64).then(|| base.wrapping_add(left - TAIL as u64));
                }
                left -= size;
            }
            None
        }
        Buffers::Unseen => None,
    }
}

/// Copies the iovecs' first `want` bytes to `payload` one behind the other; returns how many.
///
/// # Safety
/// `payload` must have room for `N` bytes, a power of two.
#[inline(always)]
unsafe fn gather<const N: usize>(payload: *mut u8, segment: &Segment, want: u64) -> u64 {
    let Buffers::Many { array, count } = segment.buffers else { return 0 };
    let half = N as u64 / 2;
    let mut filled = 0u64;
    for index in 0..MAX_IOVECS as u64 {
        if index >= count || filled >= want {
            break;
        }
        let Some([base, size]) = read_user_pair(array.wrapping_add(index * 16)) else { break };
        let left = want - filled;
        let size = if size < left { size } else { left };
        let at = opaque(filled) & (half - 1);
        // SAFETY: `at` is below N/2 and at most N/2 bytes are copied.
        if unsafe { read_user(payload.add(at as usize), size, half, base) } != 0 {
            emit::count(KernelDrop::UnreadableBuffer);
            break;
        }
        filled += size;
    }
    filled
}
