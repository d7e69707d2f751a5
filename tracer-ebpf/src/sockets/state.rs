//! How TCP connections begin and end.

use aya_ebpf::{
    helpers::generated::bpf_skc_to_tcp_sock, macros::btf_tracepoint, programs::BtfTracePointContext,
};
use tracer_common::event::{Close, CloseKind, ConnectKind, Kind, close_flags};

use super::connect;
use crate::{
    conn::{self, RECEIVED, SENT, mode},
    emit::{self, Urgency},
    globals::offset,
    kernel_read::field,
    propagation,
};

/// TCP states (include/net/tcp_states.h).
const ESTABLISHED: i32 = 1;
const SYN_SENT: i32 = 2;
const FIN_WAIT1: i32 = 4;
const CLOSE: i32 = 7;
const CLOSE_WAIT: i32 = 8;
const LAST_ACK: i32 = 9;

// match-proto: include/trace/events/sock.h: inet_sock_set_state(const struct sock *sk, const int oldstate, const int newstate)
#[btf_tracepoint(function = "inet_sock_set_state")]
pub(crate) fn sock_state(ctx: BtfTracePointContext) -> i32 {
    let sk: *const u8 = ctx.arg(0);
    let kind = match ctx.arg::<i32>(2) {
        SYN_SENT => {
            connect::begins(sk);
            return 0;
        }
        ESTABLISHED if ctx.arg::<i32>(1) == SYN_SENT => {
            // SAFETY: the tracepoint's argument.
            unsafe { connect::ends(sk, ConnectKind::Opened) };
            return 0;
        }
        CLOSE if ctx.arg::<i32>(1) == SYN_SENT => {
            // SAFETY: as above.
            unsafe { connect::ends(sk, ConnectKind::Failed) };
            CloseKind::Gone
        }
        FIN_WAIT1 | LAST_ACK => CloseKind::Sent,
        CLOSE_WAIT => CloseKind::Received,
        CLOSE => CloseKind::Gone,
        _ => return 0,
    };
    // SAFETY: the tracepoint's argument.
    let Some(conn) = (unsafe { conn::of_socket(sk, false) }) else { return 0 };
    let reported = conn.opened != 0 || conn.mode == mode::OWN;
    if !reported && conn.tls_id == 0 {
        return 0;
    }
    // SAFETY: as above; the offsets are those of sk_err and sk_socket.
    let (error, orphaned) =
        unsafe { (field::<u32>(sk, offset!(error)), field::<u64>(sk, offset!(socket)) == 0) };
    let orphaned = if orphaned { close_flags::ORPHANED } else { 0 };
    if conn.tls_id != 0 {
        let mut header = emit::header(Kind::Close, 0, conn.tls_id);
        header.detail = kind as u8;
        header.flags = orphaned | close_flags::TLS;
        let close = Close {
            header,
            error,
            sent_number: 0,
            received_number: 0,
            sent_end: 0,
            received_end: 0,
            has_ends: 0,
        };
        // SAFETY: `slot` is a reserved `Close`.
        emit::record::<Close>(Urgency::Timer, |slot| unsafe { *slot = close });
    }
    if !reported {
        return 0;
    }
    // SAFETY: as above; the helper returns null or the same socket with its full type.
    let (sent_end, received_end, has_ends) = unsafe {
        let stream = bpf_skc_to_tcp_sock(sk.cast_mut().cast()).cast::<u8>().cast_const();
        if stream.is_null() {
            (0, 0, 0)
        } else {
            (field::<u32>(stream, offset!(write_seq)), conn::read_position(sk, stream), 1)
        }
    };
    if kind == CloseKind::Gone {
        propagation::gone(conn);
    }
    let mut header = emit::header(Kind::Close, 0, conn.id);
    header.detail = kind as u8;
    header.flags = orphaned;
    let close = Close {
        header,
        error,
        sent_number: conn.number[SENT],
        received_number: conn.number[RECEIVED],
        sent_end,
        received_end,
        has_ends,
    };
    // SAFETY: `slot` is a reserved `Close`.
    emit::record::<Close>(Urgency::Timer, |slot| unsafe { *slot = close });
    0
}
