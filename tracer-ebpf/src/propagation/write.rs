//! The first message on a connection, and the line that is inserted into it.

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
    propagation::{LINE, MAX_HEAD, Outcome, VALUE, VALUE_AT, switch},
};

use super::{
    cause::{Cause, find_cause},
    head::{Head, scan_head, traits},
    id, peer,
};
use crate::{
    conn::{self, Conn, SENT, stage},
    emit::{self, Urgency},
    globals::{config, offset},
    kernel_read::field,
    maps::{LINES, OUTCOMES, PROCESSES, SWITCH, switch_state},
    prefilter::{Start, classify},
    sockets::allowed,
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

/// The line that was written on a socket, until the call's record is made.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Line {
    text: [u8; LINE],
    padding: [u8; 2],
}

/// Counts what became of a first message.
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
    if let Some(outcome) = unsafe { first_message(ctx.msg) } {
        count(outcome);
    }
    PASS
}

/// Returns what became of the message, `None` if it is not the first one.
#[inline(always)]
unsafe fn first_message(msg: *mut sk_msg_md) -> Option<Outcome> {
    // SAFETY: the context's fields.
    let (sk, size) = unsafe { ((&raw const (*msg).__bindgen_anon_3.sk).read_volatile(), (*msg).size) };
    // SAFETY: the context's socket.
    let conn = unsafe { conn::of_socket(sk.cast::<u8>().cast_const(), false) }?;
    if conn.stage != stage::AWAITED {
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
    // SAFETY: the helper moves no byte where they are in one piece, as they mostly are; a failure leaves them as they were.
    let (start, end) = unsafe {
        bpf_msg_pull_data(msg, 0, if size > MAX_HEAD { MAX_HEAD } else { size }, 0);
        bounds(msg)
    };
    if start + 16 > end {
        return Some(Outcome::HeadNotWhole);
    }
    // SAFETY: checked above.
    let prefix = unsafe { (start as *const u64).read_unaligned() };
    // CONNECT names no resource but a tunnel.
    if prefix == u64::from_le_bytes(*b"CONNECT ") {
        return Some(Outcome::NotARequest);
    }
    if classify(prefix, 8) as u32 != Start::Request as u32 {
        // SAFETY: the context's socket.
        unsafe { peer::avoid(sk.cast()) };
        return Some(Outcome::NotARequest);
    }
    let mut head = Head::new(start as u64, (end - start) as u32, false);
    scan_head(&raw mut head);
    if head.traits & traits::STRANGE != 0 || head.first_line > MAX_REQUEST_LINE {
        return Some(Outcome::StrangeHead);
    }
    if head.context != 0 || head.traits & (traits::AMBIGUOUS | traits::STATE | traits::OTHER) != 0 {
        return Some(Outcome::HasContext);
    }
    if head.end == 0 || head.first_line == 0 {
        return Some(Outcome::HeadNotWhole);
    }
    let (mut task, mut turn) = (0, 0);
    if !testing {
        if !will_be_a_span(conn, tgid, tid) {
            return Some(Outcome::NotTraced);
        }
        if u32::from(conn.work) & TASKS != 0 {
            task = current_task(tgid);
        }
        turn = turn::of_connect(conn, tid);
    }
    // SAFETY: the context's socket.
    if !unsafe { has_room(sk.cast::<u8>().cast_const()) } {
        return Some(Outcome::SocketBusy);
    }
    let mut cause = Cause { trace: [0; 32], flags: [0; 2], padding: [0; 6] };
    if find_cause(&raw mut cause, tgid, tid, task, turn) != 1 {
        return Some(Outcome::TraceUnknown);
    }
    // SAFETY: the context's socket; the helper returns null or a value that lives as long as the socket.
    let line = unsafe {
        bpf_sk_storage_get(
            (&raw const LINES).cast_mut().cast(),
            sk.cast(),
            core::ptr::null_mut(),
            u64::from(BPF_SK_STORAGE_GET_F_CREATE),
        )
        .cast::<Line>()
        .as_mut()
    };
    let Some(line) = line else { return Some(Outcome::NoMemory) };
    compose(line, &cause);
    // SAFETY: the context; the offset is within the message.
    unsafe { Some(insert(msg, head.first_line, line, conn)) }
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
    if !allowed(conn, tgid) || conn.bytes[SENT] != 0 {
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

/// Whether nothing waits to be sent and a head fits.
#[inline(always)]
unsafe fn has_room(sk: *const u8) -> bool {
    // SAFETY: the helper returns null or the same socket with its full type; the offsets are those of these fields.
    unsafe {
        let stream = bpf_skc_to_tcp_sock(sk.cast_mut().cast()).cast::<u8>().cast_const();
        !stream.is_null()
            && field::<u32>(stream, offset!(write_seq)) == field::<u32>(stream, offset!(snd_una))
            && field::<u32>(stream, offset!(send_buffer)) >= ROOM
    }
}

#[inline(always)]
fn compose(line: &mut Line, cause: &Cause) {
    let text = &mut line.text;
    let name = *b"traceparent: 00-";
    #[expect(clippy::manual_memcpy, reason = "there is no memcpy in a kernel program")]
    for at in 0..name.len() {
        text[at] = name[at];
    }
    #[expect(clippy::manual_memcpy, reason = "there is no memcpy in a kernel program")]
    for at in 0..32 {
        text[16 + at] = cause.trace[at];
    }
    text[48] = b'-';
    id::span(text, 49);
    text[65] = b'-';
    text[66] = cause.flags[0];
    text[67] = cause.flags[1];
    text[68] = b'\r';
    text[69] = b'\n';
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
    let (start, end) = unsafe {
        bpf_msg_pull_data(msg, at, at + LINE as u32, 0);
        bounds(msg)
    };
    if start + LINE > end {
        // SAFETY: the context; takes out what was inserted.
        unsafe { bpf_msg_pop_data(msg, at, LINE as u32, 0) };
        return Outcome::NoMemory;
    }
    for index in 0..LINE {
        // SAFETY: checked above.
        unsafe { (start as *mut u8).add(index).write(line.text[index]) };
    }
    conn.written = 1;
    // Pieces are sent one by one. In one piece again, the message leaves in one segment where it would have; if that fails,
    // it leaves in three.
    // SAFETY: the context.
    unsafe {
        let size = (&raw const (*msg).size).read_volatile();
        bpf_msg_pull_data(msg, 0, if size > ONE_PIECE { ONE_PIECE } else { size }, 0);
    }
    Outcome::Written
}

/// Bytes that were inserted into what the current call sent; a record tells of them. `behind` is the position behind the
/// call's last byte, `len` the number of bytes that the application sent.
#[inline(always)]
pub(crate) fn take_written(conn: &mut Conn, sk: *const u8, tgid: u32, behind: u32, len: u32) -> u32 {
    if conn.written == 0 {
        return 0;
    }
    conn.written = 0;
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
    let header = emit::header(Kind::Written, tgid, conn.id);
    emit::record::<Written>(Urgency::Timer, |slot| {
        // SAFETY: `slot` is a reserved `Written`.
        unsafe {
            (*slot).header = header;
            (*slot).position = behind.wrapping_sub(len).wrapping_sub(LINE as u32);
            (*slot).added = LINE as u32;
            let value = (&raw mut (*slot).value).cast::<u8>();
            for at in 0..VALUE {
                value.add(at).write(line.text[VALUE_AT + at]);
            }
            (*slot).reserved = 0;
        }
    });
    LINE as u32
}
