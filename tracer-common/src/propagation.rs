//! Trace context that the kernel side writes into requests.

/// Sockets that wait for their first request, at a time.
pub const MAX_AWAITED: u32 = 65_536;
/// Threads whose request in hand is known, at a time; the least recently used one makes room.
pub const MAX_HANDS: u32 = 16_384;
/// Servers remembered that speak none of HTTP, at a time; the least recently used one makes room.
pub const MAX_PEERS: u32 = 4096;
/// Bytes of a head that are looked through. A longer one is left as it is.
pub const MAX_HEAD: u32 = 8192;
/// Age up to which a request in hand may still be given a trace id, nanoseconds: the daemon holds the spans of a trace back
/// for five seconds at most, then gives it one.
pub const MAX_NEW_TRACE_AGE_NS: u64 = 4_000_000_000;

/// `traceparent: `, a value of version 00 (W3C Trace Context, section 3.2.2) and a line end.
pub const LINE: usize = 70;
/// Where the value begins in the line.
pub const VALUE_AT: usize = 13;
/// Bytes of the value.
pub const VALUE: usize = 55;

/// As [`LINE`], for HTTP/2: a literal field that is never indexed, with a new name, neither of them Huffman-coded (RFC 7541, section 6.2.3).
pub const FIELD: usize = 69;
/// Where the value begins in the field.
pub const FIELD_VALUE_AT: usize = 14;
/// The field up to its value.
pub const FIELD_START: &[u8; FIELD_VALUE_AT] = b"\x10\x0btraceparent\x37";
/// Longest header block that is added to. Servers take 8 KiB and more, counted after decompression (`SETTINGS_MAX_HEADER_LIST_SIZE`).
pub const MAX_BLOCK: u32 = 4096;

/// What the writing program does: cell 0 of map `SWITCH`.
pub mod switch {
    /// Nothing.
    pub const OFF: u32 = 0;
    /// It writes into requests of one process, that of the self-test, which is in cell 1.
    pub const TEST: u32 = 1;
    /// It writes.
    pub const ON: u32 = 2;
}

/// Which requests of HTTP/2 are written into: cell 2 of map `SWITCH`.
pub mod streams {
    /// None.
    pub const NONE: u32 = 0;
    /// The first one on each connection.
    pub const FIRST: u32 = 1;
    /// Every one.
    pub const EVERY: u32 = 2;
}

/// What became of the first message on a new connection, or of a request of HTTP/2: indexes of the per-CPU counter array `OUTCOMES`.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It carries the header now.
    Written = 0,
    /// It is no HTTP request.
    NotARequest = 1,
    /// The head does not end in it, within [`MAX_HEAD`] or [`MAX_BLOCK`] bytes: the header might follow.
    HeadNotWhole = 2,
    /// The head has lines that nobody should send; the header block is padded, or cannot be followed.
    StrangeHead = 3,
    /// The application sent trace context of its own, in one of the known formats.
    HasContext = 4,
    /// Which trace it belongs to is not known at this moment.
    TraceUnknown = 5,
    /// The daemon will not make a span of it: the process is left out, or its bytes cannot be seen.
    NotTraced = 6,
    /// Bytes wait to be sent on the socket, or its buffer is small.
    SocketBusy = 7,
    /// The kernel had no memory for the longer message.
    NoMemory = 8,
    /// The socket could not be enrolled: the table is full, or another program has it.
    NotEnrolled = 9,
    /// The server spoke first.
    ServerFirst = 10,
    /// Another request in the same message carries the header (HTTP/2).
    Together = 11,
    /// Frames could not be followed (HTTP/2): nothing is written on the connection any more.
    Astray = 12,
}

impl Outcome {
    /// Number of outcomes: the size of the array.
    pub const COUNT: u32 = 13;
    /// All outcomes in index order.
    pub const ALL: [Self; Self::COUNT as usize] = [
        Self::Written,
        Self::NotARequest,
        Self::HeadNotWhole,
        Self::StrangeHead,
        Self::HasContext,
        Self::TraceUnknown,
        Self::NotTraced,
        Self::SocketBusy,
        Self::NoMemory,
        Self::NotEnrolled,
        Self::ServerFirst,
        Self::Together,
        Self::Astray,
    ];

    /// Stable name for users and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::NotARequest => "not_a_request",
            Self::HeadNotWhole => "head_not_whole",
            Self::StrangeHead => "strange_head",
            Self::HasContext => "has_context",
            Self::TraceUnknown => "trace_unknown",
            Self::NotTraced => "not_traced",
            Self::SocketBusy => "socket_busy",
            Self::NoMemory => "no_memory",
            Self::NotEnrolled => "not_enrolled",
            Self::ServerFirst => "server_first",
            Self::Together => "together",
            Self::Astray => "astray",
        }
    }
}
