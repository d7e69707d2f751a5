//! Every bound of the parser, with its reason.

/// Bytes of a statement that are kept: twice what the kernel side copies of one segment.
pub(super) const MAX_STATEMENT: usize = 2048;

/// Bytes of a database's name that are kept: it has at most 64 characters (MySQL manual, "Identifier Length Limits").
pub(super) const MAX_NAME: usize = 256;

/// Bytes of the client's login that are kept: the database stands behind the user's name and a hash.
pub(super) const MAX_LOGIN: usize = 1024;

/// Bytes of the server's greeting that are kept: it begins with the version.
pub(super) const MAX_GREETING: usize = 128;

/// Bytes of the end of a result: a byte, two numbers of at most nine, flags.
pub(super) const MAX_END: usize = 24;

/// Most columns that are believed (MySQL manual, "Limits on Table Column Count": 4096).
pub(super) const MAX_COLUMNS: u64 = 65_535;

/// Length of a packet that goes on in the next one.
pub(super) const GOES_ON: usize = 0xff_ffff;

/// Most bytes that the caller has to keep.
pub const MAX_KEPT: usize = MAX_STATEMENT + 8;
