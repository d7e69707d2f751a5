//! Every bound of the HTTP/1 parser, with its reason.

/// Bytes of a head that are waited for and kept; a head that has not ended by then is reported as truncated.
/// Servers refuse heads well below this (nginx 32 KiB, Node 16 KiB, Tomcat 8 KiB, Jetty 8 KiB).
pub const MAX_HEAD: usize = 64 * 1024;
