//! What became of a TCP connection that a process wanted to open.

use super::Header;

/// What became of it, in [`Header::detail`].
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectKind {
    /// It could not be opened. (Where the process gave up before it was known, nothing is reported.)
    Failed = 1,
    /// It is open. Reported only where the same process has just failed to open another one to the same port.
    Opened = 2,
}

/// See [`ConnectKind`].
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Connect {
    /// Common part: `tgid` is the process that wanted it, `flags` those of a data record that concern `task`.
    pub header: Header,
    /// When the process asked for it, CLOCK_MONOTONIC nanoseconds.
    pub started_ns: u64,
    /// Thread that did.
    pub tid: u32,
    /// What the thread was at: see [`super::DataHeader::task`].
    pub task: u32,
    /// errno that `connect` reports, or 0.
    pub error: u32,
    /// Inode number of the network namespace.
    pub net: u32,
    /// Local address; IPv4 in the first four bytes.
    pub local: [u8; 16],
    /// Peer address; IPv4 in the first four bytes.
    pub peer: [u8; 16],
    /// A [`super::Family`].
    pub family: u16,
    /// Local port, host byte order.
    pub local_port: u16,
    /// Peer port, host byte order.
    pub peer_port: u16,
    /// Zero.
    pub padding: u16,
}

const _: () = assert!(size_of::<Connect>() == 88);
