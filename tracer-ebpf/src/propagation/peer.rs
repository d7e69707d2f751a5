//! Servers that turned out not to speak HTTP, to which connections are not enrolled for a while, and those that speak HTTP/2.

use aya_ebpf::{
    bindings::BPF_ANY,
    helpers::{bpf_ktime_get_ns, generated::bpf_skc_to_tcp_sock},
};

use crate::{
    globals::offset,
    kernel_read::{field, probe_into},
    maps::PEERS,
    sockets::AF_INET6,
};

/// How long, nanoseconds.
const AVOID_NS: u64 = 600_000_000_000;

/// In place of a time: the server speaks HTTP/2, and may begin.
const FRAMES: u64 = 1;

/// Address and port of a server, as the kernel has them.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    address: [u8; 16],
    port: u16,
    family: u16,
    padding: u32,
}

/// The server that a connected socket talks to.
///
/// # Safety
/// `sk` must be a socket pointer of the program's context.
#[inline(always)]
unsafe fn of(sk: *const u8) -> Peer {
    let mut peer = Peer { address: [0; 16], port: 0, family: 0, padding: 0 };
    // SAFETY: the helper returns null or the same socket with its full type; the offsets are those of these fields.
    unsafe {
        let stream = bpf_skc_to_tcp_sock(sk.cast_mut().cast()).cast::<u8>().cast_const();
        if stream.is_null() {
            return peer;
        }
        peer.family = field::<u16>(stream, offset!(family));
        peer.port = field::<u16>(stream, offset!(peer_port));
        if peer.family == AF_INET6 {
            probe_into(&raw mut peer.address, stream as u64, offset!(peer_v6));
        } else {
            probe_into((&raw mut peer.address).cast::<[u8; 4]>(), stream as u64, offset!(peer_v4));
        }
    }
    peer
}

/// Whether the server of a socket is to be avoided.
///
/// # Safety
/// As for [`of`].
#[inline(always)]
pub(super) unsafe fn avoided(sk: *const u8) -> bool {
    // SAFETY: the caller's promise; a copy is taken at once; a helper without arguments.
    unsafe { PEERS.get(of(sk)).copied().is_some_and(|until_ns| bpf_ktime_get_ns() < until_ns) }
}

/// Whether the server of a socket is known to speak HTTP/2.
///
/// # Safety
/// As for [`of`].
#[inline(always)]
pub(super) unsafe fn speaks_frames(sk: *const u8) -> bool {
    // SAFETY: the caller's promise; a copy is taken at once.
    unsafe { PEERS.get(of(sk)).copied() == Some(FRAMES) }
}

/// The server of a socket is asked by HTTP/2.
///
/// # Safety
/// As for [`of`].
#[inline(always)]
pub(super) unsafe fn is_asked_by_frames(sk: *const u8) {
    // SAFETY: the caller's promise.
    let _ = PEERS.insert(unsafe { of(sk) }, FRAMES, u64::from(BPF_ANY));
}

/// The server of a socket does not speak HTTP.
///
/// # Safety
/// As for [`of`].
#[inline(always)]
pub(super) unsafe fn avoid(sk: *const u8) {
    // SAFETY: the caller's promise; a helper without arguments.
    let (peer, until_ns) = unsafe { (of(sk), bpf_ktime_get_ns() + AVOID_NS) };
    let _ = PEERS.insert(peer, until_ns, u64::from(BPF_ANY));
}
