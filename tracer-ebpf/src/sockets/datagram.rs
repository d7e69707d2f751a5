//! Questions of DNS and their answers over UDP. Of all datagrams, those to port 53 that begin like a question are looked at, and what
//! is read from the same sockets behind them.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use tracer_common::{
    drops::KernelDrop,
    event::flags,
    limits::{MAX_DATAGRAM, MIN_DATAGRAM},
};

use super::{
    describe,
    io::{allowed, data_header},
};
use crate::{
    capture,
    conn::{self, SENT, mode},
    emit,
    globals::{config, offset},
    kernel_read::field,
    syscall,
};

/// `IPPROTO_UDP` (include/uapi/linux/in.h)
pub(super) const UDP: u16 = 17;
/// The port of DNS, network byte order.
const PORT: u16 = 53_u16.to_be();

/// What of a header is the same for all questions: no answer, opcode 0, not truncated, RCODE 0; one question, no records
/// of an answer (RFC 1035, section 4.1.1).
const QUESTION: (u64, u64) = (
    u64::from_le_bytes([0, 0, 0xfa, 0x4f, 0xff, 0xff, 0xff, 0xff]),
    u64::from_le_bytes([0, 0, 0, 0, 0, 1, 0, 0]),
);
/// The same of answers.
const ANSWER: (u64, u64) =
    (u64::from_le_bytes([0, 0, 0xf8, 0, 0xff, 0xff, 0, 0]), u64::from_le_bytes([0, 0, 0x80, 0, 0, 1, 0, 0]));

/// A datagram went through.
///
/// # Safety
/// `sk` must be a BTF-typed pointer to a UDP socket.
#[inline(always)]
pub(super) unsafe fn passed<const WAY: usize>(sk: *const u8, result: i32) {
    // SAFETY: BTF-typed pointer, offset of this very field.
    let port = unsafe { field::<u16>(sk, offset!(peer_port)) };
    if result < MIN_DATAGRAM || port != PORT && port != 0 {
        return;
    }
    // SAFETY: as above.
    if WAY != SENT && unsafe { conn::of_socket(sk, false) }.is_none_or(|conn| conn.mode != mode::DNS) {
        return;
    }
    let pid_tgid = bpf_get_current_pid_tgid();
    let (tgid, tid) = ((pid_tgid >> 32) as u32, pid_tgid as u32);
    let len = result as u32;
    let segment = capture::segment(syscall::buffers(tid), u64::from(len));
    let (prefix, seen) = capture::prefix(&segment);
    let (mask, value) = if WAY == SENT { QUESTION } else { ANSWER };
    if seen != 8 || prefix & mask != value || tgid == config!(self_tgid) {
        return;
    }
    // Whom a socket that is not connected sends to is said by the call.
    let to = if WAY == SENT && port == 0 { syscall::destination() } else { 0 };
    if WAY == SENT && port == 0 && syscall::read_user_words::<1>(to)[0] >> 16 & 0xffff != u64::from(PORT) {
        return;
    }
    // SAFETY: as above.
    let Some(conn) = (unsafe { conn::of_socket(sk, WAY == SENT) }) else {
        emit::count(KernelDrop::NoSocketState);
        return;
    };
    if !allowed(conn, tgid) {
        return;
    }
    conn.mode = mode::DNS;
    if WAY == SENT {
        conn.id();
        describe::open_to(sk, tgid, conn, to);
    }
    let head = data_header::<false>(conn, WAY, (tgid, tid), 0, len, flags::DATAGRAM);
    capture::emit(&head, &segment, u64::from(if len < MAX_DATAGRAM { len } else { MAX_DATAGRAM }));
}
