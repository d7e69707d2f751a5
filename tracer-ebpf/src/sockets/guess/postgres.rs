//! PostgreSQL.

use crate::syscall::read_user_pair;

/// Query, Parse or Bind of PostgreSQL, in a segment that ends with it, or goes on with another message of the extended protocol
/// (PostgreSQL documentation, "Message Formats").
#[inline(always)]
pub(super) fn statement(prefix: u64, base: u64, first_len: u64, len: u64) -> bool {
    let size = u64::from((prefix >> 8) as u32).swap_bytes() >> 32;
    let behind = size + 1;
    if size < 5 {
        return false;
    }
    if prefix as u8 == b'Q' {
        return behind == len;
    }
    // The others are followed by what executes or describes them.
    if first_len < behind + 5 {
        return false;
    }
    let [next, _] = read_user_pair(base.wrapping_add(behind));
    let tag = next as u8;
    let follows = tag == b'B' || tag == b'D' || tag == b'E' || tag == b'S' || tag == b'H' || tag == b'P';
    follows && next >> 8 & 0xffff == 0
}

/// PostgreSQL's startup message for protocol 3, which fills the segment.
#[inline(always)]
pub(super) fn startup(prefix: u64, len: u64) -> bool {
    /// Protocol 3.0 and 3.2, big endian, without the byte that tells them apart.
    const VERSION_3: u64 = u64::from_le_bytes([0, 3, 0, 0, 0, 0, 0, 0]);
    u64::from((prefix as u32).swap_bytes()) == len && prefix >> 32 & 0xff_ffff == VERSION_3
}
