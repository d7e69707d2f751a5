//! Protocols whose messages carry their length: Redis, PostgreSQL, MySQL, Memcached. They are recognised by the first bytes of a segment,
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
    conn::{Conn, RECEIVED, mode},
    globals::config,
    maps::VERDICTS,
    syscall::read_user_pair,
    tls,
};

/// Segments that a guess stands without being confirmed.
const TRIAL: u32 = 64;
/// Segments until a confirmed guess is looked up again.
const CONFIRMED: u32 = u32::MAX;
/// Guesses that a socket gets.
const MAX_GUESSES: u8 = 4;

/// What [`guess_framed`] returns.
const NOTHING: u32 = 0;
/// See [`NOTHING`].
const REQUEST: u32 = 1;
/// See [`NOTHING`].
const RESPONSE: u32 = 2;

/// Looks whether a segment of a socket that is unknown begins with a message of such a protocol; if so, the socket is taken to speak it.
/// Returns as [`share`].
#[inline(always)]
pub(super) fn begin(conn: &mut Conn, way: usize, prefix: u64, segment: &Segment, len: u32) -> u32 {
    if config!(framed) == 0 || conn.guesses >= MAX_GUESSES {
        return NO_EVENT;
    }
    let guess = guess_framed(prefix, segment.first, segment.first_len, u64::from(len));
    if guess == NOTHING {
        return NO_EVENT;
    }
    conn.guesses += 1;
    conn.mode = mode::FRAMED;
    conn.budget[RECEIVED] = TRIAL;
    let request_way = if guess == REQUEST { way } else { 1 - way } & 1;
    conn.cap[request_way] = FRAMED_REQUEST;
    conn.cap[1 - request_way] = FRAMED_RESPONSE;
    conn.serves = u8::from(request_way == RECEIVED);
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
    smaller(len, conn.cap[way])
}

/// Whether a segment of `len` bytes begins with a message of a protocol with framed messages: [`NOTHING`], [`REQUEST`] or [`RESPONSE`]. Its first
/// buffer is at `base` and has `first_len` bytes, of which `prefix` holds the first eight.
///
/// A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn guess_framed(prefix: u64, base: u64, first_len: u64, len: u64) -> u32 {
    match prefix as u8 {
        b'*' => resp(prefix),
        b'Q' | b'P' | b'B' => postgres(prefix, base, first_len, len),
        b'a'..=b'z' => memcached(prefix, base, first_len, len),
        _ => startup_or_mysql(prefix, len),
    }
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
fn resp(prefix: u64) -> u32 {
    const BULK: u64 = u64::from_le_bytes([b'\r', b'\n', b'$', 0, 0, 0, 0, 0]);
    if !is_digit(byte(prefix, 1)) || byte(prefix, 1) == b'0' {
        return NOTHING;
    }
    let rest = prefix >> 16;
    let matches = rest & 0xff_ffff == BULK && is_digit(byte(prefix, 5))
        || is_digit(byte(prefix, 2))
            && (rest >> 8 & 0xff_ffff == BULK && is_digit(byte(prefix, 6))
                || is_digit(byte(prefix, 3)) && rest >> 16 & 0xff_ffff == BULK && is_digit(byte(prefix, 7)));
    if matches { REQUEST } else { NOTHING }
}

/// Query, Parse or Bind of PostgreSQL, in a segment that ends with it, or goes on with another message of the extended protocol
/// (PostgreSQL documentation, "Message Formats").
#[inline(always)]
fn postgres(prefix: u64, base: u64, first_len: u64, len: u64) -> u32 {
    let size = u64::from((prefix >> 8) as u32).swap_bytes() >> 32;
    let behind = size + 1;
    if size < 5 {
        return NOTHING;
    }
    if prefix as u8 == b'Q' {
        return if behind == len { REQUEST } else { NOTHING };
    }
    // The others are followed by what executes or describes them.
    if first_len < behind + 5 {
        return NOTHING;
    }
    let [next, _] = read_user_pair(base.wrapping_add(behind));
    let tag = next as u8;
    let follows = tag == b'B' || tag == b'D' || tag == b'E' || tag == b'S' || tag == b'H' || tag == b'P';
    if follows && next >> 8 & 0xffff == 0 { REQUEST } else { NOTHING }
}

/// A storage or retrieval command of Memcached's text protocol (protocol.txt), whole lines.
#[inline(always)]
fn memcached(prefix: u64, base: u64, first_len: u64, len: u64) -> u32 {
    const fn word(text: &[u8]) -> (u64, u64) {
        let mut value = 0;
        let mut at = 0;
        while at < text.len() {
            value |= (text[at] as u64) << (8 * at);
            at += 1;
        }
        (value, if at == 8 { u64::MAX } else { (1 << (8 * at)) - 1 })
    }
    const WORDS: [(u64, u64); 18] = [
        word(b"get "),
        word(b"gets "),
        word(b"gat "),
        word(b"gats "),
        word(b"set "),
        word(b"add "),
        word(b"cas "),
        word(b"replace "),
        word(b"append "),
        word(b"prepend "),
        word(b"incr "),
        word(b"decr "),
        word(b"delete "),
        word(b"touch "),
        word(b"mg "),
        word(b"ms "),
        word(b"md "),
        word(b"ma "),
    ];
    let mut at = 0;
    while at < WORDS.len() {
        let (value, mask) = WORDS[at];
        if prefix & mask == value {
            if first_len < len || len < 8 {
                return NOTHING;
            }
            let [end, _] = read_user_pair(base.wrapping_add(len - 8));
            return if end >> 48 == u64::from(u16::from_le_bytes(*b"\r\n")) { REQUEST } else { NOTHING };
        }
        at += 1;
    }
    NOTHING
}

/// PostgreSQL's startup message, or a packet of MySQL that fills the segment: the server's greeting, or a command (MySQL documentation,
/// "Client/Server Protocol").
#[inline(always)]
fn startup_or_mysql(prefix: u64, len: u64) -> u32 {
    /// Protocol 3.x, big endian; minor versions up to 2 exist.
    const VERSION_3: u32 = 3;
    if u64::from((prefix as u32).swap_bytes()) == len && byte(prefix, 4) == 0 {
        let major = u32::from(byte(prefix, 4)) << 8 | u32::from(byte(prefix, 5));
        return if major == VERSION_3 && byte(prefix, 6) == 0 { REQUEST } else { NOTHING };
    }
    /// Version of the greeting.
    const GREETING: u8 = 10;
    const QUERY: u8 = 3;
    const PREPARE: u8 = 0x16;
    const EXECUTE: u8 = 0x17;
    // Length in three bytes, then the number of the packet in its exchange.
    if prefix >> 24 & 0xff != 0 || (prefix & 0xff_ffff) + 4 != len {
        return NOTHING;
    }
    let next = byte(prefix, 5);
    match byte(prefix, 4) {
        GREETING if is_digit(next) && (is_digit(byte(prefix, 6)) || byte(prefix, 6) == b'.') => RESPONSE,
        // The text, or attributes of the query in front of it: none of them, in one set.
        QUERY | PREPARE if next >= b' ' && next < 0x7f || next == b'\n' || next == 0 && byte(prefix, 6) == 1 => {
            REQUEST
        }
        EXECUTE if len >= 14 => REQUEST,
        _ => NOTHING,
    }
}
