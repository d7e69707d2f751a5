//! A task of a runtime was started by another one. Emitted when the task first uses a socket that is traced, for it and for those that it
//! descends from.

use super::Header;

/// Numbers are those of `DataHeader::task`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Lineage {
    /// Common part.
    pub header: Header,
    /// When the task was made, CLOCK_MONOTONIC nanoseconds.
    pub created_ns: u64,
    /// The task.
    pub task: u32,
    /// The one that made it.
    pub parent: u32,
}

const _: () = assert!(size_of::<Lineage>() == 40);
