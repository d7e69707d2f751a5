//! FastCGI.

/// `BEGIN_REQUEST`: version and type 1, any request, 8 bytes of content, no padding (FastCGI specification, section 3.3).
#[inline(always)]
pub(in super::super) fn is_fastcgi(prefix: u64) -> bool {
    const KNOWN: u64 = u64::from_le_bytes([0xff, 0xff, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    prefix & KNOWN == u64::from_le_bytes([1, 1, 0, 0, 0, 8, 0, 0])
}
