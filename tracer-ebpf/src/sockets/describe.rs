//! `Open` records: who the two ends of a socket are.

use tracer_common::{
    event::{Kind, Open, open_flags},
    limits::MAX_UNIX_PATH,
};

use crate::{
    conn::{self, Conn},
    emit::{self, Urgency},
    globals::offset,
    kernel_read::{field, probe},
};

/// Address families (include/linux/socket.h).
pub(crate) const AF_UNIX: u16 = 1;
/// See [`AF_UNIX`].
pub(crate) const AF_INET: u16 = 2;
/// See [`AF_UNIX`].
pub(crate) const AF_INET6: u16 = 10;

/// Emits the `Open` record of a connection that is traced.
///
/// # Safety
/// `sk` must be a BTF-typed `struct sock` of address family `family`.
#[inline(never)]
pub(crate) unsafe fn open(sk: *const u8, family: u16, tgid: u32, conn: &Conn) {
    // SAFETY: passed on.
    unsafe { describe(sk, family, tgid, conn.id, 0) };
}

/// Emits the `Open` record of one of the daemon's own sockets.
///
/// # Safety
/// As for [`open`].
#[inline(never)]
pub(crate) unsafe fn own(sk: *const u8, family: u16, tgid: u32, conn: &mut Conn) {
    conn.id = conn::next_id();
    // SAFETY: passed on.
    unsafe { describe(sk, family, tgid, conn.id, open_flags::OWN) };
}

#[inline(always)]
unsafe fn describe(sk: *const u8, family: u16, tgid: u32, conn: u64, flags: u16) {
    emit::record::<Open>(Urgency::Timer, |slot| {
        // SAFETY: `slot` is a reserved `Open`; `sk` is BTF-typed and the offsets are those of its fields.
        unsafe {
            let mut header = emit::header(Kind::Open, tgid, conn);
            header.flags = flags;
            (*slot).header = header;
            (*slot).socket = sk as u64;
            (*slot).peer_socket = 0;
            (*slot).family = family;
            (*slot).path_len = 0;
            (*slot).local_port = field::<u16>(sk, offset!(local_port));
            (*slot).peer_port = u16::from_be(field::<u16>(sk, offset!(peer_port)));
            (*slot).net = probe::<u64>(sk as u64, offset!(net))
                .and_then(|net| probe::<u32>(net, offset!(net_inum)))
                .unwrap_or(0);
            let (local, peer) = addresses(sk, family);
            (*slot).local = local;
            (*slot).peer = peer;
            if family == AF_UNIX {
                (*slot).local_port = 0;
                (*slot).peer_port = 0;
                unix(sk as u64, slot);
            }
        }
    });
}

#[inline(always)]
unsafe fn addresses(sk: *const u8, family: u16) -> ([u8; 16], [u8; 16]) {
    let mut local = [0u8; 16];
    let mut peer = [0u8; 16];
    if family == AF_INET6 {
        local = probe(sk as u64, offset!(local_v6)).unwrap_or([0; 16]);
        peer = probe(sk as u64, offset!(peer_v6)).unwrap_or([0; 16]);
    } else if family == AF_INET {
        let l: [u8; 4] = probe(sk as u64, offset!(local_v4)).unwrap_or([0; 4]);
        let p: [u8; 4] = probe(sk as u64, offset!(peer_v4)).unwrap_or([0; 4]);
        local[..4].copy_from_slice(&l);
        peer[..4].copy_from_slice(&p);
    }
    (local, peer)
}

/// The accepted socket carries the listener's address, the connecting one mostly none: then the peer's is taken.
#[inline(always)]
unsafe fn unix(sk: u64, slot: *mut Open) {
    let peer = probe::<u64>(sk, offset!(unix_peer)).unwrap_or(0);
    let mut address = probe::<u64>(sk, offset!(unix_addr)).unwrap_or(0);
    if address == 0 && peer != 0 {
        address = probe::<u64>(peer, offset!(unix_addr)).unwrap_or(0);
    }
    // SAFETY: `slot` is a reserved `Open`.
    unsafe {
        (*slot).peer_socket = peer;
        if address == 0 {
            return;
        }
        // sockaddr_un: two bytes of family, then the path (unix(7)).
        let len = probe::<u32>(address, offset!(unix_addr_len)).unwrap_or(0).saturating_sub(2);
        let len = if len > MAX_UNIX_PATH as u32 { MAX_UNIX_PATH as u32 } else { len };
        if let Some(path) = probe::<Path>(address, offset!(unix_addr_name) + 2) {
            (*slot).path = path.0;
            (*slot).path_len = len as u16;
        }
    }
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Path([u8; MAX_UNIX_PATH]);

impl Default for Path {
    fn default() -> Self {
        Self([0; MAX_UNIX_PATH])
    }
}
