//! MQTT 3.1.1 and 5 (OASIS standards).
//!
//! Both sides send packets with a length. Of a published message topic, packet id and properties are read; payloads are passed over.
//!
//! | state | bytes | a gap |
//! |---|---|---|
//! | before a packet | type, length, and what is kept of the packet | loses framing |
//! | within a packet | unread | within the unread part, none |
//! | adrift | what is one whole packet, or begins with a message, goes on | |

mod packet;
mod properties;

pub use packet::{Detection, MAX_KEPT, Message, Packets, Settles, detect};
pub use properties::{Properties, properties};
