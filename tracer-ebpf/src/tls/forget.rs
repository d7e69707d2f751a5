//! Objects that no longer use the socket that they used, or whose bytes are not all seen.

use aya_ebpf::{helpers::bpf_get_current_pid_tgid, macros::uprobe, programs::ProbeContext};
use tracer_common::drops::KernelDrop;

use super::layer::{self, Key};
use crate::{
    emit,
    maps::{TLS, TLS_CALLS},
};

#[inline(always)]
fn key(ctx: &ProbeContext) -> Key {
    Key { object: ctx.arg::<u64>(0).unwrap_or(0), tgid: bpf_get_current_pid_tgid() >> 32 }
}

/// The object (first argument) is freed, or given another transport.
#[uprobe]
pub(crate) fn tls_forget(ctx: ProbeContext) -> i32 {
    let key = key(&ctx);
    let _ = TLS.remove(&key);
    if let Some(call) = TLS_CALLS.current()
        && call.object == key.object
    {
        // A call that never returned.
        call.kind = 0;
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
