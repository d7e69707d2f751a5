//! MySQL and MariaDB.

use super::{CLIENT, NOBODY, SERVER, byte, is_digit, is_text_byte};
use crate::syscall::read_user_pair;

/// A packet that fills the segment, and is the server's greeting, a statement, or the client's login within TLS (MySQL source code documentation, "Client/Server Protocol").
#[inline(always)]
pub(super) fn packet(prefix: u64, base: u64, len: u64) -> u32 {
    if (prefix & 0xff_ffff) + 4 != len {
        return NOBODY;
    }
    match byte(prefix, 3) {
        0 => command(prefix, base, len),
        // Behind the request for TLS, which was number 1.
        2 if is_login(prefix, base, len) => CLIENT,
        _ => NOBODY,
    }
}

#[inline(always)]
fn command(prefix: u64, base: u64, len: u64) -> u32 {
    let (first, second) = (byte(prefix, 4), byte(prefix, 5));
    let is_command = match first {
        // Protocol 10 and the version's first digit.
        10 if len > 32 && is_digit(second) => return SERVER,
        // COM_QUERY, with or without attributes in front of the text; COM_STMT_PREPARE.
        0x03 | 0x16 => is_text_byte(second) || second == 0 && byte(prefix, 6) == 1,
        // COM_INIT_DB
        0x02 => is_text_byte(second),
        // COM_PING
        0x0e => len == 5,
        // COM_STMT_EXECUTE: how often is always one.
        0x17 => len >= 14 && read_user_pair(base.wrapping_add(10))[0] as u32 == 1,
        _ => false,
    };
    if is_command { CLIENT } else { NOBODY }
}

/// A handshake response: capabilities of the last 25 years, and 19 bytes without a meaning behind length and character set.
#[inline(always)]
fn is_login(prefix: u64, base: u64, len: u64) -> bool {
    /// CLIENT_PROTOCOL_41 and CLIENT_SECURE_CONNECTION
    const MODERN: u64 = 0x8200;
    len > 36 && prefix >> 32 & MODERN == MODERN && read_user_pair(base.wrapping_add(13)) == [0; 2]
}
