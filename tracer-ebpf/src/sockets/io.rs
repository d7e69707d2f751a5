//! Bytes through sockets: the hot path.

use aya_ebpf::{
    helpers::{bpf_get_current_pid_tgid, generated::bpf_skc_to_tcp_sock},
    macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use tracer_common::{
    drops::KernelDrop,
    event::{DataHeader, Kind, flags},
    limits::TAIL,
    process::{ANNOUNCED, EXCLUDED, SELECTED},
};

use super::describe::{AF_INET, AF_INET6, AF_UNIX};
use crate::{
    capture::{self, Segment},
    conn::{self, Conn, RECEIVED, SENT, mode},
    emit,
    globals::{config, offset},
    kernel_read::field,
    maps::PROCESSES,
    prefilter::{Start, classify},
    process::describe,
    syscall,
};

/// `SOCK_STREAM` (include/linux/net.h)
const STREAM: u16 = 1;
/// `IPPROTO_TCP`
const TCP: u16 = 6;
/// `IPPROTO_MPTCP`
const MPTCP: u16 = 262;
/// `MSG_PEEK | MSG_ERRQUEUE` (include/linux/socket.h): the bytes will be read again, or are none of the stream.
const NOT_CONSUMED: i32 = 0x2 | 0x2000;
/// How many records pass between two looks at a process's flags: exclusion by the daemon takes effect within these.
const RECHECK: u32 = 16;
/// A response's budget, in response heads: a head split over several writes, and little of the body.
const RESPONSE_BUDGET: u32 = 2;

// match-proto: include/trace/events/sock.h: sock_send_length(struct sock *sk, int ret, int flags)
#[btf_tracepoint(function = "sock_send_length")]
pub(crate) fn sock_send(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: arguments as in the prototype above.
    unsafe { segment_passed::<SENT>(ctx.arg(0), ctx.arg(1), 0) };
    0
}

// match-proto: include/trace/events/sock.h: sock_recv_length(struct sock *sk, int ret, int flags)
#[btf_tracepoint(function = "sock_recv_length")]
pub(crate) fn sock_recv(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: arguments as in the prototype above.
    unsafe { segment_passed::<RECEIVED>(ctx.arg(0), ctx.arg(1), ctx.arg(2)) };
    0
}

/// # Safety
/// `sk` must be the tracepoint's `struct sock` argument.
#[inline(always)]
unsafe fn segment_passed<const WAY: usize>(sk: *const u8, result: i32, call_flags: i32) {
    // SAFETY: BTF-typed pointer, offsets of these very fields.
    let (family, kind, protocol) = unsafe {
        (
            field::<u16>(sk, offset!(family)),
            field::<u16>(sk, offset!(kind)),
            field::<u16>(sk, offset!(protocol)),
        )
    };
    let traced = match family {
        AF_INET | AF_INET6 => protocol == TCP || protocol == MPTCP,
        AF_UNIX => config!(unix_sockets) != 0 && kind == STREAM,
        _ => false,
    };
    if !traced || call_flags & NOT_CONSUMED != 0 {
        return;
    }
    if result < 0 {
        syscall::failed(bpf_get_current_pid_tgid() as u32);
        return;
    }
    let pid_tgid = bpf_get_current_pid_tgid();
    let (tgid, tid) = ((pid_tgid >> 32) as u32, pid_tgid as u32);
    // SAFETY: BTF-typed pointer.
    let Some(conn) = (unsafe { conn::of_socket(sk, result > 0) }) else {
        if result > 0 {
            emit::count(KernelDrop::NoSocketState);
        }
        return;
    };
    if tgid == config!(self_tgid) {
        if conn.mode != mode::OWN {
            conn.mode = mode::OWN;
            super::describe::own(sk, tgid, conn);
        }
        return;
    }
    if result == 0 {
        if WAY == RECEIVED && conn.mode == mode::HTTP && conn.excluded == 0 {
            let head = data_header::<WAY>(conn, tgid, tid, 0, 0, flags::EOF);
            capture::emit(&head, None, 0);
        }
        return;
    }
    let len = result as u32;
    let start_count = conn.bytes[WAY];
    conn.bytes[WAY] = start_count.wrapping_add(len);
    if conn.mode == mode::OWN || !allowed::<WAY>(conn, tgid) {
        return;
    }
    let segment = capture::segment(syscall::buffers(tid), u64::from(len));
    let Some(want) = wanted::<WAY>(conn, segment.as_ref(), len) else { return };
    if conn.opened == 0 {
        conn.opened = 1;
        conn.id = conn::next_id();
        super::describe::open(sk, tgid, conn);
    }
    if segment.is_none() {
        emit::count(KernelDrop::UnseenBuffer);
    }
    // SAFETY: as above; the helper returns null or the same socket with its full type.
    let (position, tcp) = unsafe {
        let stream =
            if protocol == TCP { bpf_skc_to_tcp_sock(sk.cast_mut().cast()) } else { core::ptr::null_mut() };
        if stream.is_null() {
            (start_count, 0)
        } else {
            let stream = stream.cast::<u8>().cast_const();
            let behind = if WAY == SENT {
                field::<u32>(stream, offset!(write_seq))
            } else {
                conn::read_position(sk, stream)
            };
            (behind.wrapping_sub(len), flags::TCP)
        }
    };
    let head = data_header::<WAY>(conn, tgid, tid, position, len, tcp);
    capture::emit(&head, segment.as_ref(), u64::from(want));
}

/// Whether `tgid` is to be traced; describes it to the daemon the first time.
#[inline(always)]
fn allowed<const WAY: usize>(conn: &mut Conn, tgid: u32) -> bool {
    if conn.tgid != tgid || conn.number[WAY].is_multiple_of(RECHECK) {
        // SAFETY: a copy is taken at once.
        let known = unsafe { PROCESSES.get(tgid) }.copied().unwrap_or(0);
        conn.tgid = tgid;
        conn.excluded =
            u8::from(known & EXCLUDED != 0 || (config!(only_selected) != 0 && known & SELECTED == 0));
    }
    conn.excluded == 0
}

/// How many bytes of the segment are worth copying; `None`: it is no event at all. Updates the protocol state.
#[inline(always)]
fn wanted<const WAY: usize>(conn: &mut Conn, segment: Option<&Segment>, len: u32) -> Option<u32> {
    let Some((prefix, seen)) = segment.and_then(capture::prefix) else {
        // Unseen or unreadable: it counts only where HTTP is known to run.
        return (conn.mode == mode::HTTP).then_some(0);
    };
    let want = if WAY == SENT {
        decide_sent(conn, prefix, seen, len)
    } else {
        decide_received(conn, prefix, seen, len)
    };
    (want != NO_EVENT).then_some(want)
}

/// What [`decide`] returns for a segment that is no event.
const NO_EVENT: u32 = u32::MAX;

/// A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn decide_sent(conn: *mut Conn, prefix: u64, seen: u32, len: u32) -> u32 {
    // SAFETY: the verifier checks pointers that are handed to global functions; null is possible for it.
    unsafe { conn.as_mut() }.map_or(NO_EVENT, |conn| decide::<SENT>(conn, prefix, seen, len))
}

/// A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn decide_received(conn: *mut Conn, prefix: u64, seen: u32, len: u32) -> u32 {
    // SAFETY: as above.
    unsafe { conn.as_mut() }.map_or(NO_EVENT, |conn| decide::<RECEIVED>(conn, prefix, seen, len))
}

/// `prefix` are the first `seen` (at most eight) of `len` bytes, little endian.
#[inline(always)]
fn decide<const WAY: usize>(conn: &mut Conn, mut prefix: u64, mut seen: u32, len: u32) -> u32 {
    if conn.mode == mode::MAYBE && conn.partial_len[WAY] != 0 {
        let known = u32::from(conn.partial_len[WAY]) & 7;
        prefix = conn.partial[WAY] | (prefix << (8 * known));
        seen = smaller(seen + known, 8);
    }
    match classify(prefix, seen) {
        Start::Request => {
            conn.mode = mode::HTTP;
            conn.budget[WAY] = config!(message_budget);
            conn.budget[1 - WAY] = config!(response_head) * RESPONSE_BUDGET;
            take::<WAY>(conn, smaller(len, config!(request_head)))
        }
        Start::Response => {
            conn.mode = mode::HTTP;
            conn.budget[WAY] = config!(response_head) * RESPONSE_BUDGET;
            take::<WAY>(conn, smaller(len, config!(response_head)))
        }
        Start::Partial | Start::Other if conn.mode == mode::HTTP => {
            take::<WAY>(conn, smaller(len, config!(request_head)))
        }
        Start::Partial => {
            conn.mode = mode::MAYBE;
            conn.partial[WAY] = prefix;
            conn.partial_len[WAY] = seen as u8;
            len
        }
        Start::Other => {
            if conn.mode == mode::MAYBE && conn.partial_len[WAY] != 0 {
                conn.mode = mode::UNKNOWN;
                conn.partial_len = [0; 2];
            }
            NO_EVENT
        }
    }
}

#[inline(always)]
const fn smaller(a: u32, b: u32) -> u32 {
    if a < b { a } else { b }
}

/// Takes at most `want` bytes of the message's budget.
#[inline(always)]
fn take<const WAY: usize>(conn: &mut Conn, want: u32) -> u32 {
    let got = smaller(want, conn.budget[WAY]);
    conn.budget[WAY] -= got;
    got
}

#[inline(always)]
fn data_header<const WAY: usize>(
    conn: &mut Conn,
    tgid: u32,
    tid: u32,
    position: u32,
    len: u32,
    extra: u16,
) -> DataHeader {
    if conn.number[WAY] == 0 {
        // SAFETY: a copy is taken at once.
        let known = unsafe { PROCESSES.get(tgid) }.copied().unwrap_or(0);
        if known & ANNOUNCED == 0 {
            describe(tgid, known);
        }
    }
    let number = conn.number[WAY];
    conn.number[WAY] = number.wrapping_add(1);
    let mut header = emit::header(Kind::Data, tgid, conn.id);
    header.flags = extra | if WAY == SENT { flags::SENT } else { 0 };
    DataHeader { header, tid, number, position, len, captured: 0, reserved: 0, tail: [0; TAIL] }
}
