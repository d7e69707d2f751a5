//! The first message on a connection, and the line that is inserted into it; the messages of a connection by HTTP/2.

use aya_ebpf::{
    bindings::sk_msg_md,
    helpers::{
        bpf_get_current_pid_tgid,
        generated::{bpf_msg_pop_data, bpf_msg_pull_data, bpf_msg_push_data},
    },
    macros::sk_msg,
    programs::SkMsgContext,
};
use tracer_common::propagation::{
    FIELD_START, FIELD_VALUE_AT, LINE, MAX_HEAD, Outcome, VALUE, VALUE_AT, streams as wanted, switch,
};

use super::{
    cause::Cause,
    head::{Head, scan_head, traits},
    line::{Line, Sender, line},
    peer,
    streams::{self, Place},
};
use crate::{
    conn::{self, Conn, SENT, mode, stage},
    globals::config,
    maps::{OUTCOMES, SWITCH, switch_state, written_streams},
    prefilter::{Start, classify},
    sockets::ADRIFT,
};

/// `SK_PASS` (include/uapi/linux/bpf.h): the message is sent. Never anything else.
const PASS: u32 = 1;
/// The line is inserted within these bytes: see `line::ROOM`.
const MAX_REQUEST_LINE: u32 = 4000;
/// Messages up to this length are made one piece again, so that they leave in one segment where they would have.
const ONE_PIECE: u32 = 16 << 10;

/// Counts what became of a first message, or of a request.
#[inline(always)]
pub(super) fn count(outcome: Outcome) {
    if let Some(cell) = OUTCOMES.get_ptr_mut(outcome as u32) {
        // SAFETY: an array element is always valid. The program may be preempted on its CPU: hence atomic.
        unsafe { crate::atomic::increment(cell) };
    }
}

#[sk_msg]
pub(crate) fn write_context(ctx: SkMsgContext) -> u32 {
    // SAFETY: the program's context.
    if let Some(outcome) = unsafe { message(ctx.msg) } {
        count(outcome);
    }
    PASS
}

/// Returns what became of the message, `None` if nothing was to be done.
#[inline(always)]
unsafe fn message(msg: *mut sk_msg_md) -> Option<Outcome> {
    // SAFETY: the context's field.
    let sk = unsafe { (&raw const (*msg).__bindgen_anon_3.sk).read_volatile() };
    // SAFETY: the context's socket.
    let conn = unsafe { conn::of_socket(sk.cast::<u8>().cast_const(), false) }?;
    let before = conn.stage;
    if before != stage::AWAITED && before != stage::FOLLOWED {
        return None;
    }
    conn.stage = stage::SPENT;
    let pid_tgid = bpf_get_current_pid_tgid();
    let (tgid, tid) = ((pid_tgid >> 32) as u32, pid_tgid as u32);
    let state = switch_state();
    let testing = state == switch::TEST && SWITCH.get(1).copied() == Some(tgid);
    if !testing && (state != switch::ON || tgid == config!(self_tgid)) {
        return None;
    }
    let sender = Sender { tgid, tid, testing };
    if before == stage::AWAITED {
        // SAFETY: the context.
        let outcome = unsafe { first_message(msg, conn, sender) };
        if conn.stage != stage::FOLLOWED {
            return Some(outcome);
        }
    }
    // SAFETY: the context and its socket.
    match unsafe { streams::follow(msg, sk.cast()) } {
        Err(outcome) => {
            conn.stage = stage::SPENT;
            Some(outcome)
        }
        Ok(request) => {
            let more = written_streams() == wanted::EVERY || request.len == 0;
            conn.stage = if more { stage::FOLLOWED } else { stage::SPENT };
            if request.len == 0 {
                return None;
            }
            // SAFETY: the context; the place is one in the message.
            Some(unsafe { opened(msg, conn, sender, request) })
        }
    }
}

/// Returns what became of the first message on a connection. One that begins HTTP/2 is followed from here on.
#[inline(always)]
unsafe fn first_message(msg: *mut sk_msg_md, conn: &mut Conn, sender: Sender) -> Outcome {
    // SAFETY: the context's fields.
    let (sk, size) = unsafe { ((&raw const (*msg).__bindgen_anon_3.sk).read_volatile(), (*msg).size) };
    // SAFETY: the helper moves no byte where they are in one piece, as they mostly are; a failure leaves them as they were.
    let (start, end) = unsafe {
        bpf_msg_pull_data(msg, 0, if size > MAX_HEAD { MAX_HEAD } else { size }, 0);
        bounds(msg)
    };
    if start + 16 > end {
        return Outcome::HeadNotWhole;
    }
    // SAFETY: checked above.
    let prefix = unsafe { (start as *const u64).read_unaligned() };
    // CONNECT names no resource but a tunnel.
    if prefix == u64::from_le_bytes(*b"CONNECT ") {
        return Outcome::NotARequest;
    }
    let begins = classify(prefix, 8) as u32;
    if begins == Start::Preface as u32 && written_streams() != wanted::NONE {
        // SAFETY: the context's socket.
        unsafe { streams::begin(sk.cast(), conn) };
        return Outcome::NoMemory;
    }
    if begins != Start::Request as u32 {
        // SAFETY: the context's socket.
        unsafe { peer::avoid(sk.cast()) };
        return Outcome::NotARequest;
    }
    let mut head = Head::new(start as u64, (end - start) as u32, false);
    scan_head(&raw mut head);
    if head.traits & traits::STRANGE != 0 || head.first_line > MAX_REQUEST_LINE {
        return Outcome::StrangeHead;
    }
    if head.context != 0 || head.traits & (traits::AMBIGUOUS | traits::STATE | traits::OTHER) != 0 {
        return Outcome::HasContext;
    }
    if head.end == 0 || head.first_line == 0 {
        return Outcome::HeadNotWhole;
    }
    if !sender.testing && conn.bytes[SENT] != 0 {
        return Outcome::NotTraced;
    }
    let mut cause = Cause::new(false);
    // SAFETY: the context's socket.
    let line = match unsafe { line(sk.cast(), conn, sender, &mut cause, 0, 0) } {
        Ok(line) => line,
        Err(outcome) => return outcome,
    };
    compose(line, &cause);
    // SAFETY: the context; the offset is within the message.
    unsafe { insert(msg, head.first_line, line, conn) }
}

/// Returns what became of a request of HTTP/2.
#[inline(always)]
unsafe fn opened(msg: *mut sk_msg_md, conn: &mut Conn, sender: Sender, request: Place) -> Outcome {
    // SAFETY: the context's field.
    let sk = unsafe { (&raw const (*msg).__bindgen_anon_3.sk).read_volatile() };
    // (The self-test is made before anything else is attached, so that nothing takes note of what was written.)
    if conn.written != 0 && !sender.testing {
        return Outcome::Together;
    }
    if !request.has_room() {
        return Outcome::StrangeHead;
    }
    if conn.mode == mode::HTTP2 && conn.frame[SENT] == ADRIFT {
        return Outcome::NotTraced;
    }
    let mut cause = Cause::new(true);
    // SAFETY: the context's socket.
    let line = match unsafe { line(sk.cast(), conn, sender, &mut cause, request.at, request.end()) } {
        Ok(line) => line,
        Err(outcome) => return outcome,
    };
    #[expect(clippy::needless_range_loop, reason = "there is no memcpy in a kernel program")]
    for at in 0..FIELD_VALUE_AT {
        line.text[at] = FIELD_START[at];
    }
    cause.write::<FIELD_VALUE_AT>(&mut line.text);
    // SAFETY: the context; the place is one in the message.
    unsafe { streams::insert(msg, request, line, conn) }
}

/// As [`bounds`], of the bytes from one offset of the message to another, which are made one piece if they are not. `None` where
/// that is not possible: without this, the bounds would be those of before.
#[inline(always)]
pub(super) unsafe fn reach(msg: *mut sk_msg_md, from: u32, to: u32) -> Option<(usize, usize)> {
    // SAFETY: the context.
    unsafe { if bpf_msg_pull_data(msg, from, to, 0) == 0 { Some(bounds(msg)) } else { None } }
}

/// Start and end of the bytes that can be reached.
#[inline(always)]
unsafe fn bounds(msg: *mut sk_msg_md) -> (usize, usize) {
    // SAFETY: the context's fields.
    unsafe {
        (
            (&raw const (*msg).__bindgen_anon_1.data).read_volatile() as usize,
            (&raw const (*msg).__bindgen_anon_2.data_end).read_volatile() as usize,
        )
    }
}

#[inline(always)]
fn compose(line: &mut Line, cause: &Cause) {
    let name = *b"traceparent: ";
    #[expect(clippy::manual_memcpy, reason = "there is no memcpy in a kernel program")]
    for at in 0..name.len() {
        line.text[at] = name[at];
    }
    cause.write::<VALUE_AT>(&mut line.text);
    line.text[VALUE_AT + VALUE] = b'\r';
    line.text[VALUE_AT + VALUE + 1] = b'\n';
}

/// Inserts the line at `at`.
///
/// # Safety
/// `at` must be an offset within the message.
#[inline(always)]
unsafe fn insert(msg: *mut sk_msg_md, at: u32, line: &Line, conn: &mut Conn) -> Outcome {
    // SAFETY: the context. The helper either inserts or leaves the message as it was.
    if unsafe { bpf_msg_push_data(msg, at, LINE as u32, 0) } != 0 {
        return Outcome::NoMemory;
    }
    // What was inserted is a piece of its own, so this moves nothing and cannot fail for lack of memory.
    // SAFETY: the context.
    let (start, end) = unsafe { reach(msg, at, at + LINE as u32) }.unwrap_or((0, 0));
    if start + LINE > end {
        // SAFETY: the context; takes out what was inserted.
        unsafe { bpf_msg_pop_data(msg, at, LINE as u32, 0) };
        return Outcome::NoMemory;
    }
    for index in 0..LINE {
        // SAFETY: checked above.
        unsafe { (start as *mut u8).add(index).write(line.text[index]) };
    }
    conn.written = LINE as u8;
    // SAFETY: the context.
    unsafe { in_one_piece(msg) };
    Outcome::Written
}

/// Pieces are sent one by one. In one piece again, the message leaves in one segment where it would have; if that fails,
/// it leaves in three.
#[inline(always)]
pub(super) unsafe fn in_one_piece(msg: *mut sk_msg_md) {
    // SAFETY: the context.
    unsafe {
        let size = (&raw const (*msg).size).read_volatile();
        bpf_msg_pull_data(msg, 0, if size > ONE_PIECE { ONE_PIECE } else { size }, 0);
    }
}
