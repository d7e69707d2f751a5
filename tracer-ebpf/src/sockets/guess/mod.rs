//! Which protocol with framed messages a segment begins, by its first bytes: rules that other traffic hardly meets.

mod brokers;
mod cassandra;
mod dns;
mod fastcgi;
mod memcached;
mod mongodb;
mod mysql;
mod postgres;
mod redis;

pub(super) use dns::behind_length;
pub(super) use fastcgi::is_fastcgi;

/// What [`sender_of_framed`] returns where nothing is recognised.
pub(super) const NOBODY: u32 = 0;
/// A client's message.
pub(super) const CLIENT: u32 = 1;
/// A server's, of a protocol in which it speaks first.
pub(super) const SERVER: u32 = 2;
/// A message to or from a broker: they go either way alike.
pub(super) const EITHER: u32 = 4;

/// Whose message a segment of `len` bytes begins with, if it is one of these protocols. Its first buffer is at `base` and has `first_len` bytes, of which
/// `prefix` holds the first eight, with zeros where there are fewer. Rules that look at more bytes look behind those eight: the first few may
/// have been read before, from somewhere else.
///
/// A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
pub(super) extern "C" fn sender_of_framed(prefix: u64, base: u64, first_len: u64, len: u64) -> u32 {
    let is_request = match prefix as u8 {
        1 if is_fastcgi(prefix) => true,
        b'*' => redis::command(prefix),
        b'Q' | b'P' | b'B' => postgres::statement(prefix, base, first_len, len),
        b'a'..=b't' => memcached::command(prefix),
        0x80 => memcached::header(prefix, base, len),
        _ => postgres::startup(prefix, len) || dns::question(prefix, len),
    };
    let is_request = is_request || cassandra::message(prefix, len) || mongodb::command(prefix, base, len);
    if is_request {
        CLIENT
    } else if brokers::message(prefix, base, first_len, len) {
        EITHER
    } else {
        mysql::packet(prefix, base, len)
    }
}

#[inline(always)]
const fn byte(prefix: u64, at: u32) -> u8 {
    (prefix >> (8 * at)) as u8
}

/// Text, or the space in front of it.
#[inline(always)]
const fn is_text_byte(byte: u8) -> bool {
    byte >= b' ' && byte < 0x7f || byte == b'\n' || byte == b'\t' || byte == b'\r'
}

#[inline(always)]
const fn is_digit(byte: u8) -> bool {
    byte.wrapping_sub(b'0') < 10
}
