//! Every bound of the parser, with its reason.

/// Bytes of a line that are kept: what the kernel side copies of one segment. A command with one key has at most 350; one that asks for many has more,
/// which nobody needs.
pub const MAX_LINE: usize = 1024;

/// Digits of a length: those of 1 GiB, the largest value that can be configured, and one more.
pub(super) const MAX_DIGITS: usize = 11;
