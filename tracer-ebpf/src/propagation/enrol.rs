//! Which sockets the writing program sees, and until when.

use aya_ebpf::{
    bindings::{
        BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB, BPF_SOCK_OPS_HDR_OPT_LEN_CB,
        BPF_SOCK_OPS_PARSE_ALL_HDR_OPT_CB_FLAG, BPF_SOCK_OPS_PARSE_HDR_OPT_CB,
        BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG, bpf_sock_ops,
    },
    helpers::generated::{
        bpf_get_socket_cookie, bpf_map_delete_elem, bpf_skc_to_tcp_sock, bpf_sock_hash_update,
        bpf_sock_ops_cb_flags_set,
    },
    macros::sock_ops,
    programs::SockOpsContext,
};
use tracer_common::propagation::{Outcome, streams, switch};

use super::{peer, write::count};
use crate::{
    conn::{self, SENT, mode, stage},
    globals::offset,
    kernel_read::field,
    maps::{AWAITED, switch_state, written_streams},
};

/// `BPF_NOEXIST`: a socket is enrolled once.
const NO_EXIST: u64 = 1;
/// The callback that tells of what is sent.
const SENDING: u32 = BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG;
/// The callback that tells of what is received.
const RECEIVING: u32 = BPF_SOCK_OPS_PARSE_ALL_HDR_OPT_CB_FLAG;
/// Those that tell of the first bytes in either direction.
const CALLBACKS: u32 = SENDING | RECEIVING;
/// Of the TCP header: the last segment of what a peer writes carries it.
const PSH: u32 = 0x08;
/// `FIN | RST` of the TCP header.
const ENDS: u32 = 0x01 | 0x04;
/// The longest TCP header (RFC 9293 section 3.1): a longer segment has data.
const MAX_TCP_HEADER: u32 = 60;

#[sock_ops]
pub(crate) fn enrol(ctx: SockOpsContext) -> u32 {
    // SAFETY: the program's context.
    unsafe { follow(ctx.ops) };
    1
}

#[inline(always)]
unsafe fn follow(ops: *mut bpf_sock_ops) {
    // SAFETY: the context's fields. Adjacent ones must be read apart, hence volatile: see kernel_read.
    let op = unsafe { (&raw const (*ops).op).read_volatile() };
    match op {
        // SAFETY: as above.
        BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB => unsafe { connected(ops) },
        BPF_SOCK_OPS_PARSE_HDR_OPT_CB => {
            // SAFETY: as above.
            let (len, flags) = unsafe {
                (
                    (&raw const (*ops).skb_len).read_volatile(),
                    (&raw const (*ops).skb_tcp_flags).read_volatile(),
                )
            };
            let data = len > MAX_TCP_HEADER || flags & PSH != 0;
            if data || flags & ENDS != 0 {
                // SAFETY: as above.
                unsafe { leave(ops, true, data) };
            }
        }
        // SAFETY: as above.
        BPF_SOCK_OPS_HDR_OPT_LEN_CB => unsafe { leave(ops, false, false) },
        _ => {}
    }
}

#[inline(always)]
unsafe fn connected(ops: *mut bpf_sock_ops) {
    if switch_state() == switch::OFF {
        return;
    }
    // SAFETY: the context's field; null is possible.
    let sk = unsafe { (&raw const (*ops).__bindgen_anon_2.sk).read_volatile() };
    if sk.is_null() {
        return;
    }
    // SAFETY: checked above; the helper returns null or the same socket with its full type, the offset is that of the field.
    unsafe {
        let stream = bpf_skc_to_tcp_sock(sk.cast()).cast::<u8>().cast_const();
        if stream.is_null() || field::<u64>(stream, offset!(upper_layer)) != 0 {
            return;
        }
    }
    // SAFETY: a socket pointer that was checked.
    let Some(conn) = (unsafe { conn::of_socket(sk.cast::<u8>().cast_const(), true) }) else {
        count(Outcome::NotEnrolled);
        return;
    };
    // SAFETY: as above.
    if conn.stage != stage::NONE || conn.bytes[SENT] != 0 || unsafe { peer::avoided(sk.cast()) } {
        return;
    }
    // SAFETY: the context; the key is a local.
    let failed = unsafe {
        let mut key = bpf_get_socket_cookie(ops.cast());
        bpf_sock_hash_update(ops, (&raw const AWAITED).cast_mut().cast(), (&raw mut key).cast(), NO_EXIST)
    };
    if failed != 0 {
        count(Outcome::NotEnrolled);
        return;
    }
    conn.stage = stage::AWAITED;
    // SAFETY: the context. Other programs may have asked for callbacks of their own.
    unsafe {
        let flags = (&raw const (*ops).bpf_sock_ops_cb_flags).read_volatile();
        bpf_sock_ops_cb_flags_set(ops, (flags | CALLBACKS) as i32);
    }
}

/// Takes the socket out of the map. `received`: a segment arrived, with `data` in it; without it, one is about to be sent.
#[inline(always)]
unsafe fn leave(ops: *mut bpf_sock_ops, received: bool, data: bool) {
    // SAFETY: the context's field; null is possible.
    let sk = unsafe { (&raw const (*ops).__bindgen_anon_2.sk).read_volatile() };
    if sk.is_null() {
        return;
    }
    // SAFETY: a socket pointer that was checked.
    let Some(conn) = (unsafe { conn::of_socket(sk.cast::<u8>().cast_const(), false) }) else { return };
    let mut over = CALLBACKS;
    match conn.stage {
        stage::NONE => return,
        stage::AWAITED if !received => return,
        // SAFETY: a socket pointer that was checked.
        stage::AWAITED if data && unsafe { peer::speaks_frames(sk.cast()) } => return,
        stage::AWAITED => {
            conn.stage = stage::OVER;
            if data {
                count(Outcome::ServerFirst);
                // SAFETY: as above.
                unsafe { peer::avoid(sk.cast()) };
                if written_streams() != streams::NONE {
                    // What comes next will tell whether that was right.
                    conn.stage = stage::GREETED;
                    over = SENDING;
                }
            }
        }
        stage::GREETED if conn.bytes[SENT] == 0 => return,
        stage::GREETED => {
            conn.stage = stage::OVER;
            if conn.mode == mode::HTTP2 {
                // SAFETY: as above.
                unsafe { peer::is_asked_by_frames(sk.cast()) };
            }
        }
        // SAFETY: the context. What is received tells nothing any more.
        stage::FOLLOWED => return unsafe { no_callbacks(ops, RECEIVING) },
        _ => conn.stage = stage::OVER,
    }
    // SAFETY: the context; the key is a local.
    unsafe {
        let key = bpf_get_socket_cookie(ops.cast());
        bpf_map_delete_elem((&raw const AWAITED).cast_mut().cast(), (&raw const key).cast());
        no_callbacks(ops, over);
    }
}

/// Other programs may have asked for callbacks of their own.
#[inline(always)]
unsafe fn no_callbacks(ops: *mut bpf_sock_ops, over: u32) {
    // SAFETY: the program's context.
    unsafe {
        let flags = (&raw const (*ops).bpf_sock_ops_cb_flags).read_volatile();
        if flags & over != 0 {
            bpf_sock_ops_cb_flags_set(ops, (flags & !over) as i32);
        }
    }
}
