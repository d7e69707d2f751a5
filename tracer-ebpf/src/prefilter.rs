//! Cheap guess from the first eight bytes of a segment. The daemon's parser has the last word; this only decides
//! whether a segment is worth copying.

/// What a segment starts like.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// A request line of HTTP/1.
    Request,
    /// A status line of HTTP/1.
    Response,
    /// The preface of HTTP/2.
    Preface,
    /// Too short to tell.
    Partial,
    /// Anything else.
    Other,
}

const fn pattern(text: &str) -> (u64, u32) {
    let bytes = text.as_bytes();
    let mut value = 0u64;
    let mut at = 0;
    while at < bytes.len() {
        value |= (bytes[at] as u64) << (8 * at);
        at += 1;
    }
    (value, bytes.len() as u32)
}

/// `HTTP/1.` (RFC 9112 section 4).
const RESPONSE: (u64, u32) = pattern("HTTP/1.");

/// `PRI * HTTP/2.0` (RFC 9113 section 3.4), cut to eight bytes.
const PREFACE: (u64, u32) = pattern("PRI * HT");

/// Methods of RFC 9110, RFC 5789, RFC 10008 (QUERY), WebDAV (RFC 4918, 3253, 5323) and the caches' PURGE, cut to eight bytes.
const REQUESTS: [(u64, u32); 21] = [
    pattern("GET "),
    pattern("POST "),
    pattern("PUT "),
    pattern("HEAD "),
    pattern("DELETE "),
    pattern("PATCH "),
    pattern("OPTIONS "),
    pattern("CONNECT "),
    pattern("TRACE "),
    pattern("PROPFIND"),
    pattern("PROPPATC"),
    pattern("MKCOL "),
    pattern("COPY "),
    pattern("MOVE "),
    pattern("LOCK "),
    pattern("UNLOCK "),
    pattern("REPORT "),
    pattern("SEARCH "),
    pattern("PURGE "),
    pattern("QUERY "),
    pattern("LINK "),
];

#[inline(always)]
const fn mask(bytes: u32) -> u64 {
    if bytes >= 8 { u64::MAX } else { (1 << (8 * bytes)) - 1 }
}

/// `prefix` holds the first `len` (at most eight) bytes, the first in the lowest byte, the rest zero.
#[inline(always)]
pub(crate) fn classify(prefix: u64, len: u32) -> Start {
    if len >= 8 {
        // The two that make up nearly all traffic first.
        if prefix & mask(RESPONSE.1) == RESPONSE.0 {
            return Start::Response;
        }
        if prefix & mask(REQUESTS[0].1) == REQUESTS[0].0 {
            return Start::Request;
        }
        // All patterns but these start with an upper-case letter: binary data mostly leaves here.
        if !(prefix as u8).is_ascii_uppercase() {
            return Start::Other;
        }
    }
    match classify_slow(prefix, len) {
        0 => Start::Request,
        1 => Start::Response,
        2 => Start::Preface,
        3 => Start::Partial,
        _ => Start::Other,
    }
}

/// A global function: see `capture`. Returns the index of a [`Start`].
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn classify_slow(prefix: u64, len: u32) -> u32 {
    compare(prefix, len) as u32
}

#[inline(always)]
fn compare(prefix: u64, len: u32) -> Start {
    let matches = |(value, size): (u64, u32)| {
        let seen = if len < size { len } else { size };
        (prefix ^ value) & mask(seen) == 0
    };
    if matches(RESPONSE) {
        return if len >= RESPONSE.1 { Start::Response } else { Start::Partial };
    }
    if matches(PREFACE) {
        return if len >= PREFACE.1 { Start::Preface } else { Start::Partial };
    }
    let mut at = 0;
    while at < REQUESTS.len() {
        if matches(REQUESTS[at]) {
            return if len >= REQUESTS[at].1 { Start::Request } else { Start::Partial };
        }
        at += 1;
    }
    Start::Other
}
