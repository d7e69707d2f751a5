//! What is written into a request: when it may be, and what is told of it afterwards.

use aya_ebpf::{
    bindings::BPF_SK_STORAGE_GET_F_CREATE,
    helpers::generated::{bpf_sk_storage_get, bpf_skc_to_tcp_sock},
};
use tracer_common::{
    event::{Kind, Written},
    process::{INCLUDED, TASKS},
    propagation::{FIELD, FIELD_VALUE_AT, LINE, Outcome, VALUE, VALUE_AT},
};

use super::cause::{Cause, find_cause};
use crate::{
    conn::{Conn, SENT, mode},
    emit::{self, Urgency},
    globals::{config, offset},
    kernel_read::field,
    maps::{LINES, PROCESSES},
    sockets::allowed,
    syscall,
    task::current_task,
    turn,
};

/// Room that the socket must have to send in, bytes: that of a head in segments of the smallest size (536 bytes, RFC 9293
/// section 3.7.1), each with the kernel's bookkeeping. A message that is cut short within the inserted line would make the
/// application send the wrong rest.
const ROOM: u32 = 32 << 10;

/// The line or field that was written on a socket, until the call's record is made.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Line {
    pub(super) text: [u8; LINE],
    padding: [u8; 2],
    /// Position of the request's first byte.
    position: u32,
}

/// Who sends the message.
#[derive(Clone, Copy)]
pub(super) struct Sender {
    pub(super) tgid: u32,
    pub(super) tid: u32,
    /// It is the self-test.
    pub(super) testing: bool,
}

/// Where the line for a request goes that begins at an offset of a message: if its trace, which is then in `cause`, is certain and
/// the daemon will make a span of it, and `ahead` bytes of the message and what waits in front of them can be sent at once.
#[inline(always)]
pub(super) unsafe fn line(
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
