//! TCP connections that processes open: who wants them, and which cannot be opened.

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, generated::bpf_ktime_get_ns};
use tracer_common::{
    event::{Connect, ConnectKind, Kind, flags},
    process::{ANNOUNCED, TASKS},
};

use super::{
    describe::{inet, net_of},
    io::allowed,
};
use crate::{
    conn::{self, Conn},
    emit::{self, Urgency},
    globals::{config, offset},
    kernel_read::field,
    maps::{FAILED_CONNECTS, PROCESSES},
    process::describe,
    task::current_task,
    turn,
};

/// How long a connection that is opened may be in place of one that could not be, nanoseconds.
const SIBLING_NS: u64 = 1_000_000_000;

/// The current thread asks for a connection.
#[inline(always)]
pub(super) fn begins(sk: *const u8) {
    let pid_tgid = bpf_get_current_pid_tgid();
    let (tgid, tid) = ((pid_tgid >> 32) as u32, pid_tgid as u32);
    let counts = turn::counts(tgid);
    let reports = config!(connects) != 0 && tgid != config!(self_tgid);
    if !counts && !reports {
        return;
    }
    // SAFETY: the tracepoint's argument.
    let Some(conn) = (unsafe { conn::of_socket(sk, true) }) else { return };
    if counts {
        turn::connects(conn);
    }
    if !reports || !allowed(conn, tgid) {
        return;
    }
    if conn.described == 0 {
        conn.described = 1;
        // SAFETY: a copy is taken at once.
        let known = unsafe { PROCESSES.get(tgid) }.copied().unwrap_or(0);
        if known & ANNOUNCED == 0 {
            describe(tgid, known);
        }
    }
    conn.connector = tid;
    // SAFETY: a helper without arguments.
    conn.connect_ns = unsafe { bpf_ktime_get_ns() };
    conn.asks = if u32::from(conn.work) & TASKS != 0 { current_task(tgid) } else { 0 };
}

/// A connection that was asked for is open, or cannot be opened.
///
/// # Safety
/// `sk` must be the tracepoint's argument.
#[inline(always)]
pub(super) unsafe fn ends(sk: *const u8, kind: ConnectKind) {
    // SAFETY: the caller's promise.
    let Some(conn) = (unsafe { conn::of_socket(sk, false) }) else { return };
    if conn.connector == 0 {
        return;
    }
    // SAFETY: the caller's promise; the offsets are those of these very fields.
    let (error, port) = unsafe { (field::<u32>(sk, offset!(error)), field::<u16>(sk, offset!(peer_port))) };
    connect_ended(conn, &Ended { sk: sk as u64, error, port, kind: kind as u8, padding: 0 });
    conn.connector = 0;
}

/// What became of a connection.
#[repr(C)]
struct Ended {
    /// Address of the socket: see `describe`.
    sk: u64,
    /// errno, or 0.
    error: u32,
    /// The other end's, network byte order.
    port: u16,
    /// A [`ConnectKind`].
    kind: u8,
    padding: u8,
}

/// A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn connect_ended(conn: *const Conn, ended: *const Ended) -> i32 {
    // SAFETY: the verifier checks pointers that are handed to global functions; null is possible for it.
    let (Some(conn), Some(&Ended { sk, error, port, kind, .. })) =
        (unsafe { (conn.as_ref(), ended.as_ref()) })
    else {
        return 0;
    };
    let key = u64::from(conn.tgid) << 32 | u64::from(port);
    // SAFETY: a helper without arguments.
    let now = unsafe { bpf_ktime_get_ns() };
    if kind == ConnectKind::Failed as u8 {
        if error == 0 {
            // The process gave up.
            return 0;
        }
        let _ = FAILED_CONNECTS.insert(key, now, 0);
    } else {
        // SAFETY: a copy is taken at once.
        let failed = unsafe { FAILED_CONNECTS.get(key) }.copied().unwrap_or(0);
        if now.wrapping_sub(failed) > SIBLING_NS {
            return 0;
        }
    }
    emit::record::<Connect>(Urgency::Timer, |slot| {
        let mut header = emit::header(Kind::Connect, conn.tgid, 0);
        header.detail = kind;
        let mut task = conn.asks;
        if task == 0 && conn.question.tid == conn.connector {
            header.flags = flags::TURN;
            task = conn.question.turn;
        }
        // SAFETY: `slot` is a reserved `Connect`.
        unsafe {
            (*slot).header = header;
            (*slot).started_ns = conn.connect_ns;
            (*slot).tid = conn.connector;
            (*slot).task = task;
            (*slot).error = error;
            (*slot).net = net_of(sk);
            (*slot).padding = 0;
            // Of the memory behind an IPv4 address, records of before are in there.
            ((*slot).local, (*slot).peer) = ([0; 16], [0; 16]);
            (*slot).family = inet(
                sk,
                &raw mut (*slot).local_port,
                &raw mut (*slot).peer_port,
                &raw mut (*slot).local,
                &raw mut (*slot).peer,
            );
        }
    });
    0
}
