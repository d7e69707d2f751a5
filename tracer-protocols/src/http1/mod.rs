//! HTTP/1.0 and HTTP/1.1 (RFC 9110, RFC 9112).
//!
//! Read: any method, keep-alive, pipelining, Content-Length, chunked bodies with extensions and trailers, bodies that
//! run until the connection closes, HEAD, 204, 304, interim 1xx answers, upgrades and CONNECT (told, then passed over),
//! obs-fold, bare LF line ends, empty lines before a start line.
//!
//! Not read: bodies. HTTP/0.9 (it has no status line), HTTP/2 and what an upgrade switches to are other protocols.

mod adrift;
mod chunks;
mod detect;
mod fields;
mod head;
mod headers;
pub mod limits;
mod message;
mod method;
mod parser;
mod start_line;
mod target;

pub use crate::contract::{Follows, Gap, Reason, Side, Step};
pub use detect::{Detection, detect};
pub(crate) use head::seen_fields;
pub use headers::{HeaderIter, Headers};
pub use message::{ContextHeader, ContextHeaders, End, Message, RequestHead, ResponseHead, Version};
pub use method::Method;
pub use parser::Parser;
pub(crate) use start_line::is_token;
pub use target::Target;
