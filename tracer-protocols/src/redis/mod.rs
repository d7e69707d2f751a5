//! Redis and Valkey: RESP2 and RESP3 (<https://redis.io/docs/latest/develop/reference/protocol-spec/>).
//!
//! Of a request, the command's name and the number of its arguments are read, of a reply its kind and, if it is an error, the error's
//! first word. Arguments and values are passed over by their lengths. Inline commands (typed by hand) are not read.
//!
//! | state | bytes | a gap |
//! |---|---|---|
//! | before a request | `*N`, `$L`, name | loses framing |
//! | within its arguments | `$L`, then L bytes unread | loses framing, but within the L bytes |
//! | before or within a reply | a line, or `$L` and L bytes unread | as within a request |
//! | requests adrift | what begins with a known command goes on | |
//! | replies adrift | nothing: see [`Replies::restart`] | |

mod limits;
mod line;
mod reply;
mod request;

pub use limits::{MAX_COMMAND, MAX_LINE};
pub use reply::{Replies, Reply};
pub use request::{Command, Detection, Requests, detect};
