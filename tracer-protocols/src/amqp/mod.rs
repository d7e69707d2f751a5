//! AMQP 0-9-1, RabbitMQ's protocol ("AMQP Version 0-9-1 Specification", with RabbitMQ's extensions).
//!
//! Read are the methods that publish, deliver and settle messages, and the properties of contents; bodies are passed over by their lengths.
//!
//! | state | bytes | a gap |
//! |---|---|---|
//! | before a frame | type, channel, size, and what is kept of the payload | loses framing |
//! | within a frame | what is not kept, and the end octet | within the unread part, none |
//! | adrift | what begins with a frame of methods goes on | |

mod frame;
mod method;
mod properties;

pub use frame::{Detection, Frames, MAX_KEPT, Message, detect};
pub use method::{Consume, Method, Routed, Settled};
pub use properties::Properties;
