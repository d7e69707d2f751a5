//! Bytes went through a socket.

use super::Header;

/// Bits of [`Header::flags`] for data.
pub mod flags {
    /// The application sent these bytes; without it, it received them.
    pub const SENT: u16 = 1;
    /// `tail` holds the last bytes of the segment.
    pub const HAS_TAIL: u16 = 2;
    /// `position` is a TCP sequence number; without it, a running count of bytes on this socket.
    pub const TCP: u16 = 4;
    /// The other side ended its stream (`recv` returned 0).
    pub const EOF: u16 = 8;
    /// These bytes of a client were read from a socket that is in an epoll set: some thread waits for many connections at
    /// once.
    pub const POLLED: u16 = 16;
    /// `task` numbers the thread's turns, not the runtime's tasks.
    pub const TURN: u16 = 32;
    /// `task` numbers requests: it is the one that the goroutine works for.
    pub const GOROUTINE: u16 = 64;
    /// What went through a TLS library before it was encrypted, or after it was decrypted. `position` counts these bytes; where
    /// the connection's first handshake record was seen, it starts at that record's sequence number, which both ends of
    /// a TCP connection see, else at an arbitrary number.
    pub const TLS: u16 = 128;
    /// A datagram of its own, not a part of a stream: `position` says nothing. Before one that was sent, its socket is described
    /// ([`crate::event::Open`]) each time, since it may send to anyone.
    pub const DATAGRAM: u16 = 256;
}

/// A data record without its payload.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DataHeader {
    /// Common part. `conn` is set.
    pub header: Header,
    /// Thread that made the call.
    pub tid: u32,
    /// Counts the records of this direction of this connection, lost ones included: a jump is a loss.
    pub number: u32,
    /// Position of the first byte in its stream, modulo 2^32.
    pub position: u32,
    /// Bytes that went through.
    pub len: u32,
    /// Bytes of the front of the segment that follow this struct.
    pub captured: u32,
    /// The runtime's task that the thread was running, as a number that no other live task of the process has (see
    /// `crate::runtime`); with [`flags::TURN`], the thread's turn, a number that it did not have before; 0 where neither is known.
    ///
    /// A turn is what a thread does from a read from a socket to the next one, or until it sleeps. A read from a socket that does
    /// not speak HTTP, of what may be the answer to what the thread sent there before, goes on with the turn of that sending.
    pub task: u32,
    /// The segment's last bytes in memory order, valid with [`flags::HAS_TAIL`].
    pub tail: u64,
}

/// A data record with room for `N` bytes.
#[repr(C)]
pub struct Data<const N: usize> {
    /// Everything but the bytes.
    pub head: DataHeader,
    /// The first `head.captured` bytes are valid.
    pub payload: [u8; N],
}

const _: () = assert!(size_of::<DataHeader>() == 56 && size_of::<Data<128>>() == 184);
