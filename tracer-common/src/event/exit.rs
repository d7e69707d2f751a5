//! An announced process ended.

use super::Header;

/// Only `header.tgid` and the time matter.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    /// Common part.
    pub header: Header,
}
