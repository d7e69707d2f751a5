//! `Open` records: who the two ends of a socket are.

use tracer_common::{
    event::{Kind, Open, open_flags},
    limits::MAX_UNIX_PATH,
};

use crate::{
    conn::Conn,
    emit::{self, Urgency},
    globals::offset,
    kernel_read::{probe, probe_into},
};

/// Address families (include/linux/socket.h).
pub(crate) const AF_UNIX: u16 = 1;
/// See [`AF_UNIX`].
pub(crate) const AF_INET: u16 = 2;
/// See [`AF_UNIX`].
pub(crate) const AF_INET6: u16 = 10;

/// `IPPROTO_TCP` (include/uapi/linux/in.h)
pub(crate) const TCP: u16 = 6;

/// What [`describe_socket`] is to describe.
#[repr(C)]
struct Described {
    /// Address of the socket. A global function takes no socket pointers: it gets a number and reads by `probe`.
    sk: u64,
    /// Connection id.
    conn: u64,
    /// The acting process.
    tgid: u32,
    /// `open_flags`
    flags: u32,
}

/// Emits an `Open` record. A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn describe_socket(described: *const Described) -> i32 {
    // SAFETY: the verifier checks pointers that are handed to global functions; null is possible for it.
    let Some(&Described { sk, conn, tgid, flags }) = (unsafe { described.as_ref() }) else { return 0 };
    emit::record::<Open>(Urgency::Timer, |slot| {
        let family = probe::<u16>(sk, offset!(family));
        // SAFETY: `slot` is a reserved `Open`.
        unsafe {
            let mut header = emit::header(Kind::Open, tgid, conn);
            header.flags = flags as u16;
            (*slot).header = header;
            (*slot).socket = sk;
            (*slot).peer_socket = 0;
            (*slot).family = family;
            (*slot).path_len = 0;
            (*slot).local_port = 0;
            (*slot).peer_port = 0;
            (*slot).net = probe::<u32>(probe::<u64>(sk, offset!(net)), offset!(net_inum));
            if family == AF_UNIX {
                unix(sk, slot);
            } else {
                inet(sk, family, slot);
            }
        }
    });
    0
}

/// Emits the `Open` record of a connection that is traced.
#[inline(always)]
pub(crate) fn open(sk: *const u8, tgid: u32, conn: &Conn) {
    describe_socket(&Described { sk: sk as u64, conn: conn.id, tgid, flags: 0 });
}

/// Emits the `Open` record of one of the daemon's own sockets.
#[inline(always)]
pub(crate) fn own(sk: *const u8, tgid: u32, conn: &mut Conn) {
    conn.id();
    describe_socket(&Described { sk: sk as u64, conn: conn.id, tgid, flags: u32::from(open_flags::OWN) });
}

/// Emits the `Open` record of a connection inside of that of socket `sk`, whose address is given.
#[inline(always)]
pub(crate) fn open_layer(sk: u64, tgid: u32, conn: u64, flags: u16) {
    describe_socket(&Described { sk, conn, tgid, flags: u32::from(flags) });
}

/// Whether the socket at this address is a TCP socket.
#[inline(always)]
pub(crate) fn is_tcp(sk: u64) -> bool {
    probe::<u16>(sk, offset!(protocol)) == TCP
}

#[inline(always)]
unsafe fn inet(sk: u64, family: u16, slot: *mut Open) {
    // SAFETY: `slot` is a reserved `Open`.
    unsafe {
        (*slot).local_port = probe::<u16>(sk, offset!(local_port));
        (*slot).peer_port = u16::from_be(probe::<u16>(sk, offset!(peer_port)));
        if family == AF_INET6 {
            probe_into(&raw mut (*slot).local, sk, offset!(local_v6));
            probe_into(&raw mut (*slot).peer, sk, offset!(peer_v6));
        } else {
            probe_into((&raw mut (*slot).local).cast::<[u8; 4]>(), sk, offset!(local_v4));
            probe_into((&raw mut (*slot).peer).cast::<[u8; 4]>(), sk, offset!(peer_v4));
        }
    }
}

/// The accepted socket carries the listener's address, the connecting one mostly none: then the peer's is taken.
#[inline(always)]
unsafe fn unix(sk: u64, slot: *mut Open) {
    let peer = probe::<u64>(sk, offset!(unix_peer));
    let mut address = probe::<u64>(sk, offset!(unix_addr));
    if address == 0 && peer != 0 {
        address = probe::<u64>(peer, offset!(unix_addr));
    }
    // SAFETY: `slot` is a reserved `Open`.
    unsafe {
        (*slot).peer_socket = peer;
        if address == 0 {
            return;
        }
        // sockaddr_un: two bytes of family, then the path (unix(7)).
        let len = probe::<u32>(address, offset!(unix_addr_len)).saturating_sub(2);
        if probe_into(&raw mut (*slot).path, address, offset!(unix_addr_name) + 2) {
            (*slot).path_len = if len > MAX_UNIX_PATH as u32 { MAX_UNIX_PATH as u16 } else { len as u16 };
        }
    }
}
