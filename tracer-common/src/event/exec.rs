//! A process runs another program from now on: what it runs is worth a look before its first request.

use super::Header;

/// Only `header.tgid` and the time matter.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Exec {
    /// Common part.
    pub header: Header,
}
