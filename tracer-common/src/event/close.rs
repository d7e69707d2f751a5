//! A TCP connection is ending.

use super::Header;

/// Which step, in [`Header::detail`].
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseKind {
    /// This side sends nothing more (FIN sent: `close` or `shutdown`).
    Sent = 1,
    /// The peer sends nothing more (FIN received); bytes may still wait to be read.
    Received = 2,
    /// The connection is gone.
    Gone = 3,
}

/// Bits of [`Header::flags`] for [`Close`].
pub mod close_flags {
    /// No application holds the socket any more: nothing more will be read from it.
    pub const ORPHANED: u16 = 1;
    /// The connection is what a TLS library sends and receives through the socket: the numbers of its records are not known here.
    pub const TLS: u16 = 2;
}

/// See [`CloseKind`].
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Close {
    /// Common part; `tgid` is 0, the network stack acts.
    pub header: Header,
    /// errno that the socket reports (ECONNRESET, ETIMEDOUT, EPIPE), or 0.
    pub error: u32,
    /// Records of the sending direction so far, lost ones included.
    pub sent_number: u32,
    /// Records of the receiving direction so far, lost ones included.
    pub received_number: u32,
    /// Position behind the last byte that was sent (plus one for a FIN), modulo 2^32.
    pub sent_end: u32,
    /// Position behind the last byte that was read, modulo 2^32: also of bytes that were spliced.
    pub received_end: u32,
    /// 1: the two positions are valid.
    pub has_ends: u32,
}

const _: () = assert!(size_of::<Close>() == 48);
