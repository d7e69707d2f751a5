//! Redis.

use super::{byte, is_digit};

/// A command of Redis: an array of bulk strings, `*N\r\n$L` with N of at most three digits (RESP specification).
#[inline(always)]
pub(super) fn command(prefix: u64) -> bool {
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
