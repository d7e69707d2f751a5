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
    syscall::read_user_words,
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
    /// Where the address of the other end is in the current process (`struct sockaddr`), 0 where the socket knows it.
    to: u64,
}

/// Emits an `Open` record. A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn describe_socket(described: *const Described) -> i32 {
    // SAFETY: the verifier checks pointers that are handed to global functions; null is possible for it.
    let Some(&Described { sk, conn, tgid, flags, to }) = (unsafe { described.as_ref() }) else { return 0 };
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
            (*slot).net = net_of(sk);
            if family == AF_UNIX {
                unix(sk, slot);
            } else {
                inet(
                    sk,
                    &raw mut (*slot).local_port,
                    &raw mut (*slot).peer_port,
                    &raw mut (*slot).local,
                    &raw mut (*slot).peer,
                );
                if to != 0 {
                    destination(to, family, slot);
                }
            }
        }
    });
    0
}

/// Emits the `Open` record of a connection that is traced.
#[inline(always)]
pub(crate) fn open(sk: *const u8, tgid: u32, conn: &Conn) {
    describe_socket(&Described { sk: sk as u64, conn: conn.id, tgid, flags: 0, to: 0 });
}

/// Emits the `Open` record of a socket that sends a datagram to the address at `to` in the current process, or to the one that it is connected to.
#[inline(always)]
pub(crate) fn open_to(sk: *const u8, tgid: u32, conn: &Conn, to: u64) {
    describe_socket(&Described { sk: sk as u64, conn: conn.id, tgid, flags: 0, to });
}

/// Emits the `Open` record of one of the daemon's own sockets.
#[inline(always)]
pub(crate) fn own(sk: *const u8, tgid: u32, conn: &mut Conn) {
    conn.id();
    describe_socket(&Described {
        sk: sk as u64,
        conn: conn.id,
        tgid,
        flags: u32::from(open_flags::OWN),
        to: 0,
    });
}

/// Emits the `Open` record of a connection inside of that of socket `sk`, whose address is given.
#[inline(always)]
pub(crate) fn open_layer(sk: u64, tgid: u32, conn: u64, flags: u16) {
    describe_socket(&Described { sk, conn, tgid, flags: u32::from(flags), to: 0 });
}

/// Whether the socket at this address is a TCP socket.
#[inline(always)]
pub(crate) fn is_tcp(sk: u64) -> bool {
    probe::<u16>(sk, offset!(protocol)) == TCP
}

/// Inode number of the network namespace of the socket at this address.
#[inline(always)]
pub(super) fn net_of(sk: u64) -> u32 {
    probe::<u32>(probe::<u64>(sk, offset!(net)), offset!(net_inum))
}

/// Writes the two ends of a socket of the internet, as records have them. Returns its address family.
///
/// # Safety
/// The places must be valid for writes.
#[inline(always)]
pub(super) unsafe fn inet(
    sk: u64,
    local_port: *mut u16,
    peer_port: *mut u16,
    local: *mut [u8; 16],
    peer: *mut [u8; 16],
) -> u16 {
    let family = probe::<u16>(sk, offset!(family));
    // SAFETY: the caller's promise.
    unsafe {
        local_port.write(probe::<u16>(sk, offset!(local_port)));
        peer_port.write(u16::from_be(probe::<u16>(sk, offset!(peer_port))));
        if family == AF_INET6 {
            probe_into(local, sk, offset!(local_v6));
            probe_into(peer, sk, offset!(peer_v6));
        } else {
            probe_into(local.cast::<[u8; 4]>(), sk, offset!(local_v4));
            probe_into(peer.cast::<[u8; 4]>(), sk, offset!(peer_v4));
        }
    }
    family
}

/// `struct sockaddr_in` and `struct sockaddr_in6` (include/uapi/linux/in.h, in6.h): family, port, and behind them the address.
#[inline(always)]
unsafe fn destination(to: u64, family: u16, slot: *mut Open) {
    let [head] = read_user_words::<1>(to);
    // SAFETY: `slot` is a reserved `Open`.
    unsafe {
        (*slot).peer_port = u16::from_be((head >> 16) as u16);
        if family == AF_INET6 {
            let words = read_user_words::<2>(to.wrapping_add(8));
            (&raw mut (*slot).peer).cast::<[u64; 2]>().write_unaligned(words);
        } else {
            (&raw mut (*slot).peer).cast::<u32>().write_unaligned((head >> 32) as u32);
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
