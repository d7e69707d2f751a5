//! Atomic additions. `core::sync::atomic` has none on this target.

/// Adds one to a counter.
///
/// # Safety
/// `cell` must point to a live, aligned map value.
#[inline(always)]
pub(crate) unsafe fn increment(cell: *mut u64) {
    // SAFETY: the caller's promise.
    unsafe {
        core::arch::asm!("lock *(u64 *)({cell} + 0) += {one}", cell = in(reg) cell, one = in(reg) 1u64, options(nostack));
    }
}

/// Adds one to a counter and returns what it was before (BPF_FETCH, kernel 5.12).
///
/// # Safety
/// As for [`increment`].
#[inline(always)]
pub(crate) unsafe fn fetch_increment(cell: *mut u64) -> u64 {
    let mut value = 1u64;
    // SAFETY: the caller's promise.
    unsafe {
        core::arch::asm!("{value} = atomic_fetch_add((u64 *)({cell} + 0), {value})", cell = in(reg) cell, value = inout(reg) value, options(nostack));
    }
    value
}
