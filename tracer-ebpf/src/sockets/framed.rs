//! Protocols whose messages carry their length: DNS over TCP, FastCGI, Redis and PostgreSQL. They are recognised by the first bytes of a segment,
//! by rules that other traffic hardly meets, and the front of every segment is copied from then on.
//!
//! A guess stands for [`TRIAL`] segments. By then the daemon, which reads what was copied, has confirmed it or has not; a socket
//! whose guess is not confirmed is unknown again, and after [`MAX_GUESSES`] of them it is not guessed at any more.

use tracer_common::{
    limits::{FRAMED_REQUEST, FRAMED_RESPONSE},
    verdict,
};

use super::decide::{NO_EVENT, smaller};
use crate::{
    capture::Segment,
    conn::{Conn, RECEIVED, SENT, mode},
    globals::config,
    maps::VERDICTS,
    syscall::{read_user_pair, read_user_words},
    tls,
};

/// Segments that a guess stands without being confirmed.
const TRIAL: u32 = 64;
/// Segments until a confirmed guess is looked up again.
const CONFIRMED: u32 = u32::MAX;
/// Bytes of FastCGI's record headers.
const RECORD_HEADER: u32 = 8;
/// Guesses that a socket gets.
const MAX_GUESSES: u8 = 4;

/// Looks whether a segment of a socket that is unknown begins with a message of such a protocol; if so, the socket is taken to speak it.
/// Returns as [`share`].
#[inline(always)]
pub(super) fn begin(conn: &mut Conn, way: usize, prefix: u64, segment: &Segment, len: u32) -> u32 {
    if config!(framed) == 0 || conn.guesses >= MAX_GUESSES {
        return NO_EVENT;
    }
    let guess = begins_framed(prefix, segment.first, segment.first_len, u64::from(len));
    if guess == NOTHING {
        return NO_EVENT;
    }
    conn.guesses += 1;
    conn.bodies = 0;
    conn.mode = mode::FRAMED;
    conn.budget[RECEIVED] = TRIAL;
    conn.cap[way] = FRAMED_REQUEST;
    conn.cap[1 - way] = FRAMED_RESPONSE;
    if guess == FASTCGI {
        // What HTTP has at the front of its messages, and no more of a body.
        conn.cap[way] = config!(request_head);
        conn.cap[1 - way] = config!(response_head);
        conn.bodies = 1 + way as u8;
    }
    conn.serves = u8::from(way == RECEIVED);
    share(conn, way, (prefix, 8), len)
}

/// How many bytes of a segment of a socket in mode [`mode::FRAMED`] are worth copying, or [`NO_EVENT`] if it is that no more.
#[inline(always)]
pub(super) fn share(conn: &mut Conn, way: usize, (prefix, seen): (u64, u32), len: u32) -> u32 {
    // After a request for TLS within the protocol.
    if config!(tls) != 0 && tls::is_client_hello(prefix, seen) {
        conn.mode = mode::UNKNOWN;
        return NO_EVENT;
    }
    if conn.budget[RECEIVED] == 0 {
        // SAFETY: a copy is taken at once.
        match unsafe { VERDICTS.get(conn.id) }.copied() {
            Some(verdict::CONFIRMED) => conn.budget[RECEIVED] = CONFIRMED,
            given => {
                conn.mode = mode::UNKNOWN;
                if given == Some(verdict::REFUSED) {
                    conn.guesses = MAX_GUESSES;
                }
                return NO_EVENT;
            }
        }
    }
    conn.budget[RECEIVED] -= 1;
    let want = smaller(len, conn.cap[way]);
    if conn.bodies != 1 + way as u8 {
        return want;
    }
    if is_fastcgi(prefix) {
        conn.budget[SENT] = config!(message_budget);
    }
    // The headers of records are read in any case.
    let want = if conn.budget[SENT] < want { smaller(len, RECORD_HEADER) } else { want };
    conn.budget[SENT] = conn.budget[SENT].saturating_sub(want);
    want
}

/// What [`begins_framed`] returns: it is no request in such a protocol.
const NOTHING: u32 = 0;
/// It is one in FastCGI.
const FASTCGI: u32 = 1;
/// It is one in another.
const OTHER: u32 = 2;

/// What a segment of `len` bytes begins with. Its first buffer is at `base` and has `first_len` bytes, of which `prefix` holds the first eight.
///
/// A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn begins_framed(prefix: u64, base: u64, first_len: u64, len: u64) -> u32 {
    let is_request = match prefix as u8 {
        1 if is_fastcgi(prefix) => return FASTCGI,
        b'*' => resp(prefix),
        b'Q' | b'P' | b'B' => postgres(prefix, base, first_len, len),
        _ => startup(prefix, len) || dns(prefix, len),
    };
    if is_request { OTHER } else { NOTHING }
}

/// `BEGIN_REQUEST` of FastCGI: version and type 1, any request, 8 bytes of content, no padding (FastCGI specification, section 3.3).
#[inline(always)]
fn is_fastcgi(prefix: u64) -> bool {
    const KNOWN: u64 = u64::from_le_bytes([0xff, 0xff, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    prefix & KNOWN == u64::from_le_bytes([1, 1, 0, 0, 0, 8, 0, 0])
}

#[inline(always)]
const fn byte(prefix: u64, at: u32) -> u8 {
    (prefix >> (8 * at)) as u8
}

#[inline(always)]
const fn is_digit(byte: u8) -> bool {
    byte.wrapping_sub(b'0') < 10
}

/// A command of Redis: an array of bulk strings, `*N\r\n$L` with N of at most three digits (RESP specification).
#[inline(always)]
fn resp(prefix: u64) -> bool {
    const BULK: u64 = u64::from_le_bytes([b'\r', b'\n', b'$', 0, 0, 0, 0, 0]);
    if !is_digit(byte(prefix, 1)) || byte(prefix, 1) == b'0' {
        return false;
    }
    let rest = prefix >> 16;
    rest & 0xff_ffff == BULK && is_digit(byte(prefix, 5))
        || is_digit(byte(prefix, 2))
            && (rest >> 8 & 0xff_ffff == BULK && is_digit(byte(prefix, 6))
                || is_digit(byte(prefix, 3)) && rest >> 16 & 0xff_ffff == BULK && is_digit(byte(prefix, 7)))
}

/// Query, Parse or Bind of PostgreSQL, in a segment that ends with it, or goes on with another message of the extended protocol
/// (PostgreSQL documentation, "Message Formats").
#[inline(always)]
fn postgres(prefix: u64, base: u64, first_len: u64, len: u64) -> bool {
    let size = u64::from((prefix >> 8) as u32).swap_bytes() >> 32;
    let behind = size + 1;
    if size < 5 {
        return false;
    }
    if prefix as u8 == b'Q' {
        return behind == len;
    }
    // The others are followed by what executes or describes them.
    if first_len < behind + 5 {
        return false;
    }
    let [next, _] = read_user_pair(base.wrapping_add(behind));
    let tag = next as u8;
    let follows = tag == b'B' || tag == b'D' || tag == b'E' || tag == b'S' || tag == b'H' || tag == b'P';
    follows && next >> 8 & 0xffff == 0
}

/// PostgreSQL's startup message for protocol 3, which fills the segment.
#[inline(always)]
fn startup(prefix: u64, len: u64) -> bool {
    /// Protocol 3.0 and 3.2, big endian, without the byte that tells them apart.
    const VERSION_3: u64 = u64::from_le_bytes([0, 3, 0, 0, 0, 0, 0, 0]);
    u64::from((prefix as u32).swap_bytes()) == len && prefix >> 32 & 0xff_ffff == VERSION_3
}

/// A question of DNS behind its length, which fills the segment (RFC 1035, sections 4.1.1 and 4.2.2): no answer, opcode 0, not truncated, one question.
#[inline(always)]
fn dns(prefix: u64, len: u64) -> bool {
    const KNOWN: u64 = u64::from_le_bytes([0, 0, 0, 0, 0xfa, 0x4f, 0xff, 0xff]);
    const QUESTION: u64 = u64::from_le_bytes([0, 0, 0, 0, 0, 0, 0, 1]);
    u64::from((prefix as u16).swap_bytes()) + 2 == len && prefix & KNOWN == QUESTION
}

/// The first eight bytes of a segment whose first buffer holds nothing but a length, as clients of DNS have it; 0 where that is not so.
///
/// A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
pub(super) extern "C" fn behind_length(buffers: u64) -> u64 {
    let [first, first_len, second, second_len] = read_user_words::<4>(buffers);
    if first_len != 2 || second_len < 6 {
        return 0;
    }
    read_user_words::<1>(first)[0] & 0xffff | read_user_words::<1>(second)[0] << 16
}
