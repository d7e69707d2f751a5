//! The only file that reads kernel memory by offset.
//!
//! [`field`] is for pointers whose BTF type the verifier knows (tracepoint arguments, the current task and what is
//! reached from them): a plain load, no helper call. [`probe`] is for the rest.

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

/// Copies a value from an untyped kernel address; `None` on a fault.
#[inline(always)]
pub(crate) fn probe<T: Copy + Default>(base: u64, offset: u32) -> Option<T> {
    let mut value = T::default();
    // SAFETY: the destination is a local of exactly that size; the helper checks the source.
    let failed = unsafe {
        bpf_probe_read_kernel(
            (&raw mut value).cast(),
            size_of::<T>() as u32,
            base.wrapping_add(u64::from(offset)) as *const core::ffi::c_void,
        )
    };
    (failed == 0).then_some(value)
}
