//! Go: which goroutine a call is made for.
//!
//! Register r14 holds the current `g` in Go code (Go's internal ABI, since 1.17), and at a system call still. A request is answered by
//! the goroutine that read it. `net/http` writes a call from another goroutine, one for each connection, so the one that asks is noted
//! where it hands the call over. Goroutines work for the request of the one that started them.

use aya_ebpf::{
    bindings::BPF_ANY,
    helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_ns},
    macros::uprobe,
    programs::ProbeContext,
};
use tracer_common::runtime::Go;

use crate::{
    conn::Conn,
    maps::{ASKERS, GO_RUNTIMES, GOROUTINES, LAST_REQUEST, TLS},
    syscall::{self, read_user_words},
    tls::Key,
};

/// Offset of `m` in `runtime.g` (runtime2.go; unchanged from 1.17 to 1.27).
const G_M: u64 = 48;
/// Offset of the data pointer of `conn` in `net/http.persistConn` (transport.go): behind `alt` (16), `t` (8), `cacheKey` (56) and
/// the interface's type word.
const PERSIST_CONN_DATA: u64 = 88;
/// Offset of `Sysfd` in `net.netFD`: behind the `fdMutex` of its `poll.FD`.
const NETFD_SYSFD: u64 = 16;
/// No process has more descriptors (fs.nr_open's default): what is read as one may be something else.
const MAX_FD: u32 = 1 << 20;
/// Numbers of requests begin anew behind this.
const MAX_REQUEST: u32 = u32::MAX >> 1;
/// A call that no request is known to have caused.
const NO_REQUEST: u32 = u32::MAX;
/// How long a call may take from being handed over to being written, nanoseconds.
const HANDOVER_NS: u64 = 1_000_000_000;

/// Who handed over a call, by process and file descriptor.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Asker {
    time_ns: u64,
    /// The request that it works for.
    request: u32,
    padding: u32,
}

#[inline(always)]
const fn key(tgid: u32, number: u32) -> u64 {
    (tgid as u64) << 32 | number as u64
}

/// The id of the goroutine at `g`, cut; 0 where there is none.
#[inline(always)]
fn id_of(g: u64, go: Go) -> u32 {
    let [id] = read_user_words(g.wrapping_add(u64::from(go.goid)));
    id as u32
}

/// The goroutine that makes the current system call, 0 where none does. A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn current_goroutine(tgid: u32) -> u32 {
    // SAFETY: a copy is taken at once.
    let Some(go) = unsafe { GO_RUNTIMES.get(tgid) }.copied() else { return 0 };
    let (g, stack) = syscall::goroutine_and_stack();
    // `g` begins with the bounds of its stack. The scheduler's own goroutine, or C code, runs on another one.
    let [low, high] = read_user_words(g);
    if stack < low || stack >= high { 0 } else { id_of(g, go) }
}

/// The request that a goroutine works for, 0 where it works for none.
#[inline(always)]
fn request_of(tgid: u32, goroutine: u32) -> u32 {
    // SAFETY: a copy is taken at once.
    unsafe { GOROUTINES.get(key(tgid, goroutine)) }.copied().unwrap_or(0)
}

/// The request that the current goroutine works for. A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn current_request(tgid: u32) -> u32 {
    request_of(tgid, current_goroutine(tgid))
}

/// A goroutine begins to read a request: it works for that one from now on. A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn goroutine_reads(tgid: u32, goroutine: u32) -> u32 {
    let Some(last) = LAST_REQUEST.get_ptr_mut(0) else { return 0 };
    // SAFETY: an array element is always valid.
    let request = unsafe { crate::atomic::fetch_increment(last) + 1 } as u32 & MAX_REQUEST;
    let _ = GOROUTINES.insert(key(tgid, goroutine), request, u64::from(BPF_ANY));
    request
}

/// The request for which bytes were received on this socket.
#[inline(always)]
pub(crate) fn received(conn: &mut Conn, tgid: u32) -> u32 {
    if conn.serves == 0 {
        conn.asks = 0;
        return current_request(tgid);
    }
    let goroutine = current_goroutine(tgid);
    // Another reader, or the first read since an answer: another request.
    if goroutine != 0 && conn.goroutine != goroutine {
        conn.goroutine = goroutine;
        return goroutine_reads(tgid, goroutine);
    }
    request_of(tgid, goroutine)
}

/// The request for which bytes were sent on this socket.
#[inline(always)]
pub(crate) fn sent(conn: &mut Conn, tgid: u32) -> u32 {
    if conn.serves != 0 {
        conn.goroutine = 0;
        return current_request(tgid);
    }
    if conn.asks == 0 && conn.layer == 0 {
        let asker = asker(tgid);
        if asker != 0 {
            conn.asks = asker;
            conn.handed_over = 1;
        }
    }
    match conn.asks {
        // What the goroutine that writes was started for is not what it writes for.
        0 if conn.handed_over != 0 => 0,
        0 => current_request(tgid),
        NO_REQUEST => 0,
        request => request,
    }
}

/// The request for which the call that is being written was handed over; 0 where none was. A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn asker(tgid: u32) -> u32 {
    let key = key(tgid, syscall::first_argument() as u32);
    // SAFETY: a copy is taken at once.
    let Some(asker) = unsafe { ASKERS.get(key) }.copied() else { return 0 };
    let _ = ASKERS.remove(key);
    // SAFETY: a helper without arguments.
    let age_ns = unsafe { bpf_ktime_get_ns() }.wrapping_sub(asker.time_ns);
    if age_ns < HANDOVER_NS { asker.request } else { 0 }
}

/// The current goroutine and the first two arguments (Go's internal ABI).
#[inline(always)]
fn registers(ctx: &ProbeContext) -> [u64; 3] {
    // SAFETY: the context is the registers.
    let regs = unsafe { &*ctx.regs };
    #[cfg(bpf_target_arch = "x86_64")]
    return [regs.r14, regs.rax, regs.rbx];
    #[cfg(bpf_target_arch = "aarch64")]
    return [regs.regs[28], regs.regs[0], regs.regs[1]];
}

/// `net/http.(*persistConn).roundTrip`: its caller hands a request over to the connection that is the first argument.
#[uprobe]
pub(crate) fn go_round_trip(ctx: ProbeContext) -> u32 {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    // SAFETY: a copy is taken at once.
    let Some(go) = unsafe { GO_RUNTIMES.get(tgid) }.copied() else { return 0 };
    let [g, connection, _] = registers(&ctx);
    let [socket] = read_user_words(connection.wrapping_add(PERSIST_CONN_DATA));
    let request = request_of(tgid, id_of(g, go));
    let request = if request == 0 { NO_REQUEST } else { request };
    if let Some(layer) = TLS.get_ptr_mut(Key { object: socket, tgid: u64::from(tgid) }) {
        // The connection is a `tls.Conn`, which this goroutine alone has until the call is over.
        // SAFETY: a live map value.
        let conn = unsafe { &mut (*layer).conn };
        conn.asks = request;
        conn.handed_over = 1;
        return 0;
    }
    let [netfd] = read_user_words(socket);
    let [fd] = read_user_words(netfd.wrapping_add(NETFD_SYSFD));
    let fd = fd as u32;
    if fd < MAX_FD {
        // SAFETY: a helper without arguments.
        let time_ns = unsafe { bpf_ktime_get_ns() };
        let asker = Asker { time_ns, request, padding: 0 };
        let _ = ASKERS.insert(key(tgid, fd), asker, u64::from(BPF_ANY));
    }
    0
}

/// `google.golang.org/grpc/internal/transport.(*loopyWriter).run`: the current goroutine writes the calls of all others on a
/// connection, so it works for none of them, whoever started it.
#[uprobe]
pub(crate) fn go_shared_writer(ctx: ProbeContext) -> u32 {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    // SAFETY: a copy is taken at once.
    let Some(go) = unsafe { GO_RUNTIMES.get(tgid) }.copied() else { return 0 };
    let [g, ..] = registers(&ctx);
    let _ = GOROUTINES.remove(key(tgid, id_of(g, go)));
    0
}

/// The call of `runtime.runqput` in `runtime.newproc`: the goroutine that is the second argument was made; the scheduler's own is current.
#[uprobe]
pub(crate) fn go_new_goroutine(ctx: ProbeContext) -> u32 {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    // SAFETY: a copy is taken at once.
    let Some(go) = unsafe { GO_RUNTIMES.get(tgid) }.copied() else { return 0 };
    let [scheduler, _, new] = registers(&ctx);
    let [machine] = read_user_words(scheduler.wrapping_add(G_M));
    let [parent] = read_user_words(machine.wrapping_add(u64::from(go.current)));
    let request = request_of(tgid, id_of(parent, go));
    if request != 0 {
        let _ = GOROUTINES.insert(key(tgid, id_of(new, go)), request, u64::from(BPF_ANY));
    }
    0
}
