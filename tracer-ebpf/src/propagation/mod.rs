//! Trace context written into requests.
//!
//! A socket that connects is put into a `SOCKHASH`, whose `sk_msg` program then sees the first message that is sent on it. If
//! that is a whole head of an HTTP/1 request of which the trace is known, a `traceparent` line is inserted. Either way the
//! socket leaves the map with that message, or with the first byte that it receives: all that it does afterwards goes
//! through the kernel's ordinary code, whose behaviour a socket in such a map does not have in all things (FIONREAD,
//! splice, signals).

mod cause;
mod enrol;
mod head;
mod id;
mod peer;
mod write;

pub(crate) use cause::{Hand, gone, passed};
pub(crate) use peer::Peer;
pub(crate) use write::{Line, take_written};
