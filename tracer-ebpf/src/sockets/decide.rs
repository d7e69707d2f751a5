//! What a segment means for the protocol state of its socket, and how much of it is worth copying, while it may be HTTP/1.

use super::frames::{ADRIFT, PREFACE};
use crate::{
    conn::{Conn, RECEIVED, begun, mode},
    globals::config,
    prefilter::{Start, classify},
    tls,
};

/// A response's budget, in response heads: a head split over several writes, and little of the body.
const RESPONSE_BUDGET: u32 = 2;

/// What [`decide_segment`] returns for a segment that is no event.
pub(crate) const NO_EVENT: u32 = u32::MAX;

/// Length and direction in one argument: a global function takes five at most.
#[inline(always)]
pub(crate) const fn pack(len: u32, way: usize) -> u64 {
    len as u64 | (way as u64) << 32
}

/// Looks at the first `seen` (at most eight) bytes of a segment, given as a little-endian number. Returns how many of its bytes
/// are worth copying, or [`NO_EVENT`].
///
/// A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn decide_segment(conn: *mut Conn, prefix: u64, seen: u32, len_and_way: u64) -> u32 {
    // SAFETY: the verifier checks pointers that are handed to global functions; null is possible for it.
    match unsafe { conn.as_mut() } {
        Some(conn) => decide(conn, (len_and_way >> 32) as usize & 1, prefix, seen, len_and_way as u32),
        None => NO_EVENT,
    }
}

#[inline(always)]
fn decide(conn: &mut Conn, way: usize, mut prefix: u64, mut seen: u32, len: u32) -> u32 {
    if conn.mode == mode::MAYBE && conn.partial_len[way] != 0 {
        let known = u32::from(conn.partial_len[way]) & 7;
        prefix = conn.partial[way] | (prefix << (8 * known));
        seen = smaller(seen + known, 8);
    }
    match classify(prefix, seen) {
        Start::Preface => {
            if conn.mode == mode::HTTP {
                // An upgrade: the server's frames may have begun, and this segment is not walked.
                conn.frame = [ADRIFT; 2];
            } else {
                let known = if conn.mode == mode::MAYBE { u32::from(conn.partial_len[way]) & 7 } else { 0 };
                conn.frame[way] = PREFACE - known;
                conn.frame[1 - way] = 0;
            }
            conn.partial_len = [0; 2];
            conn.mode = mode::HTTP2;
            conn.serves = u8::from(way == RECEIVED);
            return len;
        }
        Start::Request => {
            conn.mode = mode::HTTP;
            conn.serves = u8::from(way == RECEIVED);
            conn.begun = begun::REQUEST;
            conn.cap[way] = config!(request_head);
            conn.cap[1 - way] = config!(response_head);
            conn.budget[way] = config!(message_budget);
            conn.budget[1 - way] = config!(response_head) * RESPONSE_BUDGET;
        }
        Start::Response => {
            conn.mode = mode::HTTP;
            conn.begun = begun::RESPONSE;
            conn.cap[way] = config!(response_head);
            conn.cap[1 - way] = config!(request_head);
            conn.budget[way] = config!(response_head) * RESPONSE_BUDGET;
        }
        // Behind a CONNECT: what follows is another connection's.
        Start::Other
            if conn.mode == mode::HTTP && config!(tls) != 0 && tls::is_client_hello(prefix, seen) =>
        {
            conn.mode = mode::UNKNOWN;
        }
        Start::Partial | Start::Other if conn.mode == mode::HTTP => {}
        Start::Partial => {
            if conn.mode == mode::UNKNOWN {
                conn.partial_len[1 - way] = 0;
            }
            conn.mode = mode::MAYBE;
            conn.partial[way] = prefix;
            conn.partial_len[way] = seen as u8;
            return len;
        }
        Start::Other => {
            if conn.mode == mode::MAYBE && conn.partial_len[way] != 0 {
                conn.mode = mode::UNKNOWN;
                conn.partial_len = [0; 2];
            }
            return NO_EVENT;
        }
    }
    let got = smaller(smaller(len, conn.cap[way]), conn.budget[way]);
    conn.budget[way] -= got;
    got
}

/// The smaller of two numbers.
#[inline(always)]
pub(crate) const fn smaller(a: u32, b: u32) -> u32 {
    if a < b { a } else { b }
}
