//! NATS ("NATS client protocol" and ADR-4, "NATS message headers").
//!
//! Both sides speak in lines; a message follows the line that announces it. Its headers are read, the rest is passed over by its length.
//!
//! | state | bytes | a gap |
//! |---|---|---|
//! | before a line | up to its end, and headers behind it | loses framing |
//! | within a message | unread | within the message, none |
//! | adrift | what begins with a line that is known goes on | |

mod line;
mod parser;

pub use parser::{Detection, MAX_KEPT, Message, Parser, detect};
