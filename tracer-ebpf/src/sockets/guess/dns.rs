//! DNS over TCP.

use crate::syscall::read_user_words;

/// A question behind its length, which fills the segment (RFC 1035, sections 4.1.1 and 4.2.2): no answer, opcode 0, not truncated, one name.
#[inline(always)]
pub(super) fn question(prefix: u64, len: u64) -> bool {
    const KNOWN: u64 = u64::from_le_bytes([0, 0, 0, 0, 0xfa, 0x4f, 0xff, 0xff]);
    const QUESTION: u64 = u64::from_le_bytes([0, 0, 0, 0, 0, 0, 0, 1]);
    u64::from((prefix as u16).swap_bytes()) + 2 == len && prefix & KNOWN == QUESTION
}

/// The first eight bytes of a segment whose first buffer holds nothing but a length, as clients of DNS have it; 0 where that is not so.
///
/// A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
pub(in super::super) extern "C" fn behind_length(buffers: u64) -> u64 {
    let [first, first_len, second, second_len] = read_user_words::<4>(buffers);
    if first_len != 2 || second_len < 6 {
        return 0;
    }
    read_user_words::<1>(first)[0] & 0xffff | read_user_words::<1>(second)[0] << 16
}
