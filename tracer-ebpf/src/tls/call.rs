//! Calls of a TLS library: what a thread was called with, and what came of it.

use aya_ebpf::{
    EbpfContext as _,
    helpers::{bpf_get_current_pid_tgid, generated::bpf_get_attach_cookie},
    macros::{uprobe, uretprobe},
    programs::{ProbeContext, RetProbeContext},
};
use tracer_common::{
    drops::KernelDrop,
    tls::{THIRD_IS_BUFFER, call, count},
};

use super::layer::{Key, Plaintext, missed, plaintext_passed};
use crate::{
    conn::{RECEIVED, SENT},
    emit,
    maps::TLS_CALLS,
    syscall::read_user_words,
};

/// The call that a thread is in.
#[repr(C)]
pub(crate) struct Call {
    /// The library's object.
    pub(crate) object: u64,
    /// Its buffer.
    buffer: u64,
    /// Where the number of bytes will be; 0: it is returned.
    count_at: u64,
    /// The stack pointer at its entry.
    stack: u64,
    /// A `tracer_common::tls::call`; 0: the thread is in none.
    pub(crate) kind: u8,
    /// 1 within a handshake that the call makes by itself.
    handshake: u8,
    padding: [u8; 6],
}

/// A register at the entry of a function. Volatile: the verifier wants a context to be read at constant offsets, so loads must not
/// be merged.
macro_rules! register {
    ($ctx:ident, $x86_64:ident, $aarch64:ident $(, $index:literal)?) => {{
        // SAFETY: the probe's registers.
        unsafe {
            #[cfg(bpf_target_arch = "x86_64")]
            let register = &raw const (*$ctx.regs).$x86_64;
            #[cfg(bpf_target_arch = "aarch64")]
            let register = &raw const (*$ctx.regs).$aarch64$([$index])?;
            register.read_volatile()
        }
    }};
}

#[uprobe]
pub(crate) fn tls_enter(ctx: ProbeContext) -> i32 {
    // SAFETY: a helper for programs of this type.
    let cookie = unsafe { bpf_get_attach_cookie(ctx.as_ptr()) };
    let (kind, counted) = (cookie as u8, (cookie >> 8) as u8);
    let object = register!(ctx, rdi, regs, 0);
    let (second, third) = (register!(ctx, rsi, regs, 1), register!(ctx, rdx, regs, 2));
    let (fourth, fifth) = (register!(ctx, rcx, regs, 3), register!(ctx, r8, regs, 4));
    let stack = register!(ctx, rsp, sp);
    let Some(call) = TLS_CALLS.current_or_new() else {
        emit::count(KernelDrop::NoThreadState);
        return 0;
    };
    if call.kind != 0 {
        if call.stack == stack && call.object == object && call.kind == kind {
            // One file under two names (overlayfs) is probed twice.
            return 0;
        }
        if kind == call::HANDSHAKE && call.object == object {
            call.handshake = 1;
            return 0;
        }
        if call.kind != call::HANDSHAKE {
            emit::count(KernelDrop::TlsNested);
            missed(&Key { object: call.object, tgid: bpf_get_current_pid_tgid() >> 32 });
        }
    }
    call.object = object;
    call.buffer = if cookie & THIRD_IS_BUFFER == 0 { second } else { third };
    call.count_at = match counted {
        count::FOURTH => fourth,
        count::FIFTH => fifth,
        _ => 0,
    };
    call.stack = stack;
    call.handshake = 0;
    call.kind = kind;
    0
}

#[uretprobe]
pub(crate) fn tls_exit(ctx: RetProbeContext) -> i32 {
    let Some(call) = TLS_CALLS.current() else { return 0 };
    let kind = call.kind;
    if kind == 0 {
        return 0;
    }
    if call.handshake != 0 {
        call.handshake = 0;
        return 0;
    }
    call.kind = 0;
    let returned = ctx.ret::<u64>() as i32;
    if kind == call::HANDSHAKE || returned < 0 || (returned == 0 && kind == call::WRITE) {
        return 0;
    }
    let len = if returned == 0 {
        0
    } else if call.count_at != 0 {
        let [count] = read_user_words(call.count_at);
        count as u32
    } else {
        returned as u32
    };
    if returned != 0 && len == 0 {
        return 0;
    }
    let pid_tgid = bpf_get_current_pid_tgid();
    let key = Key { object: call.object, tgid: pid_tgid >> 32 };
    if call.buffer == 0 {
        // The rest of what an earlier call was given (GnuTLS).
        emit::count(KernelDrop::TlsUnread);
        missed(&key);
        return 0;
    }
    let plaintext = Plaintext {
        key,
        place: call.buffer,
        len,
        tid: pid_tgid as u32,
        way: if kind == call::WRITE { SENT as u64 } else { RECEIVED as u64 },
        polled: 0,
    };
    plaintext_passed(&plaintext);
    0
}
