//! Which socket an object of a TLS library uses.

use aya_ebpf::{bindings::BPF_ANY, helpers::generated::bpf_get_prandom_u32};
use tracer_common::{
    event::{Kind, TlsSeen, open_flags},
    process::TLS_SEEN,
};

use super::{
    go,
    layer::{self, Key},
    sealed,
};
use crate::{
    capture::Segment,
    conn::{self, Conn, RECEIVED, SENT},
    emit::{self, Urgency},
    globals::{config, offset},
    kernel_read::probe,
    maps::{PROCESSES, TLS, TLS_CALLS, tls_generation},
    sockets,
};

/// Content types of TLS records: change_cipher_spec, alert, handshake, application_data (RFC 8446 section 5.1).
const TYPES: core::ops::RangeInclusive<u8> = 20..=23;
/// Content type and handshake type of the record that opens a connection, the client's hello (RFC 8446 section 4).
const HANDSHAKE: u8 = 22;
/// See [`HANDSHAKE`]: the sixth byte.
const CLIENT_HELLO: u8 = 1;
/// The server's answer to it.
const SERVER_HELLO: u8 = 2;

/// Whether the first `seen` bytes of a segment are those of a TLS record: type, major version 3, minor version up to 4.
#[inline(always)]
pub(crate) fn is_record(prefix: u64, seen: u32) -> bool {
    seen >= 3 && TYPES.contains(&(prefix as u8)) && (prefix >> 8) as u8 == 3 && (prefix >> 16) as u8 <= 4
}

/// Bytes of a record's header: type, version, length (RFC 8446, section 5.1).
pub(crate) const RECORD_HEADER: u32 = 5;

/// Whether a segment starts with a record of a handshake.
#[inline(always)]
pub(crate) fn is_handshake(prefix: u64, seen: u32) -> bool {
    is_record(prefix, seen) && prefix as u8 == HANDSHAKE
}

/// Whether a segment starts with the record that opens a TLS connection.
#[inline(always)]
pub(crate) fn is_client_hello(prefix: u64, seen: u32) -> bool {
    is_handshake(prefix, seen) && (prefix >> 40) as u8 == CLIENT_HELLO
}

/// A TLS record passed a socket that no object is known to use.
#[repr(C)]
struct Passed {
    /// Address of the socket.
    sk: u64,
    /// First bytes.
    prefix: u64,
    /// Where the first bytes are.
    place: u64,
    /// How many there are in one piece.
    piece: u64,
    /// Length of the segment.
    len: u32,
    tgid: u32,
    /// Index of the direction.
    way: u64,
}

/// See [`Passed`]. `tgid` is the current process.
#[inline(always)]
pub(crate) fn record_passed(
    sk: *const u8,
    conn: &mut Conn,
    segment: &Segment,
    (way, len): (usize, u32),
    prefix: u64,
    tgid: u32,
) {
    if config!(tls) != 0 {
        let Segment { first, first_len, .. } = *segment;
        let passed =
            Passed { sk: sk as u64, prefix, place: first, piece: first_len, len, tgid, way: way as u64 };
        // Told from here: within that function, it would make a chain of calls too deep for kernels before 6.18.
        if tie_socket(conn, &passed) != 0 {
            sockets::open_layer(sk as u64, tgid, conn.tls_id, open_flags::TLS);
        }
    }
}

/// Finds the object that uses the socket. Returns 1 if that is a connection that the daemon has not been told of.
///
/// A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn tie_socket(conn: *mut Conn, passed: *const Passed) -> i32 {
    // SAFETY: the verifier checks pointers that are handed to global functions; null is possible for it.
    let (Some(conn), Some(passed)) = (unsafe { (conn.as_mut(), passed.as_ref()) }) else { return 0 };
    let tgid = passed.tgid;
    if opens(conn, passed) {
        conn.tls_base = start(conn, passed);
        conn.tls_based = 1;
    }
    let object = match TLS_CALLS.current() {
        Some(call) if call.kind != 0 => Some(call.object),
        _ if passed.way == SENT as u64
            && passed.piece >= sealed::SHORTEST
            && let Some(object) = sealed::object_of(passed.place, tgid) =>
        {
            Some(object)
        }
        _ => go::object_in_call(tgid),
    };
    let Some(object) = object else {
        if conn.tls_seen == 0 {
            conn.tls_seen = 1;
            seen(tgid);
        }
        return 0;
    };
    let key = Key { object, tgid: u64::from(tgid) };
    conn.tls_generation = tls_generation();
    if conn.tls_tgid == tgid
        && let Some(layer) = TLS.get_ptr_mut(key)
        // SAFETY: a live map value.
        && unsafe { (*layer).conn.id } == conn.tls_id
    {
        // SAFETY: as above.
        unsafe { (*layer).loose = 0 };
        return 0;
    }
    conn.tls_tgid = tgid;
    conn.tls_id = conn::next_id();
    let base = if conn.tls_based != 0 && is_hello(passed) {
        conn.tls_base
    } else {
        // SAFETY: a helper without arguments.
        let anywhere = unsafe { bpf_get_prandom_u32() };
        [anywhere, anywhere]
    };
    layer::remember(&key, conn.tls_id, base);
    1
}

/// Whether the segment is the first of a TLS connection. A server that reads the five bytes in front of the hello alone has sent
/// nothing before, or no TLS was seen before: it was asked for within another protocol.
#[inline(always)]
fn opens(conn: &Conn, passed: &Passed) -> bool {
    let hello = (passed.prefix >> 40) as u8;
    let is_new = conn.bytes[SENT] == 0 || conn.tls_based == 0 && conn.tls_tgid == 0;
    let first_of_server = hello == 0 && passed.way == RECEIVED as u64 && is_new;
    passed.prefix as u8 == HANDSHAKE && (hello == CLIENT_HELLO || first_of_server)
}

/// Whether the segment starts with a hello of either side: no bytes of the application have passed.
#[inline(always)]
fn is_hello(passed: &Passed) -> bool {
    let hello = (passed.prefix >> 40) as u8;
    passed.prefix as u8 == HANDSHAKE && hello <= SERVER_HELLO
}

/// The positions at which the segment that passed starts, and at which the other direction stands: the same at both ends.
#[inline(always)]
fn start(conn: &Conn, passed: &Passed) -> [u32; 2] {
    let (sent, received) = if sockets::is_tcp(passed.sk) {
        (probe::<u32>(passed.sk, offset!(write_seq)), probe::<u32>(passed.sk, offset!(copied_seq)))
    } else {
        (conn.bytes[SENT], conn.bytes[RECEIVED])
    };
    // In the order of the directions' indexes.
    if passed.way == SENT as u64 {
        [received, sent.wrapping_sub(passed.len)]
    } else {
        [received.wrapping_sub(passed.len), sent]
    }
}

/// Says that a process uses TLS by functions that are not probed, once.
#[inline(always)]
fn seen(tgid: u32) {
    // SAFETY: a copy is taken at once.
    let known = unsafe { PROCESSES.get(tgid) }.copied().unwrap_or(0);
    if known & TLS_SEEN != 0 || PROCESSES.insert(tgid, known | TLS_SEEN, u64::from(BPF_ANY)).is_err() {
        return;
    }
    let record = TlsSeen { header: emit::header(Kind::TlsSeen, tgid, 0) };
    // SAFETY: `slot` is a reserved `TlsSeen`.
    emit::record::<TlsSeen>(Urgency::Now, |slot| unsafe { *slot = record });
}
