//! Every bound of the parser, with its reason.

/// Bytes of a message that are kept: what the kernel side copies of a datagram.
pub const MAX_MESSAGE: usize = 512;

/// Most bytes that the caller has to keep of a TCP connection.
pub const MAX_KEPT: usize = MAX_MESSAGE + 8;

/// Bytes of a name as it is sent (RFC 1035, section 2.3.4).
pub(super) const MAX_NAME: usize = 255;

/// Names that one name may refer to, each further to the front: as many as labels fit into one.
pub(super) const MAX_POINTERS: usize = 128;

/// Records of an answer that are looked at.
pub(super) const MAX_RECORDS: usize = 64;
