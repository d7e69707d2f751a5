//! The only file that reads kernel memory by offset.
//!
//! [`field`] is for pointers whose BTF type the verifier knows (tracepoint arguments, the current task and what is
//! reached from them): a plain load, no helper call. [`probe`] is for the rest.

use core::mem::MaybeUninit;

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;

/// Loads a field of a BTF-typed struct.
///
/// # Safety
/// `base` must be a BTF-typed kernel pointer and `offset` the offset of a field of type `T` in it.
#[inline(always)]
pub(crate) unsafe fn field<T: Copy>(base: *const u8, offset: u32) -> T {
    // SAFETY: the verifier checks type and bounds; a fault yields zero.
    unsafe { core::ptr::read_volatile(base.add(offset as usize).cast::<T>()) }
}

/// Copies a value from an untyped kernel address; all zero on a fault, which is what the helper leaves then.
///
/// `T` must be valid when all zero.
#[inline(always)]
pub(crate) fn probe<T: Copy>(base: u64, offset: u32) -> T {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: a local of exactly that type, which the helper fills in any case.
    unsafe {
        probe_into(value.as_mut_ptr(), base, offset);
        value.assume_init()
    }
}

/// As [`probe`], to where the value belongs; false on a fault.
///
/// # Safety
/// `to` must be valid for writes.
#[inline(always)]
pub(crate) unsafe fn probe_into<T>(to: *mut T, base: u64, offset: u32) -> bool {
    let from = base.wrapping_add(u64::from(offset)) as *const core::ffi::c_void;
    // SAFETY: the caller's promise; the helper checks the source.
    unsafe { bpf_probe_read_kernel(to.cast(), size_of::<T>() as u32, from) == 0 }
}
