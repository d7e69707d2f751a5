//! Every bound of the parser, with its reason.

/// Bytes of parameters that are kept: what the kernel side copies of a request's head.
pub(super) const MAX_PARAMS: usize = 4096;

/// Bytes of the head of an answer that are looked at: what the kernel side copies of it.
pub(super) const MAX_HEAD: usize = 1024;

/// Most bytes that the caller has to keep: two records' headers, the first one's body and padding, and parameters.
pub const MAX_KEPT: usize = 8 + 8 + 255 + 8 + MAX_PARAMS + 8;
