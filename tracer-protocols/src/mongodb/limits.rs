//! Every bound of the parser, with its reason.

/// Bytes of a message that are kept: what the kernel side copies of one segment.
pub const MAX_MESSAGE: usize = 1024;

/// Longest message that is believed: `maxMessageSizeBytes` of servers, 48,000,000, and some.
pub(super) const MAX_LENGTH: u32 = 64 << 20;
