//! Read-only globals, set by the loader. Read volatile: the compiler must not fold the placeholder values in.
//! The verifier does know the real ones (the section is frozen), so an unused branch costs nothing at run time.

use tracer_common::{config::KernelConfig, offsets::KernelOffsets};

#[unsafe(no_mangle)]
pub(crate) static CONFIG: KernelConfig = KernelConfig {
    self_tgid: 0,
    only_selected: 0,
    unix_sockets: 1,
    request_head: 4096,
    response_head: 1024,
    message_budget: 8192,
    wake_bytes: 1 << 19,
    ring_mask: 0,
    tls: 0,
    propagation: 0,
    only_included: 0,
    framed: 1,
    dns: 1,
    connects: 1,
};

#[unsafe(no_mangle)]
pub(crate) static OFFSETS: KernelOffsets = KernelOffsets::UNKNOWN;

/// Reads a global as it was set by the loader.
#[inline(always)]
pub(crate) fn read<T: Copy>(global: &'static T) -> T {
    // SAFETY: a reference is valid to read.
    unsafe { core::ptr::read_volatile(global) }
}

macro_rules! config {
    ($field:ident) => {
        $crate::globals::read(&$crate::globals::CONFIG.$field)
    };
}
macro_rules! offset {
    ($field:ident) => {
        $crate::globals::read(&$crate::globals::OFFSETS.$field)
    };
}
pub(crate) use {config, offset};
