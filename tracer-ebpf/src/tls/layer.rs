//! What goes through an object of a TLS library that is known to use a socket.

use aya_ebpf::{bindings::BPF_ANY, helpers::generated::bpf_get_prandom_u32};
use tracer_common::{drops::KernelDrop, event::flags, process::TURNS};

use crate::{
    capture,
    conn::{Conn, RECEIVED, mode},
    emit,
    globals::config,
    maps::{PROCESSES, TLS},
    propagation,
    sockets::{NO_EVENT, allowed, data_header, emit_frames, emit_held, is_excluded, smaller, wanted},
    syscall::{Buffers, Kind},
};

/// An object of a TLS library (OpenSSL: `SSL *`).
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Key {
    /// Its address in the process.
    pub(crate) object: u64,
    /// The process.
    pub(crate) tgid: u64,
}

/// The state of such an object.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Layer {
    /// Its plaintext, as if it were a socket's bytes.
    pub(crate) conn: Conn,
    /// Position of the first byte, by direction.
    pub(crate) base: [u32; 2],
    /// 1 once the end of what is received was reported.
    pub(crate) ended: u32,
    /// 1 while the object has been given another transport, and none of its records has passed a socket since.
    pub(crate) loose: u32,
}

/// Plaintext that went through: a global function takes five arguments at most.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Plaintext {
    /// The object.
    pub(crate) key: Key,
    /// Where the bytes are.
    pub(crate) place: u64,
    /// How many; none: the end of what is received.
    pub(crate) len: u32,
    /// The thread.
    pub(crate) tid: u32,
    /// Index of the direction.
    pub(crate) way: u64,
    /// 1 where goroutines wait for bytes: the runtime has all sockets in an epoll set, and any thread goes on.
    pub(crate) polled: u64,
}

/// What an object begins with. Not put together on the stack, which has no room for it.
static NEW: Layer = Layer { conn: Conn::NEW, base: [0; 2], ended: 0, loose: 0 };

/// Remembers that an object uses a socket: as connection `id`, of whose plaintext the first byte is at `base`. What it did with another
/// one is over.
#[inline(always)]
pub(crate) fn remember(key: &Key, id: u64, base: [u32; 2]) {
    let new: &Layer = &NEW;
    if TLS.insert(key, new, u64::from(BPF_ANY)).is_ok()
        && let Some(layer) = TLS.get_ptr_mut(key)
    {
        // SAFETY: a live map value. Before this it has no id, and is nobody's.
        unsafe {
            (*layer).conn.opened = 1;
            (*layer).conn.layer = 1;
            (*layer).base = base;
            (*layer).conn.id = id;
        }
    } else {
        emit::count(KernelDrop::TlsUntied);
    }
}

/// Bytes of an object went through unseen: what follows is at a position that no other end has.
#[inline(always)]
pub(crate) fn missed(key: &Key) {
    if let Some(layer) = TLS.get_ptr_mut(key) {
        // SAFETY: a live map value.
        jump(unsafe { &mut *layer });
    }
}

#[inline(always)]
fn jump(layer: &mut Layer) {
    // SAFETY: a helper without arguments.
    let anywhere = unsafe { bpf_get_prandom_u32() };
    layer.base = [anywhere, anywhere];
}

/// Reports plaintext. A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn plaintext_passed(plaintext: *const Plaintext) -> i32 {
    // SAFETY: the verifier checks pointers that are handed to global functions; null is possible for it.
    let Some(&Plaintext { key, place, len, tid, way, polled }) = (unsafe { plaintext.as_ref() }) else {
        return 0;
    };
    let tgid = key.tgid as u32;
    let Some(layer) = TLS.get_ptr_mut(key) else {
        // SAFETY: a copy is taken at once.
        if !is_excluded(unsafe { PROCESSES.get(tgid) }.copied().unwrap_or(0)) {
            emit::count(KernelDrop::TlsUntied);
        }
        return 0;
    };
    // SAFETY: a live map value. One object is used by one thread at a time (SSL_read(3), openssl-threads(7)).
    let layer = unsafe { &mut *layer };
    if layer.loose != 0 {
        jump(layer);
        emit::count(KernelDrop::TlsUntied);
        return 0;
    }
    let way = way as usize & 1;
    let conn = &mut layer.conn;
    let count = conn.bytes[way];
    let position = layer.base[way].wrapping_add(count);
    conn.bytes[way] = count.wrapping_add(len);
    if !allowed(conn, tgid) {
        return 0;
    }
    // The socket is not at hand; that the process has connections in epoll sets is.
    let polled = way == RECEIVED && (polled != 0 || u32::from(conn.work) & TURNS != 0);
    let extra = flags::TLS | if polled { flags::POLLED } else { 0 };
    if len == 0 {
        let spoken = conn.mode == mode::HTTP || conn.mode == mode::HTTP2 || conn.mode == mode::FRAMED;
        if layer.ended == 0 && spoken {
            layer.ended = 1;
            let head = data_header::<false>(conn, way, (tgid, tid), position, 0, flags::EOF | flags::TLS);
            capture::emit_nothing(&head);
        }
        return 0;
    }
    let buffers = Buffers { kind: Kind::One, place, count: 0 };
    if conn.mode == mode::HTTP && conn.budget[way] >= smaller(len, conn.cap[way]) {
        let want = smaller(len, conn.cap[way]);
        let head = data_header::<false>(conn, way, (tgid, tid), position, len, extra);
        capture::copy_and_decide::<false>(conn, &head, buffers, want);
        return 0;
    }
    let segment = capture::segment(buffers, u64::from(len));
    let framed = conn.mode == mode::HTTP2;
    let want = if framed { 0 } else { wanted(conn, way, &segment, capture::prefix(&segment), len) };
    if want == NO_EVENT {
        return 0;
    }
    if config!(propagation) != 0 && conn.serves != 0 {
        propagation::serves_unread(conn, tgid);
    }
    let mut head = data_header::<false>(conn, way, (tgid, tid), position, len, extra);
    if conn.mode == mode::HTTP2 {
        // Frames number their pieces themselves.
        conn.number[way] = head.number;
        emit_frames(conn, &mut head, buffers);
    } else {
        emit_held(conn, way, &mut head);
        capture::emit(&head, &segment, u64::from(want));
    }
    0
}
