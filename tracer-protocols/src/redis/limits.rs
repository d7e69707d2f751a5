//! Every bound of the parser, with its reason.

/// Bytes of a line that is kept until its end comes. Errors are a sentence; numbers and lengths have at most twenty digits.
pub const MAX_LINE: usize = 512;

/// Digits of a count or a length: those of 512 MiB, the largest value (`proto-max-bulk-len`), and some.
pub(super) const MAX_DIGITS: usize = 10;

/// Bytes of a command's name. The longest in Redis 8 has 20.
pub(super) const MAX_NAME: usize = 32;

/// Bytes that the head of a command takes: count, length, name, and the same of a subcommand.
pub const MAX_COMMAND: usize = 2 * (MAX_DIGITS + 3) + MAX_NAME + 2 + (MAX_DIGITS + 3) + MAX_NAME + 2;
