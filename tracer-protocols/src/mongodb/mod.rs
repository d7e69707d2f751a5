//! MongoDB's wire protocol: `OP_MSG`, what of `OP_QUERY` and `OP_REPLY` drivers still begin with, and `OP_COMPRESSED`, whose content the caller
//! decompresses (MongoDB manual, "MongoDB Wire Protocol"; BSON specification 1.1).
//!
//! Of a command its name, collection and database are read, of an answer the code of its error. Everything else is passed over by its length.
//!
//! | state | bytes | a gap |
//! |---|---|---|
//! | before a message | a header of 16 bytes and the front of the body | loses framing |
//! | within a message | its bytes unread | within them, none |
//! | commands adrift | what begins with a command goes on | |
//! | answers adrift | what begins with an answer goes on | |

mod bson;
mod content;
mod limits;
mod message;
mod stream;

pub use content::{Command, Outcome, command, outcome};
pub use limits::MAX_MESSAGE;
pub use message::Compressor;
pub use stream::{Answer, Answers, Body, Request, Requests};

use crate::contract::Side;
pub use crate::framing::Detection;

/// Whether `bytes` begin with a command.
pub fn detect(bytes: &[u8]) -> Detection {
    match message::header(bytes) {
        Some(Ok(header)) if header.answers == 0 && header.operation.asks() => Detection::Found(Side::Request),
        None if bytes.get(3).is_none_or(|&highest| highest < 4)
            && bytes.get(8).is_none_or(|&byte| byte == 0) =>
        {
            Detection::NeedMore
        }
        _ => Detection::No,
    }
}
