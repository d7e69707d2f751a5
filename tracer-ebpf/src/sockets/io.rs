//! Bytes through sockets: the hot path.

use aya_ebpf::{
    helpers::{bpf_get_current_pid_tgid, generated::bpf_skc_to_tcp_sock},
    macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use tracer_common::{
    drops::KernelDrop,
    event::{DataHeader, Kind, flags},
    process::{ANNOUNCED, EXCLUDED, GOROUTINES, POLLS, PROMPT, SELECTED, TASKS, TURNS},
};

use super::{
    datagram::{self, UDP},
    decide::{NO_EVENT, decide_segment, pack, smaller},
    describe::{AF_INET, AF_INET6, AF_UNIX, TCP},
    frame::begins_with_frame,
    framed,
    frames::{ADRIFT, emit_frames},
};
use crate::{
    capture::{self, Segment},
    conn::{self, Conn, RECEIVED, SENT, loops, mode},
    emit,
    globals::{config, offset},
    go,
    kernel_read::field,
    maps::{PROCESSES, generation, tls_generation},
    process::describe,
    propagation,
    syscall::{self, Buffers},
    task::current_task,
    tls, turn,
};

/// `SOCK_STREAM` (include/linux/net.h)
const STREAM: u16 = 1;
/// `IPPROTO_MPTCP`
const MPTCP: u16 = 262;
/// -EPIPE and -ECONNRESET (include/uapi/asm-generic/errno.h): nobody waits for an answer any more.
const BROKEN_PIPE: i32 = -32;
/// See [`BROKEN_PIPE`].
const CONNECTION_RESET: i32 = -104;
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
/// `sk` must be a BTF-typed `struct sock` pointer: the tracepoint's argument, or reached from a function's.
#[inline(always)]
pub(super) unsafe fn segment_passed<const WAY: usize>(sk: *const u8, result: i32, call_flags: i32) {
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
    if call_flags & NOT_CONSUMED != 0 {
        return;
    }
    if !traced {
        if config!(dns) != 0 && protocol == UDP && family != AF_UNIX {
            // SAFETY: a UDP socket, as its protocol says.
            unsafe { datagram::passed::<WAY>(sk, result) };
        }
        return;
    }
    if result < 0 {
        syscall::failed(bpf_get_current_pid_tgid() as u32);
        if config!(propagation) != 0 && (WAY == SENT || result == CONNECTION_RESET) {
            // SAFETY: BTF-typed pointer.
            if let Some(conn) = unsafe { conn::of_socket(sk, false) } {
                conn.written = 0;
                if result == BROKEN_PIPE || result == CONNECTION_RESET {
                    propagation::gone(conn);
                }
            }
        }
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
        if WAY == RECEIVED && conn.work != 0 && u32::from(conn.work) != GOROUTINES {
            turn::ends(conn, tid);
        }
        if WAY == RECEIVED && config!(propagation) != 0 {
            propagation::gone(conn);
        }
        let spoken = conn.mode == mode::HTTP || conn.mode == mode::HTTP2 || conn.mode == mode::FRAMED;
        if WAY == RECEIVED && spoken && conn.excluded == 0 {
            let head = data_header::<false>(conn, WAY, (tgid, tid), 0, 0, flags::EOF);
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
    let mut extra = 0;
    let counted = conn.work != 0 && u32::from(conn.work) != GOROUTINES;
    if counted {
        turn::passed::<WAY>(conn, tid);
    }
    // What is inside of the records that a TLS library sends and receives is reported by the library's probes.
    let sealed = conn.tls_tgid == tgid;
    if sealed && conn.tls_generation == tls_generation() {
        // SAFETY: as above.
        if WAY == RECEIVED && conn.work & TURNS as u8 == 0 && unsafe { polled(conn, sk) } {
            turn::count_from_now(tgid);
        }
        return;
    }
    let buffers = syscall::buffers(tid);
    let known = !sealed && conn.mode == mode::HTTP && conn.budget[WAY] >= smaller(len, conn.cap[WAY]);
    let decided = known || !sealed && conn.mode == mode::HTTP2;
    let segment = capture::segment(if decided { Buffers::UNSEEN } else { buffers }, u64::from(len));
    let mut want = 0;
    if !decided {
        let start = capture::prefix(&segment);
        want = if sealed { NO_EVENT } else { wanted(conn, WAY, &segment, start, len) };
        if want == NO_EVENT {
            if tls::is_record(start.0, start.1) {
                tls::record_passed(sk, conn, &segment, (WAY, len), start.0, tgid);
            } else if buffers.kind == syscall::Kind::Unseen && !sealed {
                // What is never seen is never known.
                emit::count(KernelDrop::UnseenBuffer);
            }
            return;
        }
    }
    // SAFETY: as above.
    if WAY == RECEIVED && (conn.serves != 0 || conn.is_symmetric()) && unsafe { polled(conn, sk) } {
        extra = flags::POLLED;
        if conn.work == 0 {
            turn::count_from_now(tgid);
            conn.work = TURNS as u8;
            turn::passed::<WAY>(conn, tid);
        }
    }
    if conn.opened == 0 {
        conn.opened = 1;
        conn.id();
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
            let added = if WAY == SENT { propagation::take_written(conn, sk, tgid) } else { 0 };
            (behind.wrapping_sub(len + added), flags::TCP)
        }
    };
    let mut head = data_header::<true>(conn, WAY, (tgid, tid), position, len, tcp | extra);
    if !known && conn.mode == mode::HTTP2 {
        // Frames number their pieces themselves.
        conn.number[WAY] = head.number;
        emit_frames(conn, &mut head, buffers);
    } else if known {
        capture::copy_and_decide::<true>(conn, &head, buffers, smaller(len, conn.cap[WAY]));
    } else {
        framed::emit_held(conn, WAY, &mut head);
        capture::emit(&head, &segment, u64::from(want));
    }
    if config!(propagation) != 0 {
        if WAY == SENT {
            conn.written = 0;
        } else if conn.mode == mode::HTTP2 && conn.serves != 0 {
            propagation::serves_unread(conn, tgid);
        }
        propagation::passed::<WAY>(conn, (tgid, tid), buffers, len, extra != 0);
    }
}

/// Whether the socket is in an epoll set, or its process is known to do without one.
///
/// # Safety
/// `sk` must be a BTF-typed `struct sock` pointer.
#[inline(always)]
unsafe fn polled(conn: &Conn, sk: *const u8) -> bool {
    if conn.loops & loops::POLLS != 0 {
        return true;
    }
    // SAFETY: the caller's promise; the offsets are those of these very fields, and a null pointer on the way yields null.
    unsafe {
        let socket = field::<*const u8>(sk, offset!(socket));
        let file = field::<*const u8>(socket, offset!(file));
        field::<u64>(file, offset!(epolls)) != 0
    }
}

/// Whether `tgid` is to be traced.
#[inline(always)]
pub(crate) fn allowed(conn: &mut Conn, tgid: u32) -> bool {
    let generation = generation();
    if conn.tgid != tgid || conn.generation != generation {
        conn.generation = generation;
        // SAFETY: a copy is taken at once.
        let known = unsafe { PROCESSES.get(tgid) }.copied().unwrap_or(0);
        conn.tgid = tgid;
        conn.work = (if known & GOROUTINES != 0 { GOROUTINES } else { known & (TASKS | TURNS) }) as u8;
        conn.loops = if known & PROMPT != 0 { loops::PROMPT } else { 0 };
        conn.loops |= if known & POLLS != 0 { loops::POLLS } else { 0 };
        conn.described = u8::from(known & ANNOUNCED != 0);
        conn.excluded = u8::from(is_excluded(known));
    }
    conn.excluded == 0
}

/// Whether a process with these flags is not to be traced.
#[inline(always)]
pub(crate) fn is_excluded(known: u32) -> bool {
    known & EXCLUDED != 0 || (config!(only_selected) != 0 && known & SELECTED == 0)
}

/// How many bytes of a segment are worth copying, or [`NO_EVENT`], by its first bytes. Updates the protocol state.
#[inline(always)]
pub(crate) fn wanted(
    conn: &mut Conn,
    way: usize,
    segment: &Segment,
    (prefix, seen): (u64, u32),
    len: u32,
) -> u32 {
    if conn.mode == mode::FRAMED {
        return framed::share(conn, way, (prefix, seen), len);
    }
    if seen != 0 {
        let want = decide_segment(conn, prefix, seen, pack(len, way));
        if want == NO_EVENT && conn.mode == mode::UNKNOWN {
            if seen == 8 && begins_with_frame(prefix, segment.first, segment.first_len, u64::from(len)) != 0 {
                conn.mode = mode::HTTP2;
                conn.frame[1 - way] = ADRIFT;
                conn.partial_len = [0; 2];
                return 0;
            }
            return framed::begin(conn, way, (prefix, seen), segment, len);
        }
        want
    } else if conn.mode == mode::HTTP {
        // Unseen or unreadable: it counts only where HTTP is known to run.
        0
    } else {
        NO_EVENT
    }
}

/// The header of the next record of a direction. `KNOWN`: [`Conn::turn`] is of this very call.
#[inline(always)]
pub(crate) fn data_header<const KNOWN: bool>(
    conn: &mut Conn,
    way: usize,
    (tgid, tid): (u32, u32),
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
    let number = conn.number[way];
    conn.number[way] = number.wrapping_add(1);
    let mut header = emit::header(Kind::Data, tgid, conn.id);
    header.flags = extra | if way == SENT { flags::SENT } else { 0 };
    let mut task = 0;
    if u32::from(conn.work) == GOROUTINES {
        header.flags |= flags::GOROUTINE;
        task = if way == RECEIVED { go::received(conn, tgid) } else { go::sent(conn, tgid) };
    } else if conn.work != 0 {
        if u32::from(conn.work) & TASKS != 0 {
            task = current_task(tgid);
        }
        if task == 0 {
            header.flags |= flags::TURN;
            let now = if KNOWN { conn.turn } else { turn::current() };
            // The first request on a connection is for whatever it was connected for.
            task = if way == SENT && number == 0 { turn::of_first(conn, tid, now) } else { now };
        }
    }
    DataHeader { header, tid, number, position, len, captured: 0, task, tail: 0 }
}
