//! A map of values that belong to threads and are freed by the kernel with them (BPF_MAP_TYPE_TASK_STORAGE, kernel 5.11).
//! aya-ebpf has no such map.

use aya_ebpf::{
    bindings::{BPF_F_NO_PREALLOC, BPF_LOCAL_STORAGE_GET_F_CREATE, bpf_map_type::BPF_MAP_TYPE_TASK_STORAGE},
    helpers::generated::{bpf_get_current_task_btf, bpf_task_storage_get},
};

/// The definition as the loader reads it from the object's type information: numbers are lengths of arrays.
#[repr(C)]
pub(crate) struct TaskStorage<T> {
    r#type: *const [i32; BPF_MAP_TYPE_TASK_STORAGE as usize],
    key: *const i32,
    value: *const T,
    max_entries: *const [i32; 0],
    map_flags: *const [i32; BPF_F_NO_PREALLOC as usize],
}

// SAFETY: the pointers are placeholders that nobody follows.
unsafe impl<T> Sync for TaskStorage<T> {}

impl<T> TaskStorage<T> {
    pub(crate) const fn new() -> Self {
        Self {
            r#type: core::ptr::null(),
            key: core::ptr::null(),
            value: core::ptr::null(),
            max_entries: core::ptr::null(),
            map_flags: core::ptr::null(),
        }
    }

    /// The value of the current thread, if it has one.
    #[inline(always)]
    pub(crate) fn current(&self) -> Option<&'static mut T> {
        self.get(0)
    }

    /// The value of the current thread, all zero if it had none; `None` where there is no memory.
    #[inline(always)]
    pub(crate) fn current_or_new(&self) -> Option<&'static mut T> {
        self.get(u64::from(BPF_LOCAL_STORAGE_GET_F_CREATE))
    }

    #[inline(always)]
    fn get(&self, flags: u64) -> Option<&'static mut T> {
        let map = core::ptr::from_ref(self).cast_mut().cast();
        // SAFETY: the helper returns null or the current thread's value, which lives as long as the thread.
        unsafe {
            bpf_task_storage_get(map, bpf_get_current_task_btf(), core::ptr::null_mut(), flags)
                .cast::<T>()
                .as_mut()
        }
    }
}
