//! Every bound of the parser, with its reason.

/// Bytes of a request or response that are kept: twice what the kernel side copies of one segment.
pub const MAX_KEPT: usize = 8192;

/// Longest request or response that is believed: more than a broker's `socket.request.max.bytes` (100 MiB by default).
pub(super) const MAX_SIZE: u32 = 0x0fff_ffff;

/// Beyond the newest API key by some margin (Kafka 4 has 92).
pub(super) const MAX_KEY: i16 = 100;

/// Beyond the newest version of any API by some margin.
pub(super) const MAX_VERSION: i16 = 24;

/// Bytes of a client id.
pub(super) const MAX_CLIENT: usize = 255;
