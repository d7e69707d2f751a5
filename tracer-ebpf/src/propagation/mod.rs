//! Trace context written into requests.
//!
//! A socket that connects is put into a `SOCKHASH`, whose `sk_msg` program then sees the first message that is sent on it. If
//! that is a whole head of an HTTP/1 request of which the trace is known, a `traceparent` line is inserted. Either way the
//! socket leaves the map with that message, or with the first byte that it receives: all that it does afterwards goes
//! through the kernel's ordinary code, whose behaviour a socket in such a map does not have in all things (FIONREAD,
//! splice, signals). A socket that begins with the preface of HTTP/2 stays until its first request, or for good if that is asked for.

mod cause;
mod enrol;
mod head;
mod id;
mod line;
mod peer;
mod streams;
mod write;

pub(crate) use cause::{Hand, Server, gone, passed, serves_unread};
pub(crate) use line::{Line, take_written};
pub(crate) use peer::Peer;
pub(crate) use streams::Followed;
