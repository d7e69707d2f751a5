//! The daemon's own memory, towards the kernel.

/// Gives back what is free at this moment, of what this thread asked for. The allocator would, too, but only as a by-product of later work, of which an idle
/// daemon has none.
pub(crate) fn give_back() {
    // SAFETY: takes no pointers and may be called at any time by any thread (mimalloc 3, `mi_collect`). Where another
    // allocator is in use, there is nothing to collect.
    unsafe { libmimalloc_sys::mi_collect(true) };
}
