//! DNS (RFC 1035, RFC 3596): questions and what answers say of addresses.
//!
//! Over UDP a datagram is a message, which [`read`] takes whole, or as far as it was captured. Over TCP ([`Parser`]) a length stands in front of each
//! (RFC 7766); there, answers come in any order.
//!
//! | state | bytes | a gap |
//! |---|---|---|
//! | before a message | length, then what is kept of the message | loses framing |
//! | within a message | unread | within the message, none |
//! | adrift | what begins with a question alone goes on | |

mod limits;
mod message;
mod name;
mod tcp;

pub use limits::{MAX_KEPT, MAX_MESSAGE};
pub use message::{Kind, Message, Question, rcode, read};
pub use name::Name;
pub use tcp::{Detection, Parser, detect};
