//! Calls of Go's crypto/tls: what a goroutine was called with, and what came of it.
//!
//! A goroutine changes threads within a call, and its stack moves: calls are kept by the address of its `g`, which register r14 holds
//! (Go's internal ABI, since 1.17), and places on its stack are told by their distance from the stack's upper end. Its functions
//! must not be returned from by a uretprobe, whose return address the runtime does not know. `Read` unlocks the connection in a
//! deferred function, which it calls with the result in a place of its own: that call is taken for its return. What is written is reported
//! before it is sent, where the lock is held: behind that, another goroutine may have read the answer already.

use aya_ebpf::{
    EbpfContext as _,
    bindings::BPF_ANY,
    helpers::{bpf_get_current_pid_tgid, generated::bpf_get_attach_cookie},
    macros::uprobe,
    programs::ProbeContext,
};
use tracer_common::{
    drops::KernelDrop,
    tls::{call, go},
};

use super::layer::{Key, Plaintext, missed, plaintext_passed};
use crate::{
    conn::{RECEIVED, SENT},
    emit,
    maps::{GO_CALLS, TLS},
    syscall::{self, read_user_words},
};

/// A goroutine.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Goroutine {
    /// Address of its `g`: no other one's while it lives.
    g: u64,
    /// The process.
    tgid: u64,
}

/// The call that a goroutine is in: `Read`, or a handshake.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct GoCall {
    /// The `tls.Conn`.
    object: u64,
    /// Its buffer: an address, or where `on_stack` the distance from the stack's upper end.
    buffer: u64,
    /// Length of the buffer.
    len: u64,
    /// The stack pointer at its entry, as a distance from the stack's upper end.
    depth: u64,
    /// Where it returns to.
    caller: u64,
    /// A `tracer_common::tls::call`.
    kind: u32,
    /// 1 if the buffer is on the stack.
    on_stack: u32,
}

impl GoCall {
    /// Whether the goroutine, whose stack ends at `high`, is in this call still at a depth. Calls that fail early are not seen to return; the
    /// stack tells.
    #[inline(always)]
    fn is_around(&self, depth: u64, high: u64) -> bool {
        let [caller] = read_user_words(high.wrapping_sub(self.depth));
        self.depth < depth && caller == self.caller
    }
}

/// What a probe finds in registers.
struct Registers {
    goroutine: Goroutine,
    /// The first four arguments.
    arguments: [u64; 4],
    /// The stack pointer.
    stack: u64,
    /// Bounds of the goroutine's stack: `g` begins with them.
    bounds: [u64; 2],
}

impl Registers {
    #[inline(always)]
    fn of(ctx: &ProbeContext) -> Self {
        // SAFETY: the probe's registers. Volatile: see `call`.
        let (g, arguments, stack) = unsafe {
            let regs = ctx.regs;
            #[cfg(bpf_target_arch = "x86_64")]
            {
                let read = |register: *const u64| register.read_volatile();
                let arguments = [
                    read(&raw const (*regs).rax),
                    read(&raw const (*regs).rbx),
                    read(&raw const (*regs).rcx),
                    read(&raw const (*regs).rdi),
                ];
                (read(&raw const (*regs).r14), arguments, read(&raw const (*regs).rsp))
            }
            #[cfg(bpf_target_arch = "aarch64")]
            {
                let read = |register: *const u64| register.read_volatile();
                let registers = &raw const (*regs).regs;
                let arguments = [
                    read((&raw const (*registers)[0]).cast()),
                    read((&raw const (*registers)[1]).cast()),
                    read((&raw const (*registers)[2]).cast()),
                    read((&raw const (*registers)[3]).cast()),
                ];
                (read((&raw const (*registers)[28]).cast()), arguments, read((&raw const (*regs).sp).cast()))
            }
        };
        let goroutine = Goroutine { g, tgid: bpf_get_current_pid_tgid() >> 32 };
        Self { goroutine, arguments, stack, bounds: read_user_words(g) }
    }

    /// Distance of an address from the upper end of the stack; `None` where it is not on the stack.
    #[inline(always)]
    fn depth(&self, address: u64) -> Option<u64> {
        let [low, high] = self.bounds;
        (address >= low && address < high).then(|| high - address)
    }
}

/// Whether the function that is entered will begin anew, with a larger stack: the jump behind its look at the stack's bound will be
/// taken.
#[inline(always)]
fn begins_anew(ctx: &ProbeContext) -> bool {
    #[cfg(bpf_target_arch = "x86_64")]
    {
        /// Carry and zero: what `jbe` looks at (Intel's manual, volume 2, Jcc).
        const BELOW_OR_EQUAL: u64 = 1 | 1 << 6;
        // SAFETY: the probe's registers. Volatile: see `call`.
        unsafe { (&raw const (*ctx.regs).eflags).read_volatile() & BELOW_OR_EQUAL != 0 }
    }
    #[cfg(bpf_target_arch = "aarch64")]
    {
        let _ = ctx;
        false
    }
}

/// `(*Conn).Read(b)`, `clientHandshake` and `serverHandshake`, behind their look at the stack's bound. Its cookie is a
/// `tracer_common::tls::call`.
#[uprobe]
pub(crate) fn go_tls_enter(ctx: ProbeContext) -> i32 {
    if begins_anew(&ctx) {
        return 0;
    }
    // SAFETY: a helper for programs of this type.
    let kind = unsafe { bpf_get_attach_cookie(ctx.as_ptr()) } as u32;
    let registers = Registers::of(&ctx);
    let Some(depth) = registers.depth(registers.stack) else { return 0 };
    let [object, buffer, len, _] = registers.arguments;
    let outer = current(&registers.goroutine).filter(|outer| outer.is_around(depth, registers.bounds[1]));
    if kind == u32::from(call::HANDSHAKE) {
        // Whatever had this address before.
        let _ = TLS.remove(Key { object, tgid: registers.goroutine.tgid });
        if outer.is_some_and(|outer| outer.object == object) {
            return 0;
        }
    }
    if let Some(outer) = outer
        && outer.kind == u32::from(call::READ)
    {
        emit::count(KernelDrop::TlsNested);
        missed(&Key { object: outer.object, tgid: registers.goroutine.tgid });
    }
    let on_stack = registers.depth(buffer);
    let [caller] = read_user_words(registers.stack);
    let call = GoCall {
        object,
        buffer: on_stack.unwrap_or(buffer),
        len,
        depth,
        caller,
        kind,
        on_stack: u32::from(on_stack.is_some()),
    };
    if GO_CALLS.insert(registers.goroutine, call, u64::from(BPF_ANY)).is_err() {
        emit::count(KernelDrop::NoThreadState);
        missed(&Key { object, tgid: registers.goroutine.tgid });
    }
    0
}

/// `(*Conn).writeRecordLocked(typ, data)`, behind its look at the stack's bound.
#[uprobe]
pub(crate) fn go_tls_write(ctx: ProbeContext) -> i32 {
    /// `recordTypeApplicationData` (RFC 8446 section 5.1); others are the library's own.
    const APPLICATION_DATA: u8 = 23;
    if begins_anew(&ctx) {
        return 0;
    }
    let registers = Registers::of(&ctx);
    let [object, content, place, len] = registers.arguments;
    if content as u8 != APPLICATION_DATA || len == 0 {
        return 0;
    }
    let plaintext = Plaintext {
        key: Key { object, tgid: registers.goroutine.tgid },
        place,
        len: len as u32,
        tid: bpf_get_current_pid_tgid() as u32,
        way: SENT as u64,
        polled: 1,
    };
    plaintext_passed(&plaintext);
    0
}

/// The deferred function in which `Read` unlocks the connection, behind its look at the stack's bound: how many bytes were read is stored. Its
/// cookie is a `tracer_common::tls::go::returns`.
#[uprobe]
pub(crate) fn go_tls_return(ctx: ProbeContext) -> i32 {
    if begins_anew(&ctx) {
        return 0;
    }
    // SAFETY: a helper for programs of this type.
    let (count_at, frame) = go::parts(unsafe { bpf_get_attach_cookie(ctx.as_ptr()) });
    let registers = Registers::of(&ctx);
    let Some(call) = current(&registers.goroutine) else { return 0 };
    if registers.depth(registers.stack) != Some(call.depth.wrapping_add(frame)) {
        // Of another call: one that is around it, or a panic's.
        return 0;
    }
    let _ = GO_CALLS.remove(registers.goroutine);
    // Behind the return address.
    let [count] = read_user_words(registers.stack.wrapping_add(8).wrapping_add(count_at));
    if count == 0 || count > call.len {
        return 0;
    }
    let place = if call.on_stack == 0 { call.buffer } else { registers.bounds[1].wrapping_sub(call.buffer) };
    let plaintext = Plaintext {
        key: Key { object: call.object, tgid: registers.goroutine.tgid },
        place,
        len: count as u32,
        tid: bpf_get_current_pid_tgid() as u32,
        way: RECEIVED as u64,
        polled: 1,
    };
    plaintext_passed(&plaintext);
    0
}

/// `(*Conn).Close`.
#[uprobe]
pub(crate) fn go_tls_forget(ctx: ProbeContext) -> i32 {
    let registers = Registers::of(&ctx);
    let _ = TLS.remove(Key { object: registers.arguments[0], tgid: registers.goroutine.tgid });
    0
}

#[inline(always)]
fn current(goroutine: &Goroutine) -> Option<GoCall> {
    // SAFETY: a copy is taken at once.
    unsafe { GO_CALLS.get(goroutine) }.copied()
}

/// The object that the goroutine of the current system call is in a call for. A handshake's call is over with that: it begins with the
/// record that tells the socket, and is not seen to return.
#[inline(always)]
pub(super) fn object_in_call(tgid: u32) -> Option<u64> {
    let (g, stack) = syscall::goroutine_and_stack();
    let goroutine = Goroutine { g, tgid: u64::from(tgid) };
    let call = current(&goroutine)?;
    let [low, high] = read_user_words(g);
    if stack < low || stack >= high || !call.is_around(high - stack, high) {
        return None;
    }
    if call.kind == u32::from(call::HANDSHAKE) {
        let _ = GO_CALLS.remove(goroutine);
    }
    Some(call.object)
}
