//! Why the kernel side dropped something: indexes of the per-CPU counter array `DROPS`.

/// A closed list; the daemon shows every entry, zero or not.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelDrop {
    /// The ring buffer of this CPU was full.
    RingFull = 0,
    /// No memory for a socket's state: the socket is not traced.
    NoSocketState = 1,
    /// A user buffer could not be read (paged out); the segment is reported by length alone.
    UnreadableBuffer = 2,
    /// Data went through a call whose buffers cannot be seen (io_uring, splice); reported by length alone.
    UnseenBuffer = 3,
    /// Map `PROCESSES` was full: the process is shown by its pid alone.
    ProcessesFull = 4,
}

impl KernelDrop {
    /// Number of reasons: the size of the array.
    pub const COUNT: u32 = 5;
    /// All reasons in index order.
    pub const ALL: [Self; Self::COUNT as usize] = [
        Self::RingFull,
        Self::NoSocketState,
        Self::UnreadableBuffer,
        Self::UnseenBuffer,
        Self::ProcessesFull,
    ];

    /// Stable name for users and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RingFull => "ring_full",
            Self::NoSocketState => "no_socket_state",
            Self::UnreadableBuffer => "unreadable_buffer",
            Self::UnseenBuffer => "unseen_buffer",
            Self::ProcessesFull => "processes_full",
        }
    }

    /// Whether this is by design (the call's bytes cannot be seen) rather than a loss.
    pub const fn intentional(self) -> bool {
        matches!(self, Self::UnseenBuffer)
    }
}
