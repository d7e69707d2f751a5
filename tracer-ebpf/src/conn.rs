//! What the kernel side knows of a socket.

use aya_ebpf::{bindings::BPF_SK_STORAGE_GET_F_CREATE, helpers::generated::bpf_sk_storage_get};

use crate::{
    globals::offset,
    kernel_read::field,
    maps::{CONNS, LAST_CONN},
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
}

/// Index of a direction in the arrays of [`Conn`]; equals `event::flags::SENT` for bytes that were sent.
pub(crate) const RECEIVED: usize = 0;
/// See [`RECEIVED`].
pub(crate) const SENT: usize = 1;

/// Socket-local state. Zero is the state of a socket seen for the first time.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Conn {
    /// 0 until given.
    pub(crate) id: u64,
    /// First bytes of a direction while it is [`mode::MAYBE`], or of a frame header that is split, little endian.
    pub(crate) partial: [u64; 2],
    /// The process that was checked last.
    pub(crate) tgid: u32,
    /// Records emitted or lost, by direction.
    pub(crate) number: [u32; 2],
    /// Bytes of the current message that may still be copied, by direction.
    pub(crate) budget: [u32; 2],
    /// Most bytes copied of one segment, by direction; known once [`mode::HTTP`] is.
    pub(crate) cap: [u32; 2],
    /// Running byte count where there are no sequence numbers, by direction.
    pub(crate) bytes: [u32; 2],
    /// What is left of the current HTTP/2 frame, by direction: see `sockets::frames`.
    pub(crate) frame: [u32; 2],
    /// [`crate::maps::GENERATION`] of that check.
    pub(crate) generation: u32,
    /// Valid bytes in `partial`.
    pub(crate) partial_len: [u8; 2],
    /// See [`mode`].
    pub(crate) mode: u8,
    /// 1 once an `Open` record was emitted.
    pub(crate) opened: u8,
    /// 1 while `tgid` must not be traced.
    pub(crate) excluded: u8,
    /// 1 while the runtime of `tgid` can be asked for tasks.
    pub(crate) tasks: u8,
    /// 1 while `tgid` is known to be described to the daemon.
    pub(crate) described: u8,
    pub(crate) padding: u8,
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
