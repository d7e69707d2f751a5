//! PostgreSQL's protocol 3 (PostgreSQL documentation, chapter "Frontend/Backend Protocol").
//!
//! Read are the startup's database, statements, the names of prepared ones, and of answers errors, command tags and where they end. Rows and
//! COPY data are passed over by their lengths.
//!
//! | state | bytes | a gap |
//! |---|---|---|
//! | before a message | tag and length, or a startup message | loses framing |
//! | within a message | what is kept of it, the rest unread | within the unread part, none |
//! | requests adrift | what begins with a message, or ends in Sync, goes on | |
//! | answers adrift | what ends in ReadyForQuery goes on there | |

mod answer;
mod limits;
mod message;
mod request;

pub use answer::{Answer, Answers};
pub use limits::MAX_KEPT;
pub use request::{Request, Requests};

pub use crate::framing::Detection;

/// Whether `bytes` begin with the client's first message, or with a statement.
pub fn detect(bytes: &[u8]) -> Detection {
    request::detect(bytes)
}
