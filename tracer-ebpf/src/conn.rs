//! What the kernel side knows of a socket.

use aya_ebpf::{bindings::BPF_SK_STORAGE_GET_F_CREATE, helpers::generated::bpf_sk_storage_get};

use crate::{
    globals::offset,
    kernel_read::field,
    maps::{CONNS, LAST_CONN},
    turn::Question,
};

/// How far a socket's protocol is known.
pub(crate) mod mode {
    /// Nothing that looks like HTTP was seen. A socket starts here.
    pub(crate) const UNKNOWN: u8 = 0;
    /// A first segment is too short to tell, but fits so far.
    pub(crate) const MAYBE: u8 = 1;
    /// HTTP/1 was seen.
    pub(crate) const HTTP: u8 = 2;
    /// The daemon's own socket.
    pub(crate) const OWN: u8 = 3;
    /// HTTP/2 was seen: segments are walked frame by frame.
    pub(crate) const HTTP2: u8 = 4;
    /// A protocol with framed messages was guessed: see `sockets::framed`.
    pub(crate) const FRAMED: u8 = 5;
    /// Datagrams of DNS: see `sockets::datagram`.
    pub(crate) const DNS: u8 = 6;
}

/// Where a socket is with trace context that is written.
pub(crate) mod stage {
    /// Not enrolled.
    pub(crate) const NONE: u8 = 0;
    /// Its first message is awaited.
    pub(crate) const AWAITED: u8 = 1;
    /// Its first message was looked at.
    pub(crate) const SPENT: u8 = 2;
    /// It left the map.
    pub(crate) const OVER: u8 = 3;
    /// It speaks HTTP/2, and its messages are followed.
    pub(crate) const FOLLOWED: u8 = 4;
    /// It left the map because the server spoke first, which may be one of HTTP/2.
    pub(crate) const GREETED: u8 = 5;
}

/// What is known of the loops of a process.
pub(crate) mod loops {
    /// They send what a read leads to before they read anything else.
    pub(crate) const PROMPT: u8 = 1;
    /// They wait for many connections without an epoll set.
    pub(crate) const POLLS: u8 = 2;
}

/// What the last segment began.
pub(crate) mod begun {
    /// Nothing.
    pub(crate) const NOTHING: u8 = 0;
    /// A request.
    pub(crate) const REQUEST: u8 = 1;
    /// A response.
    pub(crate) const RESPONSE: u8 = 2;
}

/// Index of a direction in the arrays of [`Conn`]; equals `event::flags::SENT` for bytes that were sent.
pub(crate) const RECEIVED: usize = 0;
/// See [`RECEIVED`].
pub(crate) const SENT: usize = 1;

/// Socket-local state. Zero is the state of a socket seen for the first time.
///
/// What most segments look at comes first: with the kernel's word in front, `id` to `begun` fill one cache line.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Conn {
    /// 0 until given: see [`Self::id`].
    pub(crate) id: u64,
    /// The process that was checked last.
    pub(crate) tgid: u32,
    /// [`crate::maps::GENERATION`] when `tgid` was checked.
    pub(crate) generation: u32,
    /// The process whose TLS library is known to use the socket, 0 if none is.
    pub(crate) tls_tgid: u32,
    /// See [`mode`].
    pub(crate) mode: u8,
    /// 1 once an `Open` record was emitted.
    pub(crate) opened: u8,
    /// 1 while `tgid` must not be traced.
    pub(crate) excluded: u8,
    /// What can be known of the work that a thread of `tgid` is at: bits of `tracer_common::process`, `TASKS` and `TURNS`.
    pub(crate) work: u8,
    /// 1 while `tgid` is known to be described to the daemon.
    pub(crate) described: u8,
    /// 1 where requests come in.
    pub(crate) serves: u8,
    /// What is known of the loops of `tgid`: see [`loops`].
    pub(crate) loops: u8,
    /// Bytes that were written into what the current call sends.
    pub(crate) written: u8,
    /// Running byte count where there are no sequence numbers, by direction.
    pub(crate) bytes: [u32; 2],
    /// Records emitted or lost, by direction.
    pub(crate) number: [u32; 2],
    /// Bytes of the current message that may still be copied, by direction. In mode [`mode::FRAMED`], the first is the number of segments until
    /// the guess is looked at again, the second what may still be copied of a request with a body. In mode [`mode::HTTP2`], the second is the position of
    /// the frame that was added to, while `written` says so.
    pub(crate) budget: [u32; 2],
    /// 1 for what goes through an object of a TLS library, which has no descriptor.
    pub(crate) layer: u8,
    /// How often its protocol was guessed.
    pub(crate) guesses: u8,
    /// See [`stage`].
    pub(crate) stage: u8,
    /// See [`begun`]; kept only where context is written.
    pub(crate) begun: u8,
    /// Most bytes copied of one segment, by direction; known once [`mode::HTTP`] is.
    pub(crate) cap: [u32; 2],
    /// The turn that the thread is at which makes the current call. On the socket since the stack of the programs is full.
    pub(crate) turn: u32,
    /// See [`Question`].
    pub(crate) question: Question,
    /// The thread that read the last request, until its answer begins; 0 for none.
    pub(crate) reader: u32,
    /// The process that is known to receive requests.
    pub(crate) server: u32,
    /// [`crate::maps::TLS_GENERATION`] when `tls_tgid` was found out.
    pub(crate) tls_generation: u32,
    /// The goroutine that read from the client last, 0 since it was answered.
    pub(crate) goroutine: u32,
    /// The request that a call is made for, see `go`; 0 since its answer began. While it is being connected, the task that asked for it.
    pub(crate) asks: u32,
    /// Valid bytes in `partial`.
    pub(crate) partial_len: [u8; 2],
    /// 1 once a call was handed over to a goroutine that writes it here.
    pub(crate) handed_over: u8,
    /// 1 once the process was reported for its TLS, or had been.
    pub(crate) tls_seen: u8,
    /// 1 once `tls_base` is valid.
    pub(crate) tls_based: u8,
    /// 1 and the direction of requests that are followed by bodies, in mode [`mode::FRAMED`]; their budget is the second of `budget`.
    pub(crate) bodies: u8,
    pub(crate) padding: [u8; 2],
    /// The thread that asked for it to be connected, 0 since it is.
    pub(crate) connector: u32,
    /// What is left of the current HTTP/2 frame, by direction: see `sockets::frames`.
    pub(crate) frame: [u32; 2],
    /// Positions at the client's hello, by direction, if it passed before the library that uses the socket was known.
    pub(crate) tls_base: [u32; 2],
    /// The connection id of what the TLS library that uses the socket sends and receives, 0 until given.
    pub(crate) tls_id: u64,
    /// First bytes of a direction while it is [`mode::MAYBE`], or of a frame header that is split, or a segment that is held back while it is
    /// [`mode::UNKNOWN`] (see `sockets::framed`), little endian.
    pub(crate) partial: [u64; 2],
    /// When it was asked for, CLOCK_MONOTONIC nanoseconds, while it is being connected.
    pub(crate) connect_ns: u64,
}

impl Conn {
    /// As it is for a socket seen for the first time.
    pub(crate) const NEW: Self = Self {
        id: 0,
        tls_id: 0,
        partial: [0; 2],
        tgid: 0,
        number: [0; 2],
        budget: [0; 2],
        cap: [0; 2],
        bytes: [0; 2],
        generation: 0,
        tls_base: [0; 2],
        tls_tgid: 0,
        tls_generation: 0,
        partial_len: [0; 2],
        frame: [0; 2],
        mode: mode::UNKNOWN,
        opened: 0,
        excluded: 0,
        work: 0,
        described: 0,
        serves: 0,
        loops: 0,
        handed_over: 0,
        tls_seen: 0,
        tls_based: 0,
        stage: 0,
        written: 0,
        begun: 0,
        layer: 0,
        guesses: 0,
        bodies: 0,
        padding: [0; 2],
        connector: 0,
        connect_ns: 0,
        reader: 0,
        server: 0,
        goroutine: 0,
        asks: 0,
        turn: 0,
        question: Question::NONE,
    };

    /// Whether it carries messages that go either way alike, so that what is received may be more than an answer to what was sent.
    #[inline(always)]
    pub(crate) fn is_symmetric(&self) -> bool {
        self.mode == mode::FRAMED && self.cap[0] == self.cap[1]
    }

    /// The connection's id, given now if need be.
    #[inline(always)]
    pub(crate) fn id(&mut self) -> u64 {
        if self.id == 0 {
            self.id = next_id();
        }
        self.id
    }
}

/// The state of `sk`, created if need be and wanted.
///
/// # Safety
/// `sk` must be a BTF-typed `struct sock` pointer.
#[inline(always)]
pub(crate) unsafe fn of_socket(sk: *const u8, create: bool) -> Option<&'static mut Conn> {
    let flags = if create { u64::from(BPF_SK_STORAGE_GET_F_CREATE) } else { 0 };
    // SAFETY: the helper returns null or the socket's value, which lives as long as the socket, which the tracepoint holds.
    unsafe {
        bpf_sk_storage_get(
            (&raw const CONNS).cast_mut().cast(),
            sk.cast_mut().cast(),
            core::ptr::null_mut(),
            flags,
        )
        .cast::<Conn>()
        .as_mut()
    }
}

/// Position behind the last byte that the application read from a TCP socket.
///
/// `copied_seq` counts a FIN that the read came upon (`found_fin_ok` in tcp_recvmsg_locked()); it is no byte.
///
/// # Safety
/// `sk` and `stream` must be BTF-typed pointers to one socket, as `struct sock` and as `struct tcp_sock`.
#[inline(always)]
pub(crate) unsafe fn read_position(sk: *const u8, stream: *const u8) -> u32 {
    /// States in which a FIN was received: TIME_WAIT, CLOSE_WAIT, LAST_ACK, CLOSING (include/net/tcp_states.h).
    const FIN_RECEIVED: u32 = 1 << 6 | 1 << 8 | 1 << 9 | 1 << 11;
    // SAFETY: the caller's promise; the offsets are those of these very fields.
    unsafe {
        let copied = field::<u32>(stream, offset!(copied_seq));
        let received = FIN_RECEIVED >> (field::<u8>(sk, offset!(state)) & 31) & 1 != 0;
        let fin_read = received && field::<u32>(stream, offset!(rcv_nxt)) == copied;
        copied.wrapping_sub(u32::from(fin_read))
    }
}

/// A connection id that nobody had before.
#[inline(always)]
pub(crate) fn next_id() -> u64 {
    LAST_CONN.get_ptr_mut(0).map_or(0, |cell| {
        // SAFETY: an array element is always valid.
        unsafe { crate::atomic::fetch_increment(cell) + 1 }
    })
}
