//! Every bound of the parser, with its reason.

/// Bytes of a message's body that are kept: what the kernel side copies of one segment.
pub(super) const MAX_BODY: usize = 1024;

/// Longest body that is believed: 256 MiB (specification, section 2.5 of version 4).
pub(super) const MAX_LENGTH: u32 = 256 << 20;

/// Most bytes that the caller has to keep.
pub const MAX_KEPT: usize = MAX_BODY + 16;
