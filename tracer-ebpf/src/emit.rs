//! Reserving and submitting ring buffer records; counting what cannot be emitted.

use aya_ebpf::helpers::{
    bpf_ktime_get_ns,
    generated::{
        bpf_get_smp_processor_id, bpf_ringbuf_discard, bpf_ringbuf_output, bpf_ringbuf_query,
        bpf_ringbuf_reserve, bpf_ringbuf_submit,
    },
};
use tracer_common::{
    drops::KernelDrop,
    event::{Data, Header, Kind},
};

use crate::{
    globals::config,
    maps::{DROPS, LAST_WAKE, RINGS, Ring},
};

/// `BPF_RB_NO_WAKEUP`: the daemon looks by itself, on a timer.
const NO_WAKEUP: u64 = 1;
/// `BPF_RB_FORCE_WAKEUP`
const FORCE_WAKEUP: u64 = 2;
/// `BPF_RB_AVAIL_DATA`
const AVAILABLE: u64 = 0;
/// A full ring wakes the daemon at most once per this many nanoseconds and CPU: a wake-up costs more than a record.
const WAKE_PAUSE_NS: u64 = 1_000_000;
/// Of the data records of a direction, one in so many looks at how full the ring is (a power of two). The first does.
const LOOK_EVERY: u32 = 8;

/// Counts a drop.
#[inline(always)]
pub(crate) fn count(reason: KernelDrop) {
    if let Some(cell) = DROPS.get_ptr_mut(reason as u32) {
        // SAFETY: an array element is always valid. The program may be preempted on its CPU (6.13): hence atomic.
        unsafe { crate::atomic::increment(cell) };
    }
}

/// Whether the daemon should be woken for this record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// The timer, or a filling ring, will do.
    Timer,
    /// As `Timer`, for the data record of this number in its direction: others look at the ring for it.
    Data(u32),
    /// Now: what the record names may soon be gone.
    Now,
}

/// A record header for the current moment.
#[inline(always)]
pub(crate) fn header(kind: Kind, tgid: u32, conn: u64) -> Header {
    // SAFETY: a helper without arguments.
    Header { kind: kind as u8, detail: 0, flags: 0, tgid, time_ns: unsafe { bpf_ktime_get_ns() }, conn }
}

/// The ring buffer of this CPU.
#[inline(always)]
fn ring() -> Option<*mut core::ffi::c_void> {
    // SAFETY: a helper without arguments.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    let ring = RINGS.get(cpu & config!(ring_mask));
    if ring.is_none() {
        count(KernelDrop::RingFull);
    }
    ring.map(|ring| (ring as *const Ring).cast_mut().cast())
}

/// Reserves a `T`, lets `fill` write it and submits it. A full ring is counted.
///
/// `fill` must write every field that the daemon reads: the memory holds old records.
#[inline(always)]
pub(crate) fn record<T>(urgency: Urgency, fill: impl FnOnce(*mut T)) {
    record_if(|slot| {
        fill(slot);
        Some(urgency)
    });
}

/// As [`record`], for a data record, which is given up where `fill` says `false`.
#[inline(always)]
pub(crate) fn data<const N: usize>(fill: impl FnOnce(*mut Data<N>) -> bool) {
    record_if(|slot: *mut Data<N>| {
        if !fill(slot) {
            return None;
        }
        // From where it was just written: one value less to keep meanwhile, on a stack that is short.
        // SAFETY: `fill` wrote the header.
        Some(Urgency::Data(unsafe { (*slot).head.number }))
    });
}

/// As [`record`], but the record is given up where `fill` says `None`.
#[inline(always)]
fn record_if<T>(fill: impl FnOnce(*mut T) -> Option<Urgency>) {
    let Some(ring) = ring() else { return };
    // SAFETY: `ring` is a ring buffer map; the size is a constant.
    let slot = unsafe { bpf_ringbuf_reserve(ring, size_of::<T>() as u64, 0) }.cast::<T>();
    if slot.is_null() {
        count(KernelDrop::RingFull);
        return;
    }
    // SAFETY: `slot` was reserved above and is given back exactly once.
    unsafe {
        match fill(slot) {
            Some(urgency) => bpf_ringbuf_submit(slot.cast(), wakeup(ring, urgency)),
            None => bpf_ringbuf_discard(slot.cast(), NO_WAKEUP),
        }
    }
}

/// Emits a finished record of `len` bytes; a full ring is counted.
///
/// # Safety
/// `record` must be valid for `len` bytes.
#[inline(always)]
pub(crate) unsafe fn output(urgency: Urgency, record: *mut core::ffi::c_void, len: u64) {
    let Some(ring) = ring() else { return };
    // SAFETY: `ring` is a ring buffer map, the rest is the caller's promise.
    if unsafe { bpf_ringbuf_output(ring, record, len, wakeup(ring, urgency)) } != 0 {
        count(KernelDrop::RingFull);
    }
}

#[inline(always)]
fn wakeup(ring: *mut core::ffi::c_void, urgency: Urgency) -> u64 {
    match urgency {
        Urgency::Now => return FORCE_WAKEUP,
        Urgency::Data(number) if number % LOOK_EVERY != 0 => return NO_WAKEUP,
        Urgency::Data(_) | Urgency::Timer => {}
    }
    // SAFETY: `ring` is a ring buffer map.
    if unsafe { bpf_ringbuf_query(ring, AVAILABLE) } < u64::from(config!(wake_bytes)) {
        return NO_WAKEUP;
    }
    let Some(last) = LAST_WAKE.get_ptr_mut(0) else { return NO_WAKEUP };
    // SAFETY: an array element is always valid; a lost race costs one wake-up more or less.
    unsafe {
        let now = bpf_ktime_get_ns();
        if now.wrapping_sub(*last) < WAKE_PAUSE_NS {
            return NO_WAKEUP;
        }
        *last = now;
    }
    FORCE_WAKEUP
}
