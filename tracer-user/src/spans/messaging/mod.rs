//! Brokers: their protocols, driven into exchanges.

mod act;
mod amqp;
mod kafka;
mod message;
mod mqtt;
mod nats;
mod reading;
pub(super) mod render;
mod session;
mod talk;
mod topics;

pub(super) use amqp::Amqp;
pub(super) use kafka::Kafka;
pub use message::{Message, Offsets, Operation};
pub(super) use mqtt::Mqtt;
pub(super) use nats::Nats;
pub use reading::Reading;
pub(super) use session::{Drive, Session};
pub(super) use talk::Talk;
pub use topics::Topics;
