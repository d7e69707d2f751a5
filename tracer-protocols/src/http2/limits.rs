//! Every bound of the HTTP/2 parser, with its reason.

/// Bytes of a frame whose payload is read. Frames are at most 16 KiB unless both ends agree on more (RFC 9113, section
/// 4.2), and what header blocks need is less.
pub const MAX_READ_FRAME: usize = 32 * 1024;

/// Bytes of a header block that is spread over several frames.
pub const MAX_BLOCK: usize = 64 * 1024;

/// Bytes of decoded text that are kept of a header block: beyond this, fields are left out and the head is truncated.
pub const MAX_TEXT: usize = 64 * 1024;

/// Bytes of literal text in one header block: a name in the dynamic table can be repeated at the cost of two bytes, and
/// unfolding it must not.
pub const MAX_LITERALS: usize = 256 * 1024;

/// Frames that are looked at to find the way again after a loss.
pub const MAX_RESYNC_FRAMES: usize = 4;
