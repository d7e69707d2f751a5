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
    /// No memory for the state of a thread that calls a TLS library: the call is not seen.
    NoThreadState = 5,
    /// Plaintext of a TLS connection whose socket is not known: the library is handed bytes that others read and write
    /// (memory BIOs), or the socket was not used since the library is probed.
    TlsUntied = 6,
    /// A call of a TLS library within another one, or one that never returned: what the outer one moved is not known.
    TlsNested = 7,
    /// A call of a TLS library by which bytes travel that are not read (early data).
    TlsUnread = 8,
}

impl KernelDrop {
    /// Number of reasons: the size of the array.
    pub const COUNT: u32 = 9;
    /// All reasons in index order.
    pub const ALL: [Self; Self::COUNT as usize] = [
        Self::RingFull,
        Self::NoSocketState,
        Self::UnreadableBuffer,
        Self::UnseenBuffer,
        Self::ProcessesFull,
        Self::NoThreadState,
        Self::TlsUntied,
        Self::TlsNested,
        Self::TlsUnread,
    ];

    /// Stable name for users and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RingFull => "ring_full",
            Self::NoSocketState => "no_socket_state",
            Self::UnreadableBuffer => "unreadable_buffer",
            Self::UnseenBuffer => "unseen_buffer",
            Self::ProcessesFull => "processes_full",
            Self::NoThreadState => "no_thread_state",
            Self::TlsUntied => "tls_untied",
            Self::TlsNested => "tls_nested",
            Self::TlsUnread => "tls_unread",
        }
    }

    /// Whether this is by design (the call's bytes cannot be seen, or nobody can say whose they are) rather than a loss.
    pub const fn intentional(self) -> bool {
        matches!(self, Self::UnseenBuffer | Self::TlsUntied | Self::TlsNested | Self::TlsUnread)
    }
}
