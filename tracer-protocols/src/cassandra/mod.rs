//! Cassandra's native protocol, versions 3 to 5 (Apache Cassandra, `doc/native_protocol_v4.spec` and `native_protocol_v5.spec`).
//!
//! Of a request the statement is read, or the id of a prepared one, of an answer the code of its error. Rows and values are passed over by their lengths.
//!
//! | state | bytes | a gap |
//! |---|---|---|
//! | before a message | a header of 9 bytes; of version 5, in frames | loses framing |
//! | within a message | what is kept of it, the rest unread | within the unread part of one frame, none |
//! | adrift | what begins with a message, or a frame with one, goes on | |

mod answer;
mod body;
mod frame;
mod limits;
mod request;

pub use answer::{Answer, Answers, Outcome};
pub use limits::MAX_KEPT;
pub use request::{Asks, Request, Requests};

pub use crate::framing::Detection;

/// Whether `bytes` begin with a client's message.
pub fn detect(bytes: &[u8]) -> Detection {
    request::detect(bytes)
}
