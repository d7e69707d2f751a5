//! A process sends or receives TLS records, and not by a function that is probed: its files are worth a look.

use super::Header;

/// Only `header.tgid` matters. Made once for each program that a process runs.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct TlsSeen {
    /// Common part.
    pub header: Header,
}
