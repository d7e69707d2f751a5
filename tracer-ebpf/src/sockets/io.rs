//! Bytes through sockets: the hot path.

use aya_ebpf::{
    helpers::{bpf_get_current_pid_tgid, generated::bpf_skc_to_tcp_sock},
    macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use tracer_common::{
    drops::KernelDrop,
    event::{DataHeader, Kind, flags},
    process::{ANNOUNCED, EXCLUDED, SELECTED, TASKS},
};

use super::{
    decide::{NO_EVENT, decide_segment, pack, smaller},
    describe::{AF_INET, AF_INET6, AF_UNIX},
    frame::begins_with_frame,
    frames::{ADRIFT, emit_frames},
};
use crate::{
    capture::{self, Segment},
    conn::{self, Conn, RECEIVED, SENT, mode},
    emit,
    globals::{config, offset},
    kernel_read::field,
    maps::{PROCESSES, generation},
    process::describe,
    syscall::{self, Buffers},
    task::current_task,
};

/// `SOCK_STREAM` (include/linux/net.h)
const STREAM: u16 = 1;
/// `IPPROTO_TCP`
const TCP: u16 = 6;
/// `IPPROTO_MPTCP`
const MPTCP: u16 = 262;
/// `MSG_PEEK | MSG_ERRQUEUE` (include/linux/socket.h): the bytes will be read again, or are none of the stream.
const NOT_CONSUMED: i32 = 0x2 | 0x2000;

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
        let spoken = conn.mode == mode::HTTP || conn.mode == mode::HTTP2;
        if WAY == RECEIVED && spoken && conn.excluded == 0 {
            let head = data_header::<WAY>(conn, tgid, tid, 0, 0, flags::EOF);
            capture::emit_nothing(&head);
        }
        return;
    }
    let len = result as u32;
    let start_count = conn.bytes[WAY];
    conn.bytes[WAY] = start_count.wrapping_add(len);
    if conn.mode == mode::OWN || !allowed(conn, tgid) {
        return;
    }
    let buffers = syscall::buffers(tid);
    let known = conn.mode == mode::HTTP && conn.budget[WAY] >= smaller(len, conn.cap[WAY]);
    let decided = known || conn.mode == mode::HTTP2;
    let segment = capture::segment(if decided { Buffers::UNSEEN } else { buffers }, u64::from(len));
    let want = if decided { 0 } else { wanted(conn, WAY, &segment, len) };
    if want == NO_EVENT {
        return;
    }
    if conn.opened == 0 {
        conn.opened = 1;
        conn.id = conn::next_id();
        super::describe::open(sk, tgid, conn);
    }
    if buffers.kind == syscall::Kind::Unseen {
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
    let mut head = data_header::<WAY>(conn, tgid, tid, position, len, tcp);
    if !known && conn.mode == mode::HTTP2 {
        // Frames number their pieces themselves.
        conn.number[WAY] = head.number;
        emit_frames(conn, &mut head, buffers);
    } else if known {
        capture::copy_and_decide(conn, &head, buffers, smaller(len, conn.cap[WAY]));
    } else {
        capture::emit(&head, &segment, u64::from(want));
    }
}

/// Whether `tgid` is to be traced.
#[inline(always)]
fn allowed(conn: &mut Conn, tgid: u32) -> bool {
    let generation = generation();
    if conn.tgid != tgid || conn.generation != generation {
        conn.generation = generation;
        // SAFETY: a copy is taken at once.
        let known = unsafe { PROCESSES.get(tgid) }.copied().unwrap_or(0);
        conn.tgid = tgid;
        conn.tasks = u8::from(known & TASKS != 0);
        conn.described = u8::from(known & ANNOUNCED != 0);
        conn.excluded =
            u8::from(known & EXCLUDED != 0 || (config!(only_selected) != 0 && known & SELECTED == 0));
    }
    conn.excluded == 0
}

/// How many bytes of the segment are worth copying, or [`NO_EVENT`]. Updates the protocol state.
#[inline(always)]
fn wanted(conn: &mut Conn, way: usize, segment: &Segment, len: u32) -> u32 {
    let (prefix, seen) = capture::prefix(segment);
    if seen != 0 {
        let want = decide_segment(conn, prefix, seen, pack(len, way));
        if want == NO_EVENT
            && conn.mode == mode::UNKNOWN
            && seen == 8
            && begins_with_frame(prefix, segment.first, segment.first_len, u64::from(len)) != 0
        {
            conn.mode = mode::HTTP2;
            conn.frame[1 - way] = ADRIFT;
            return 0;
        }
        want
    } else if conn.mode == mode::HTTP {
        // Unseen or unreadable: it counts only where HTTP is known to run.
        0
    } else {
        NO_EVENT
    }
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
    // Not the first record alone: a socket is handed on by fork, and its process may run another program by now.
    if conn.tgid != tgid || conn.described == 0 {
        conn.described = u8::from(conn.tgid == tgid);
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
    let task = if conn.tasks != 0 { current_task(tgid) } else { 0 };
    DataHeader { header, tid, number, position, len, captured: 0, task, tail: 0 }
}
