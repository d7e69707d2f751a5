//! Every bound of the HTTP/1 parser, with its reason.

/// Bytes of a head that are waited for and kept; a head that has not ended by then is reported as truncated.
/// Servers refuse heads well below this (nginx 32 KiB, Node 16 KiB, Tomcat 8 KiB, Jetty 8 KiB).
pub const MAX_HEAD: usize = 64 * 1024;

/// Bytes of a method name. The longest registered one is UPDATEREDIRECTREF (17).
pub const MAX_METHOD: usize = 24;

/// Bytes of a chunk-size line, extensions included. The longest extension in wide use is a signature of some 90 bytes
/// (AWS Signature Version 4); servers refuse lines of a few KiB.
pub const MAX_CHUNK_LINE: usize = 4 * 1024;

/// Bytes of the last chunk with its trailers that are waited for and kept.
pub const MAX_TRAILERS: usize = 8 * 1024;

/// Bytes of a request target without line end that make [`detect`](super::detect()) sure. No other protocol begins with
/// an HTTP method and this much of a path.
pub const SURE_TARGET: usize = 64;

/// Bytes of a start line that are waited for where it stands in the place of a body that may be absent, or where framing
/// is lost. A head whose first line is longer is then taken for body.
pub const MAX_UNSURE_LINE: usize = 1024;

/// Bytes that [`Parser::resync`](super::Parser::resync) searches: a captured segment is shorter.
pub const RESYNC_WINDOW: usize = 64 * 1024;
