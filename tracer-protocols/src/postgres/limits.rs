//! Every bound of the parser, with its reason.

/// Bytes of a statement that are kept: twice what the kernel side copies of one segment.
pub(super) const MAX_STATEMENT: usize = 2048;

/// Bytes of names: `NAMEDATALEN` is 64, and there are two of them.
pub(super) const MAX_NAMES: usize = 256;

/// Bytes of the parameters of a startup message: user, database, and what the client says of itself.
pub(super) const MAX_STARTUP: usize = 1024;

/// Bytes of an error: its fields begin with severity and code.
pub(super) const MAX_ERROR: usize = 128;

/// Bytes of a command tag: `INSERT 0 ` and a number is the longest that matters.
pub(super) const MAX_TAG: usize = 64;

/// Longest message that is believed: `PQ_LARGE_MESSAGE_LIMIT` (src/include/libpq/libpq.h).
pub(super) const MAX_LENGTH: u32 = 0x3fff_ffff;

/// Most bytes that the caller has to keep.
pub const MAX_KEPT: usize = MAX_STATEMENT + 8;
