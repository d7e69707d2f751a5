//! Protocols whose messages carry their length (docs/protocols.md). They are recognised by the first bytes of a segment,
//! by rules that other traffic hardly meets (`guess`), and the front of every segment is copied from then on.
//!
//! A guess stands for [`TRIAL`] segments. By then the daemon, which reads what was copied, has confirmed it or has not; a socket
//! whose guess is not confirmed is unknown again, and after [`MAX_GUESSES`] of them it is not guessed at any more.
//!
//! Many programs read a message's header by itself, and then the rest: a segment too short to tell is held back until the next one of its
//! direction, and if both together begin a message, it is reported as a segment of its own before that one.

use tracer_common::{
    event::{DataHeader, flags},
    limits::{FRAMED_MESSAGE, FRAMED_REQUEST, FRAMED_RESPONSE},
    verdict,
};

use super::{
    decide::{NO_EVENT, smaller},
    guess,
};
use crate::{
    capture::{self, Segment},
    conn::{Conn, RECEIVED, SENT, mode},
    globals::config,
    maps::VERDICTS,
    syscall::Kind,
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
/// `prefix` holds the segment's first `seen` (at most eight) bytes. Returns as [`share`].
#[inline(always)]
pub(super) fn begin(
    conn: &mut Conn,
    way: usize,
    (mut prefix, mut seen): (u64, u32),
    segment: &Segment,
    len: u32,
) -> u32 {
    if config!(framed) == 0 || conn.guesses >= MAX_GUESSES {
        return NO_EVENT;
    }
    if seen == 2 && segment.buffers.kind == Kind::Many {
        (prefix, seen) = (guess::behind_length(segment.buffers.place), 8);
    }
    let held = u64::from(conn.partial_len[way] & 7);
    let mut sender = guess::NOBODY;
    if held != 0 {
        sender = guess::sender_of_framed(
            conn.partial[way] | (prefix << (8 * held)),
            segment.first.wrapping_sub(held),
            segment.first_len + held,
            u64::from(len) + held,
        );
        if sender == guess::NOBODY {
            conn.partial_len[way] = 0;
        }
    }
    if sender == guess::NOBODY {
        sender = guess::sender_of_framed(prefix, segment.first, segment.first_len, u64::from(len));
    }
    if sender == guess::NOBODY {
        if len < 8 && seen == len {
            conn.partial[way] = prefix;
            conn.partial_len[way] = seen as u8;
        }
        return NO_EVENT;
    }
    let requests = if sender == guess::CLIENT || sender == guess::EITHER { way } else { 1 - way };
    conn.partial_len[1 - way] = 0;
    conn.guesses += 1;
    conn.bodies = 0;
    conn.mode = mode::FRAMED;
    conn.budget[RECEIVED] = TRIAL;
    conn.cap[requests] = FRAMED_REQUEST;
    conn.cap[1 - requests] = FRAMED_RESPONSE;
    if sender == guess::EITHER {
        conn.cap = [FRAMED_MESSAGE; 2];
    } else if guess::is_fastcgi(prefix) {
        // What HTTP has at the front of its messages, and no more of a body.
        conn.cap[requests] = config!(request_head);
        conn.cap[1 - requests] = config!(response_head);
        conn.bodies = 1 + requests as u8;
    }
    conn.serves = u8::from(requests == RECEIVED);
    share(conn, way, (prefix, seen), len)
}

/// Emits what was held back of a direction before `head`, the record that is to be emitted now.
#[inline(always)]
pub(crate) fn emit_held(conn: &mut Conn, way: usize, head: &mut DataHeader) {
    // For the verifier, whose bounds of a number that was compared are not always sound.
    let way = (capture::opaque(way as u64) & 1) as usize;
    let held = u32::from(conn.partial_len[way] & 7);
    if conn.mode != mode::FRAMED || held == 0 {
        return;
    }
    conn.partial_len[way] = 0;
    let len = head.len;
    head.position = head.position.wrapping_sub(held);
    head.len = held;
    // The last bytes of a segment of so few are all of them.
    head.tail = conn.partial[way] << (64 - 8 * held);
    head.header.flags |= flags::HAS_TAIL;
    capture::emit_nothing(head);
    head.position = head.position.wrapping_add(held);
    head.len = len;
    head.tail = 0;
    head.header.flags &= !flags::HAS_TAIL;
    head.number = head.number.wrapping_add(1);
    conn.number[way] = conn.number[way].wrapping_add(1);
}

/// How many bytes of a segment of a socket in mode [`mode::FRAMED`] are worth copying, or [`NO_EVENT`] if it is that no more.
#[inline(always)]
pub(super) fn share(conn: &mut Conn, way: usize, (prefix, seen): (u64, u32), len: u32) -> u32 {
    // After a request for TLS within the protocol; of the hello, servers read the record's header by itself.
    let begins_tls =
        tls::is_client_hello(prefix, seen) || len == tls::RECORD_HEADER && tls::is_handshake(prefix, seen);
    if config!(tls) != 0 && begins_tls {
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
    if guess::is_fastcgi(prefix) {
        conn.budget[SENT] = config!(message_budget);
    }
    // The headers of records are read in any case.
    let want = if conn.budget[SENT] < want { smaller(len, RECORD_HEADER) } else { want };
    conn.budget[SENT] = conn.budget[SENT].saturating_sub(want);
    want
}
