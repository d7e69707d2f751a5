//! MongoDB.

use crate::syscall::read_user_pair;

/// A header of a message that answers nothing (MongoDB manual, "MongoDB Wire Protocol"), in a segment of its own or in front of the message.
#[inline(always)]
pub(super) fn command(prefix: u64, base: u64, len: u64) -> bool {
    /// `OP_QUERY`, by which drivers begin, `OP_COMPRESSED`, `OP_MSG`
    const OPCODES: [u64; 3] = [2004, 2012, 2013];
    let length = prefix & 0xffff_ffff;
    if !(26..=64 << 20).contains(&length) || length != len && len != 16 {
        return false;
    }
    // What it answers, and the opcode.
    let behind = read_user_pair(base.wrapping_add(8))[0];
    behind as u32 == 0
        && (behind >> 32 == OPCODES[0] || behind >> 32 == OPCODES[1] || behind >> 32 == OPCODES[2])
}
