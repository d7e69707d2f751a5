//! Every size that both sides rely on, with its reason.

/// Payload capacities of data records in bytes, one ring buffer reservation size each. `bpf_ringbuf_reserve` wants
/// a constant, so a payload takes the smallest class that holds it. Powers of two: offsets are bounded by masks.
pub const CLASSES: [usize; 5] = [128, 512, 1024, 2048, 8192];

/// Most bytes of one segment that are copied. Half of the largest class: scattered buffers are gathered into the
/// lower half so that "offset + length" stays in bounds for the verifier.
pub const MAX_CAPTURE: usize = 4096;

/// Buffers of one `iovec` array that are looked at. Servers send a head and a body in two to five pieces.
pub const MAX_IOVECS: usize = 8;

/// Last bytes of a segment that was cut: enough to see the end of a chunked body, `\r\n0\r\n\r\n`.
pub const TAIL: usize = 8;

/// Most ring buffers. CPUs share them beyond that: a few producers do not hinder each other, hundreds of buffers hold memory.
pub const MAX_RINGS: u32 = 8;

/// Bytes of a process's argument block taken at its first request.
pub const MAX_ARGS: usize = 1024;

/// Bytes of a process's environment block taken at its first request; the rest is read from /proc if it still lives.
pub const MAX_ENVIRON: usize = 4096;

/// Bytes of the path that a process was executed by.
pub const MAX_EXEC_PATH: usize = 256;

/// Longest unix socket path (`sockaddr_un::sun_path`, unix(7)).
pub const MAX_UNIX_PATH: usize = 108;

/// Bytes copied of each segment of requests in a protocol with framed messages: several short commands, the front of a long statement.
pub const FRAMED_REQUEST: u32 = 1024;

/// As [`FRAMED_REQUEST`], of answers: what is read of them is at their front and at their end.
pub const FRAMED_RESPONSE: u32 = 512;

/// As [`FRAMED_REQUEST`], of messages to and from brokers, in both directions: several small ones, or the headers behind the content of one.
pub const FRAMED_MESSAGE: u32 = MAX_CAPTURE as u32;

/// Bytes copied of a datagram of DNS: all of most (RFC 1035, section 4.2.1).
pub const MAX_DATAGRAM: u32 = 512;

/// Bytes of the shortest question: header, the root's name, type and class (RFC 1035, section 4.1).
pub const MIN_DATAGRAM: i32 = 17;

/// Connections of which the daemon has said what it thinks of the guess at their protocol; the least recently used one makes room, and
/// is guessed at anew.
pub const MAX_VERDICTS: u32 = 65_536;

/// Processes and ports remembered after a connection could not be opened; the least recently used one makes room.
pub const MAX_FAILED_CONNECTS: u32 = 1024;

/// Processes known to the kernel side at a time.
pub const MAX_PROCESSES: u32 = 16384;

/// TLS connections whose plaintext is followed at a time; the least recently used one makes room.
pub const MAX_TLS: u32 = 16_384;

/// Goroutines that are in a call of crypto/tls at a time, most of them waiting for bytes; the least recently used one makes room.
pub const MAX_GO_CALLS: u32 = 2 * MAX_TLS;

/// TLS records that a library wrote into memory, whose way to a socket is awaited; the least recently used one makes room.
pub const MAX_SEALED: u32 = 4096;

/// Descendants of traced processes remembered at a time; the least recently used one makes room.
pub const MAX_ORIGINS: u32 = 16_384;
