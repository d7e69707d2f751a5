//! Memcached.

use super::{byte, is_text_byte};
use crate::syscall::read_user_pair;

const fn word(text: [u8; 4]) -> u32 {
    u32::from_le_bytes(text)
}

/// A command in text: its name, a space and a key (memcached's `doc/protocol.txt`).
#[inline(always)]
pub(super) fn command(prefix: u64) -> bool {
    let rest = (prefix >> 32) as u32;
    // Where the key begins.
    let key = match prefix as u32 {
        NOOP => return rest == 0,
        GET | SET | ADD | CAS | GAT => byte(prefix, 4),
        GETS if rest as u8 == b' ' => byte(prefix, 5),
        INCR | DECR if rest as u8 == b' ' => byte(prefix, 5),
        // `touch `, `delete `, `append `, `replace `, `prepend `
        TOUCH if rest as u16 == u16::from_le_bytes(*b"h ") => byte(prefix, 6),
        DELETE if rest & 0xff_ffff == word(*b"te \0") => byte(prefix, 7),
        APPEND if rest & 0xff_ffff == word(*b"nd \0") => byte(prefix, 7),
        REPLACE if rest == word(*b"ace ") => b'k',
        PREPEND if rest == word(*b"end ") => b'k',
        // Meta commands have two letters.
        first => match first & 0xff_ffff {
            META_GET | META_SET | META_DELETE | META_ARITHMETIC => byte(prefix, 3),
            _ => return false,
        },
    };
    is_text_byte(key) && key != b' '
}

const NOOP: u32 = word(*b"mn\r\n");
const GET: u32 = word(*b"get ");
const SET: u32 = word(*b"set ");
const ADD: u32 = word(*b"add ");
const CAS: u32 = word(*b"cas ");
const GAT: u32 = word(*b"gat ");
const GETS: u32 = word(*b"gets");
const INCR: u32 = word(*b"incr");
const DECR: u32 = word(*b"decr");
const TOUCH: u32 = word(*b"touc");
const DELETE: u32 = word(*b"dele");
const APPEND: u32 = word(*b"appe");
const REPLACE: u32 = word(*b"repl");
const PREPEND: u32 = word(*b"prep");
const META_GET: u32 = word(*b"mg \0");
const META_SET: u32 = word(*b"ms \0");
const META_DELETE: u32 = word(*b"md \0");
const META_ARITHMETIC: u32 = word(*b"ma \0");

/// A header of the binary protocol: no data type and no partition, and a body that holds what it says it does (`doc/protocol-binary.txt`).
#[inline(always)]
pub(super) fn header(prefix: u64, base: u64, len: u64) -> bool {
    if prefix & 0xffff_ff00_0000_00ff != 0x80 || byte(prefix, 1) > 0x24 || byte(prefix, 4) > 20 || len < 24 {
        return false;
    }
    let within =
        u32::from(u16::from_be_bytes([byte(prefix, 2), byte(prefix, 3)])) + u32::from(byte(prefix, 4));
    let body = (read_user_pair(base.wrapping_add(8))[0] as u32).swap_bytes();
    within <= body && body < 1 << 24
}
