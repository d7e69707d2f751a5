//! A connection is described, once, just before its first data record.

use super::Header;
use crate::limits::MAX_UNIX_PATH;

/// Address family of a socket (`AF_*`, socket(2)).
#[repr(u16)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// AF_UNIX
    Unix = 1,
    /// AF_INET
    V4 = 2,
    /// AF_INET6
    V6 = 10,
}

/// Bits of [`Header::flags`] for [`Open`].
pub mod open_flags {
    /// The daemon's own socket: the other end of it is not traced either.
    pub const OWN: u16 = 1;
    /// What a TLS library sends and receives through the socket, a connection of its own beside the socket's.
    pub const TLS: u16 = 2;
}

/// The two ends of a connection as this socket sees them.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Open {
    /// Common part.
    pub header: Header,
    /// Kernel address of the socket, an opaque identity that the other end of a unix socket names in `peer_socket`.
    pub socket: u64,
    /// Kernel address of the other end of a unix socket, else 0.
    pub peer_socket: u64,
    /// Inode number of the network namespace.
    pub net: u32,
    /// A [`Family`].
    pub family: u16,
    /// Local port, host byte order; 0 for unix sockets.
    pub local_port: u16,
    /// Peer port, host byte order.
    pub peer_port: u16,
    /// Valid bytes of `path`.
    pub path_len: u16,
    /// Local address; IPv4 in the first four bytes.
    pub local: [u8; 16],
    /// Peer address; IPv4 in the first four bytes.
    pub peer: [u8; 16],
    /// Path of a unix socket (the listening side's), abstract names with their leading NUL.
    pub path: [u8; MAX_UNIX_PATH],
}

const _: () = assert!(size_of::<Open>() == 192);
