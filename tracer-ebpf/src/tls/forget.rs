//! Objects that no longer use the socket that they used, or whose bytes are not all seen.

use aya_ebpf::{
    helpers::bpf_get_current_pid_tgid,
    macros::{uprobe, uretprobe},
    programs::{ProbeContext, RetProbeContext},
};
use tracer_common::drops::KernelDrop;

use super::layer::{self, Key};
use crate::{
    emit,
    maps::{TLS, TLS_CALLS, TLS_GENERATION},
};

#[inline(always)]
fn key(ctx: &ProbeContext) -> Key {
    Key { object: ctx.arg::<u64>(0).unwrap_or(0), tgid: bpf_get_current_pid_tgid() >> 32 }
}

/// The object (first argument) is freed.
#[uprobe]
pub(crate) fn tls_forget(ctx: ProbeContext) -> i32 {
    let key = key(&ctx);
    let _ = TLS.remove(key);
    if let Some(call) = TLS_CALLS.current()
        && call.object == key.object
    {
        // A call that never returned.
        call.kind = 0;
    }
    0
}

/// An object was made, and is returned: whatever had its address before is gone.
#[uretprobe]
pub(crate) fn tls_made(ctx: RetProbeContext) -> i32 {
    let _ = TLS.remove(Key { object: ctx.ret::<u64>(), tgid: bpf_get_current_pid_tgid() >> 32 });
    0
}

/// The object (first argument) is given another transport: perhaps the same socket anew, which its next record tells.
#[uprobe]
pub(crate) fn tls_loosen(ctx: ProbeContext) -> i32 {
    let Some(layer) = TLS.get_ptr_mut(key(&ctx)) else { return 0 };
    // SAFETY: a live map value.
    unsafe { (*layer).loose = 1 };
    if let Some(generation) = TLS_GENERATION.get_ptr_mut(0) {
        // SAFETY: an array element is always valid; that it changes is enough.
        unsafe { *generation = (*generation).wrapping_add(1) };
    }
    0
}

/// Bytes of the object (first argument) travel by a function that is not read.
#[uprobe]
pub(crate) fn tls_unread(ctx: ProbeContext) -> i32 {
    emit::count(KernelDrop::TlsUnread);
    layer::missed(&key(&ctx));
    0
}
