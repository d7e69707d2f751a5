//! Which trace a call belongs to, as far as that is certain at the moment of the call.
//!
//! The same evidence as the daemon's (`traces/threads.rs`), told at once and with less patience: the thread that makes the
//! call has exactly one request in hand and has not begun to answer it (an event loop: and is still at the turn or task in which it
//! read it); or it runs a program that such a thread started; or
//! its process receives no requests at all, and the call is the first of a trace. In every other case nothing is written.

use aya_ebpf::{bindings::BPF_ANY, helpers::bpf_ktime_get_ns};
use tracer_common::{process::TASKS, propagation::MAX_NEW_TRACE_AGE_NS};

use super::{
    head::{Head, content_length, context_value, scan_head, traits},
    id,
};
use crate::{
    capture,
    conn::{Conn, RECEIVED, SENT, begun},
    maps::{HANDS, ORIGINS, SERVERS},
    syscall::Buffers,
    task::current_task,
    turn,
};

/// As `DISTRUST_NS` of the daemon's threads: how long a thread that had several requests in hand is not believed.
const DISTRUST_NS: u64 = 1_000_000_000;
/// As `HANDOVER_NS` there: how long a process is not believed whose answers are written by other threads than read the requests.
const HANDOVER_NS: u64 = 300_000_000_000;
/// A request in hand for longer was lost sight of.
const FORGET_NS: u64 = 300_000_000_000;

/// What a thread has in hand.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Hand {
    /// When it read the last request, CLOCK_MONOTONIC nanoseconds.
    read_ns: u64,
    /// It is not believed before.
    distrusted_until_ns: u64,
    /// Trace of that request, as text; valid with `has_trace`.
    pub(super) trace: [u8; 32],
    /// Flags of its context, as text.
    pub(super) flags: [u8; 2],
    /// Its trace is known.
    pub(super) has_trace: u8,
    /// Its context could not be understood.
    unclear: u8,
    /// Requests that were read and are not being answered.
    open: u32,
    /// Its process.
    tgid: u32,
    /// The task that it ran when it read the request.
    task: u32,
    /// The turn in which it read the request.
    turn: u32,
    /// It ran no task although its runtime has them.
    plain: u8,
    /// Its connection is in an epoll set: it may be an event loop.
    polled: u8,
    padding: [u8; 6],
}

/// The trace that a call belongs to.
#[repr(C)]
pub(super) struct Cause {
    /// Trace id as text.
    trace: [u8; 32],
    /// Flags as text.
    flags: [u8; 2],
    /// 1 where other threads may send what this one asks for, and the reverse.
    shared: u8,
    padding: [u8; 5],
}

impl Cause {
    /// That of a call which was not looked for yet.
    pub(super) const fn new(shared: bool) -> Self {
        Self { trace: [0; 32], flags: [0; 2], shared: shared as u8, padding: [0; 5] }
    }

    /// Writes it as the value of a `traceparent` at an offset, with a new span id.
    #[inline(always)]
    pub(super) fn write<const AT: usize>(&self, text: &mut [u8]) {
        text[AT] = b'0';
        text[AT + 1] = b'0';
        text[AT + 2] = b'-';
        for at in 0..32 {
            text[AT + 3 + at] = self.trace[at];
        }
        text[AT + 35] = b'-';
        id::span(text, AT + 36);
        text[AT + 52] = b'-';
        text[AT + 53] = self.flags[0];
        text[AT + 54] = self.flags[1];
    }
}

/// What is known of a process that receives requests.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Server {
    /// Its threads are not believed before, CLOCK_MONOTONIC nanoseconds.
    until_ns: u64,
    /// Connections with a request that was read and is not being answered.
    open: u32,
    padding: u32,
}

impl Server {
    const NEW: Self = Self { until_ns: 0, open: 0, padding: 0 };
}

/// A process receives requests that are not looked at here (HTTP/2, or within TLS): which of them a call is for is never certain.
#[inline(always)]
pub(crate) fn serves_unread(conn: &mut Conn, tgid: u32) {
    if conn.server != tgid {
        conn.server = tgid;
        let server = Server { until_ns: u64::MAX, ..Server::NEW };
        let _ = SERVERS.insert(tgid, server, u64::from(BPF_ANY));
    }
}

/// A segment passed: a request or an answer may have begun.
#[inline(always)]
pub(crate) fn passed<const WAY: usize>(
    conn: &mut Conn,
    ids: (u32, u32),
    buffers: Buffers,
    len: u32,
    polled: bool,
) {
    let what = conn.begun;
    conn.begun = begun::NOTHING;
    if WAY == RECEIVED && what == begun::REQUEST {
        let segment = capture::segment(buffers, u64::from(len));
        let mut head = Head::new(segment.first, segment.first_len as u32, true);
        if segment.first_len < u64::from(len) {
            // Scattered: what follows is not looked at.
            head.traits = traits::STRANGE;
        }
        let task = if u32::from(conn.work) & TASKS != 0 { current_task(ids.0) } else { 0 };
        // A segment has less than 2^31 bytes.
        let len = len | u32::from(polled) << 31;
        let unread = request_read(conn, &mut head, ids.0, (u64::from(task) << 32) | u64::from(ids.1), len);
        if unread != 0
            && let Some(hand) = HANDS.get_ptr_mut(ids.1)
            && context_value(&raw const head, hand) == 0
        {
            // Of another version, say: the daemon may understand it.
            // SAFETY: a live map value, of this very thread.
            unsafe { (*hand).unclear = 1 };
        }
    } else if WAY == SENT && what == begun::RESPONSE {
        answer_begun(conn, ids.0, ids.1);
    }
}

/// A request was read. Returns 1 if its context is still to be looked at: on the caller's stack, where there is room. A global
/// function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn request_read(conn: *mut Conn, head: *mut Head, tgid: u32, task_and_tid: u64, len: u32) -> i32 {
    // SAFETY: the verifier checks pointers that are handed to global functions; null is possible for it.
    let (Some(conn), Some(head)) = (unsafe { conn.as_mut() }, unsafe { head.as_mut() }) else { return 0 };
    let (tid, task) = (task_and_tid as u32, (task_and_tid >> 32) as u32);
    let (len, polled) = (len & !(1 << 31), len >> 31);
    // SAFETY: a helper without arguments.
    let now_ns = unsafe { bpf_ktime_get_ns() };
    if conn.server != tgid {
        conn.server = tgid;
        if SERVERS.get_ptr(tgid).is_none() {
            let _ = SERVERS.insert(tgid, Server::NEW, u64::from(BPF_ANY));
        }
    }
    if conn.reader == 0
        && let Some(server) = SERVERS.get_ptr_mut(tgid)
    {
        // SAFETY: a live map value; a lost race makes its threads less believed.
        unsafe { (*server).open = (*server).open.wrapping_add(1) };
    }
    // In place: an update of an LRU table takes a new element each time, and a copy takes room on the stack.
    if HANDS.get_ptr(tid).is_none() {
        new_hand(tid);
    }
    let Some(hand) = HANDS.get_ptr_mut(tid) else { return 0 };
    // SAFETY: a live map value, of this very thread; those that answer for it only count `open` down.
    let hand = unsafe { &mut *hand };
    if hand.tgid == tgid && now_ns.wrapping_sub(hand.read_ns) < FORGET_NS {
        // The connection of the one before may be this one: then it was given up, or this one is pipelined.
        if hand.open != 0 {
            hand.distrusted_until_ns = now_ns + DISTRUST_NS;
        }
        hand.open = hand.open.wrapping_add(1);
    } else {
        hand.open = 1;
        hand.distrusted_until_ns = 0;
    }
    hand.read_ns = now_ns;
    hand.flags = *b"01";
    hand.has_trace = 0;
    hand.unclear = 0;
    hand.tgid = tgid;
    hand.task = task;
    hand.turn = turn::current();
    hand.plain = u8::from(u32::from(conn.work) & TASKS != 0 && task == 0);
    hand.polled = polled as u8;
    if head.traits & traits::STRANGE == 0 {
        scan_head(head);
        content_length(head);
    }
    // What follows the head must be its body: a second request is in hand as well.
    let rest = len.wrapping_sub(head.end);
    if head.end == 0
        || head.traits & (traits::STRANGE | traits::AMBIGUOUS | traits::OTHER) != 0
        || rest != 0 && (head.traits & traits::CODED != 0 || rest > head.content)
    {
        hand.unclear = 1;
    }
    conn.reader = tid;
    i32::from(hand.unclear == 0 && head.context != 0)
}

/// Makes room for what a thread has in hand. A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn new_hand(tid: u32) -> i32 {
    const EMPTY: Hand = Hand {
        read_ns: 0,
        distrusted_until_ns: 0,
        trace: [0; 32],
        flags: [0; 2],
        has_trace: 0,
        unclear: 0,
        open: 0,
        tgid: 0,
        task: 0,
        turn: 0,
        plain: 0,
        polled: 0,
        padding: [0; 6],
    };
    let _ = HANDS.insert(tid, EMPTY, u64::from(BPF_ANY));
    0
}

/// The answer to the last request of a connection has begun. A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn answer_begun(conn: *mut Conn, tgid: u32, tid: u32) -> i32 {
    // SAFETY: as in `request_read`.
    let Some(conn) = (unsafe { conn.as_mut() }) else { return 0 };
    if conn.reader != 0 && conn.reader != tid {
        // SAFETY: a helper without arguments.
        let until_ns = unsafe { bpf_ktime_get_ns() } + HANDOVER_NS;
        if let Some(server) = SERVERS.get_ptr_mut(tgid) {
            // SAFETY: a live map value. That of a process which is never believed stays.
            unsafe { (*server).until_ns = (*server).until_ns.max(until_ns) };
        } else {
            let _ = SERVERS.insert(tgid, Server { until_ns, ..Server::NEW }, u64::from(BPF_ANY));
        }
    }
    let_go(conn);
    0
}

/// Nobody waits for an answer on this connection any more. Unix sockets tell it in this way alone.
#[inline(always)]
pub(crate) fn gone(conn: &mut Conn) {
    if conn.reader != 0 {
        let_go(conn);
    }
}

#[inline(always)]
fn let_go(conn: &mut Conn) {
    if let Some(hand) = HANDS.get_ptr_mut(conn.reader) {
        // SAFETY: a live map value; a lost race makes the thread less believed, not more.
        unsafe { (*hand).open = (*hand).open.saturating_sub(1) };
    }
    if let Some(server) = SERVERS.get_ptr_mut(conn.server) {
        // SAFETY: as above.
        unsafe { (*server).open = (*server).open.saturating_sub(1) };
    }
    conn.reader = 0;
}

/// The trace that a call of this thread belongs to: 1 where that is certain, and then it is in `cause`. A global function: see
/// `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
pub(super) extern "C" fn find_cause(cause: *mut Cause, tgid: u32, tid: u32, task: u32, turn: u32) -> i32 {
    // SAFETY: as in `request_read`.
    let Some(cause) = (unsafe { cause.as_mut() }) else { return 0 };
    let serving = SERVERS.get_ptr(tgid).is_some();
    if serving {
        return in_hand(cause, tgid, (u64::from(task) << 32) | u64::from(tid), u64::MAX, turn);
    }
    // SAFETY: a copy is taken at once.
    if let Some(origin) = unsafe { ORIGINS.get(tgid) }.copied()
        && origin.own_program != 0
        && SERVERS.get_ptr(origin.tgid).is_some()
    {
        let task_and_tid = (u64::from(origin.task) << 32) | u64::from(origin.tid);
        // All that this process does is for one request.
        cause.shared = 0;
        return in_hand(cause, origin.tgid, task_and_tid, origin.time_ns, 0);
    }
    id::trace(&mut cause.trace);
    cause.flags = *b"01";
    1
}

/// As [`find_cause`], for what thread `tid` has in hand since `before_ns` or earlier.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn in_hand(cause: *mut Cause, tgid: u32, task_and_tid: u64, before_ns: u64, turn: u32) -> i32 {
    // SAFETY: as in `request_read`.
    let Some(cause) = (unsafe { cause.as_mut() }) else { return 0 };
    let (tid, task) = (task_and_tid as u32, (task_and_tid >> 32) as u32);
    // SAFETY: a helper without arguments.
    let now_ns = unsafe { bpf_ktime_get_ns() };
    // SAFETY: copies are taken at once.
    let (server, hand) =
        unsafe { (SERVERS.get(tgid).copied().unwrap_or(Server::NEW), HANDS.get_ptr_mut(tid)) };
    let Some(hand) = hand else { return 0 };
    // SAFETY: a live map value, written by its own thread and by those that answer for it.
    let hand = unsafe { &mut *hand };
    let age_ns = now_ns.wrapping_sub(hand.read_ns);
    let same = if hand.polled == 0 {
        hand.plain != 0 || hand.task == task
    } else {
        task != 0 && hand.task == task || turn != 0 && hand.turn == turn
    };
    if hand.tgid != tgid
        || !same
        || hand.open != 1
        || hand.unclear != 0
        || now_ns < hand.distrusted_until_ns
        || now_ns < server.until_ns
        || cause.shared != 0 && server.open != 1
        || hand.read_ns > before_ns
        || age_ns > FORGET_NS
    {
        return 0;
    }
    if hand.has_trace == 0 {
        if age_ns > MAX_NEW_TRACE_AGE_NS {
            return 0;
        }
        id::trace(&mut hand.trace);
        hand.has_trace = 1;
    }
    cause.trace = hand.trace;
    cause.flags = hand.flags;
    1
}
