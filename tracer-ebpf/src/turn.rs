//! Turns of a thread: what it does from a read from a socket to the next one, or until it sleeps (`DataHeader::task`).
//!
//! An event loop reads a request, and what it sends before it reads anything else may be for that request. A loop that reads
//! from several sockets before it sends anything may owe them something: while it does, its turns have no number, unless it is
//! known to send at once.
//! A read from a database's socket goes on with the turn that asked, as long as one question at a time is asked there.

use aya_ebpf::{
    bindings::BPF_ANY,
    helpers::{bpf_get_current_pid_tgid, generated::bpf_get_current_task_btf},
};
use tracer_common::process::{TASKS, TURNS as COUNTS_TURNS};

use crate::{
    conn::{Conn, RECEIVED, loops, mode},
    globals::offset,
    kernel_read::field,
    maps::{PROCESSES, TURNS, next_generation},
};

/// The turns of a thread. All zero while it has had none.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Turn {
    /// What it is at; 0 where that is not known.
    current: u32,
    /// The newest number.
    last: u32,
    /// How often the thread had slept at the turn's beginning.
    sleeps: u32,
    /// Reads that nothing was sent for since the thread slept, the current turn's among them.
    owed: u32,
    /// The socket that the current turn read from: [`Conn::id`], cut.
    socket: u32,
    /// 1 while nothing was sent in the current turn.
    silent: u32,
}

/// What a socket is used for.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Question {
    /// The turn in which it was connected, or written to while it did not speak HTTP; 0 if neither was seen.
    pub(crate) turn: u32,
    /// The thread whose turn that is.
    pub(crate) tid: u32,
    /// 1 from the connect to the second write: the first is for the same purpose.
    pub(crate) first: u8,
    /// 1 while no answer was read.
    open: u8,
    /// 1 from the connect to the first write.
    connecting: u8,
    /// 1 once two questions were open at a time: which answer belongs to which cannot be told.
    overlaps: u8,
}

impl Question {
    /// As it is for a socket seen for the first time.
    pub(crate) const NONE: Self = Self { turn: 0, tid: 0, first: 0, open: 0, connecting: 0, overlaps: 0 };
}

/// How often the current thread went to sleep by itself.
#[inline(always)]
fn sleeps() -> u32 {
    // SAFETY: the helper returns the BTF-typed current task; the offset is that of this very field.
    unsafe { field::<u64>(bpf_get_current_task_btf().cast::<u8>().cast_const(), offset!(sleeps)) as u32 }
}

/// The current thread read from a socket: it begins a turn, or goes on with `resumed` if that is not 0. Returns the turn.
///
/// A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn turn_begins(socket: u32, resumed: u32, prompt: u32) -> u32 {
    let sleeps = sleeps();
    let Some(turn) = TURNS.current_or_new() else { return 0 };
    // A loop that sleeps has done what it had to do.
    let before = if turn.sleeps != sleeps || prompt != 0 {
        0
    } else if turn.socket == socket && turn.silent != 0 && turn.owed != 0 {
        turn.owed - 1
    } else {
        turn.owed
    };
    // 0 stands for none.
    turn.last = if turn.last == u32::MAX { 1 } else { turn.last + 1 };
    turn.current = if before != 0 {
        0
    } else if resumed != 0 {
        resumed
    } else {
        turn.last
    };
    turn.sleeps = sleeps;
    turn.owed = before + 1;
    turn.socket = socket;
    turn.silent = 1;
    turn.current
}

/// The turn that the current thread is at, 0 where it is not known. A global function: see `capture`.
#[unsafe(export_name = "turn_current")]
#[inline(never)]
pub(crate) extern "C" fn current() -> u32 {
    match TURNS.current() {
        Some(turn) if turn.sleeps == sleeps() => turn.current,
        _ => 0,
    }
}

/// The turn for which the first bytes on a connection are sent: that in which it was connected, if this thread did, else
/// `now`, the one that it is at.
#[inline(always)]
pub(crate) fn of_first(conn: &Conn, tid: u32, now: u32) -> u32 {
    if connected_by(conn, tid) { conn.question.turn } else { now }
}

/// As [`of_first`], 0 if another thread connected: programs on sockets cannot ask for the current turn before kernel 6.16.
#[inline(always)]
pub(crate) fn of_connect(conn: &Conn, tid: u32) -> u32 {
    if connected_by(conn, tid) { conn.question.turn } else { 0 }
}

#[inline(always)]
fn connected_by(conn: &Conn, tid: u32) -> bool {
    conn.question.tid == tid && conn.question.first != 0
}

/// The current thread connects or sends.
///
/// A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn turn_acts() -> u32 {
    let Some(turn) = TURNS.current() else { return 0 };
    turn.silent = 0;
    if turn.owed != 0 {
        turn.owed -= 1;
    }
    if turn.sleeps == sleeps() { turn.current } else { 0 }
}

/// Bytes went through a socket of a process whose turns are numbered. Sets [`Conn::turn`] to that which the thread is at since.
#[inline(always)]
pub(crate) fn passed<const WAY: usize>(conn: &mut Conn, tid: u32) {
    let (socket, prompt) = (conn.id() as u32, u32::from(conn.loops & loops::PROMPT));
    // What a broker sends need not be an answer: it begins a turn of its own, as HTTP does.
    let other_protocol = conn.mode != mode::HTTP && conn.mode != mode::HTTP2 && !conn.is_symmetric();
    let question = &mut conn.question;
    if WAY == RECEIVED {
        let resumes = other_protocol && question.tid == tid && question.overlaps == 0;
        question.open = 0;
        conn.turn = turn_begins(socket, if resumes { question.turn } else { 0 }, prompt);
        return;
    }
    if question.connecting != 0 {
        question.connecting = 0;
        conn.turn = current();
        return;
    }
    question.first = 0;
    let turn = turn_acts();
    if other_protocol {
        question.overlaps |= u8::from(question.open != 0 && (question.turn != turn || question.tid != tid));
        question.turn = turn;
        question.tid = tid;
        question.open = 1;
    }
    conn.turn = turn;
}

/// The current thread read the end of a stream: a turn of its own, unless that is where the turn's bytes came from. Where answers end with
/// their connection (FastCGI), it is the end of the answer, and goes on with the turn that asked.
#[inline(always)]
pub(crate) fn ends(conn: &Conn, tid: u32) {
    let question = &conn.question;
    if conn.mode == mode::FRAMED && question.tid == tid && question.overlaps == 0 && question.turn != 0 {
        turn_begins(conn.id as u32, question.turn, u32::from(conn.loops & loops::PROMPT));
        return;
    }
    let Some(turn) = TURNS.current() else { return };
    if turn.socket != conn.id as u32 {
        turn.current = 0;
    }
}

/// Whether sockets that this process connects are to be remembered with the turn.
#[inline(always)]
pub(crate) fn counts(tgid: u32) -> bool {
    // SAFETY: a copy is taken at once.
    unsafe { PROCESSES.get(tgid) }.is_some_and(|known| known & (TASKS | COUNTS_TURNS) != 0)
}

/// The current thread connects a socket.
#[inline(always)]
pub(crate) fn connects(conn: &mut Conn) {
    let tid = bpf_get_current_pid_tgid() as u32;
    conn.question.turn = turn_acts();
    conn.question.tid = tid;
    conn.question.first = 1;
    conn.question.open = 1;
    conn.question.connecting = 1;
}

/// The turns of `tgid` are numbered from now on.
#[inline(always)]
pub(crate) fn count_from_now(tgid: u32) {
    // SAFETY: a copy is taken at once.
    let known = unsafe { PROCESSES.get(tgid) }.copied().unwrap_or(0);
    let _ = PROCESSES.insert(tgid, known | COUNTS_TURNS, u64::from(BPF_ANY));
    next_generation();
}
