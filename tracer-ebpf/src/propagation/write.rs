//! The first message on a connection, and the line that is inserted into it; the messages of a connection by HTTP/2.

use aya_ebpf::{
    bindings::{BPF_SK_STORAGE_GET_F_CREATE, sk_msg_md},
    helpers::{
        bpf_get_current_pid_tgid,
        generated::{
            bpf_msg_pop_data, bpf_msg_pull_data, bpf_msg_push_data, bpf_sk_storage_get, bpf_skc_to_tcp_sock,
        },
    },
    macros::sk_msg,
    programs::SkMsgContext,
};
use tracer_common::{
    event::{Kind, Written},
    process::{INCLUDED, TASKS},
    propagation::{
        FIELD, FIELD_START, FIELD_VALUE_AT, LINE, MAX_HEAD, Outcome, VALUE, VALUE_AT, streams as wanted,
        switch,
    },
};

use super::{
    cause::{Cause, find_cause},
    head::{Head, scan_head, traits},
    peer,
    streams::{self, Place},
};
use crate::{
    conn::{self, Conn, SENT, mode, stage},
    emit::{self, Urgency},
    globals::{config, offset},
    kernel_read::field,
    maps::{LINES, OUTCOMES, PROCESSES, SWITCH, switch_state, written_streams},
    prefilter::{Start, classify},
    sockets::{ADRIFT, allowed},
    syscall,
    task::current_task,
    turn,
};

/// `SK_PASS` (include/uapi/linux/bpf.h): the message is sent. Never anything else.
const PASS: u32 = 1;
/// Room that the socket must have to send in, bytes: that of a head in segments of the smallest size (536 bytes, RFC 9293
/// section 3.7.1), each with the kernel's bookkeeping. A message that is cut short within the inserted line would make the
/// application send the wrong rest.
const ROOM: u32 = 32 << 10;
/// The line is inserted within these bytes, for the same reason.
const MAX_REQUEST_LINE: u32 = 4000;
/// Messages up to this length are made one piece again, so that they leave in one segment where they would have.
const ONE_PIECE: u32 = 16 << 10;

/// The line or field that was written on a socket, until the call's record is made.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Line {
    pub(super) text: [u8; LINE],
    padding: [u8; 2],
    /// Position of the request's first byte.
    position: u32,
}

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

/// Who sends the message.
#[derive(Clone, Copy)]
struct Sender {
    tgid: u32,
    tid: u32,
    /// It is the self-test.
    testing: bool,
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
    #[expect(clippy::manual_memcpy, reason = "there is no memcpy in a kernel program")]
    for at in 0..FIELD_VALUE_AT {
        line.text[at] = FIELD_START[at];
    }
    cause.write::<FIELD_VALUE_AT>(&mut line.text);
    // SAFETY: the context; the place is one in the message.
    unsafe { streams::insert(msg, request, line, conn) }
}

/// Where the line for a request goes that begins at an offset of a message: if its trace, which is then in `cause`, is certain and
/// the daemon will make a span of it, and `ahead` bytes of the message and what waits in front of them can be sent at once.
#[inline(always)]
unsafe fn line(
    sk: *mut core::ffi::c_void,
    conn: &mut Conn,
    Sender { tgid, tid, testing }: Sender,
    cause: &mut Cause,
    at: u32,
    ahead: u32,
) -> Result<&'static mut Line, Outcome> {
    let (mut task, mut turn) = (0, 0);
    if !testing {
        if !will_be_a_span(conn, tgid, tid) {
            return Err(Outcome::NotTraced);
        }
        if u32::from(conn.work) & TASKS != 0 {
            task = current_task(tgid);
        }
        turn = turn::of_connect(conn, tid);
    }
    // SAFETY: the context's socket.
    let Some(start) = (unsafe { start(sk.cast::<u8>().cast_const(), ahead) }) else {
        return Err(Outcome::SocketBusy);
    };
    if find_cause(cause, tgid, tid, task, turn) != 1 {
        return Err(Outcome::TraceUnknown);
    }
    // SAFETY: the context's socket; the helper returns null or a value that lives as long as the socket.
    let line = unsafe {
        bpf_sk_storage_get(
            (&raw const LINES).cast_mut().cast(),
            sk,
            core::ptr::null_mut(),
            u64::from(BPF_SK_STORAGE_GET_F_CREATE),
        )
        .cast::<Line>()
        .as_mut()
    };
    let Some(line) = line else { return Err(Outcome::NoMemory) };
    line.position = start.wrapping_add(at);
    Ok(line)
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

/// Whether the daemon will see the request and make a span of it.
#[inline(always)]
fn will_be_a_span(conn: &mut Conn, tgid: u32, tid: u32) -> bool {
    if !allowed(conn, tgid) {
        return false;
    }
    if config!(only_included) != 0 {
        // SAFETY: a copy is taken at once.
        let known = unsafe { PROCESSES.get(tgid) }.copied().unwrap_or(0);
        if known & INCLUDED == 0 {
            return false;
        }
    }
    syscall::buffers(tid).kind as u32 != syscall::Kind::Unseen as u32
}

/// Position of a message's first byte, if a head can be sent at once: nothing waits to be sent, or of HTTP/2 no more than leaves
/// room for the `ahead` bytes of the message that must not be cut off.
#[inline(always)]
unsafe fn start(sk: *const u8, ahead: u32) -> Option<u32> {
    // SAFETY: the helper returns null or the same socket with its full type; the offsets are those of these fields.
    unsafe {
        let stream = bpf_skc_to_tcp_sock(sk.cast_mut().cast()).cast::<u8>().cast_const();
        if stream.is_null() {
            return None;
        }
        let (start, room) =
            (field::<u32>(stream, offset!(write_seq)), field::<u32>(stream, offset!(send_buffer)));
        let fits = if ahead == 0 {
            start == field::<u32>(stream, offset!(snd_una))
        } else {
            field::<u32>(stream, offset!(queued)).saturating_add(2 * ahead) <= room.saturating_sub(ROOM / 2)
        };
        (fits && room >= ROOM).then_some(start)
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

/// Bytes that were inserted into what the current call sent; a record tells of them. The caller clears `Conn::written` once the call's records are made.
#[inline(always)]
pub(crate) fn take_written(conn: &mut Conn, sk: *const u8, tgid: u32) -> u32 {
    let added = u32::from(conn.written);
    if added == 0 {
        return 0;
    }
    // SAFETY: as for `conn::of_socket`.
    let line = unsafe {
        bpf_sk_storage_get(
            (&raw const LINES).cast_mut().cast(),
            sk.cast_mut().cast(),
            core::ptr::null_mut(),
            0,
        )
        .cast::<Line>()
        .as_ref()
    };
    let Some(line) = line else { return 0 };
    if conn.mode == mode::HTTP2 {
        conn.budget[SENT] = line.position;
    }
    let header = emit::header(Kind::Written, tgid, conn.id);
    let value_at = if added == FIELD as u32 { FIELD_VALUE_AT } else { VALUE_AT };
    emit::record::<Written>(Urgency::Timer, |slot| {
        // SAFETY: `slot` is a reserved `Written`.
        unsafe {
            (*slot).header = header;
            (*slot).position = line.position;
            (*slot).added = added;
            let value = (&raw mut (*slot).value).cast::<u8>();
            for at in 0..VALUE {
                value.add(at).write(line.text[value_at + at]);
            }
            (*slot).reserved = 0;
        }
    });
    added
}
