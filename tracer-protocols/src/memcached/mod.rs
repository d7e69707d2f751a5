//! Memcached: the text protocol with its meta commands (memcached's `doc/protocol.txt`), and the binary one (`doc/protocol-binary.txt`).
//!
//! Of a command its name is read, and whether it is answered; of an answer whether it is an error, and its end. Keys and values are passed over.
//!
//! | state | bytes | a gap |
//! |---|---|---|
//! | before a command or an answer | a line, or a header of 24 bytes | loses framing |
//! | within a value | its bytes unread | within them, none |
//! | within a line too long to be kept | up to its end, unread | taken for a part of it |
//! | commands adrift | what begins with a command goes on | |
//! | answers adrift | what ends an answer goes on there | |

mod binary;
mod limits;
mod reply;
mod request;
mod text;

pub use limits::MAX_LINE;
pub use reply::{Replies, Reply};
pub use request::{Answered, Command, Requests};

pub use crate::framing::Detection;

/// Whether `bytes` begin with a command.
pub fn detect(bytes: &[u8]) -> Detection {
    request::detect(bytes)
}
