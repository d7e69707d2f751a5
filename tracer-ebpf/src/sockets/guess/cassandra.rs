//! Cassandra.

use super::byte;

/// A client's message of version 3 to 5 that fills the segment, or a frame that does with one of version 5 in it (Apache Cassandra, `native_protocol_v4.spec`,
/// `native_protocol_v5.spec`).
#[inline(always)]
pub(super) fn message(prefix: u64, len: u64) -> bool {
    /// Requests: STARTUP, OPTIONS, QUERY, PREPARE, EXECUTE, REGISTER, BATCH, AUTH_RESPONSE.
    const OPCODES: u32 = 1 << 1 | 1 << 5 | 1 << 7 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 13 | 1 << 15;
    let (version, flags, opcode) = (byte(prefix, 0), byte(prefix, 1), byte(prefix, 4));
    if version.wrapping_sub(3) < 3 && flags < 0x20 && opcode < 16 && OPCODES >> opcode & 1 != 0 && len >= 9 {
        // The length but for its last byte.
        return (prefix >> 40).swap_bytes() >> 40 == (len - 9) >> 8;
    }
    // 17 bits of length and a flag, then a checksum; another one behind.
    prefix & 0x1_ffff == len.wrapping_sub(10)
        && prefix & 0xfc_0000 == 0
        && byte(prefix, 6) == 5
        && byte(prefix, 7) < 0x20
}
