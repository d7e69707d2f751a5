//! What was published, received or handled.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::spans::span::Link;

/// What is done with messages (`messaging.operation.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// They are handed to the broker.
    Send,
    /// They are asked for, and come.
    Receive,
    /// The broker hands them over, and they are handled.
    Process,
}

impl Operation {
    /// As the conventions name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Receive => "receive",
            Self::Process => "process",
        }
    }
}

/// Messages that lie one behind the other in a partition: their identity, together with the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offsets {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The first message.
    pub first: i64,
    /// The last message.
    pub last: i64,
}

/// Messages, by the semantic conventions for messaging spans 1.44.
#[derive(Clone, Debug)]
pub struct Message {
    /// `messaging.system`
    pub system: &'static str,
    /// `messaging.operation.name`
    pub operation: &'static str,
    /// `messaging.operation.type`
    pub kind: Operation,
    /// The broker's side of it is a span too, where the broker is on this host.
    pub has_server: bool,
    /// `messaging.destination.name`; none where there are several.
    pub destination: Option<Arc<str>>,
    /// `messaging.destination.partition.id`
    pub partition: Option<i32>,
    /// `messaging.consumer.group.name`
    pub group: Option<Arc<str>>,
    /// `messaging.client.id`
    pub client: Option<Arc<str>>,
    /// `messaging.message.id`
    pub id: Option<Box<str>>,
    /// `messaging.message.conversation_id`
    pub conversation: Option<Box<str>>,
    /// `messaging.kafka.offset`, of a single message.
    pub offset: Option<i64>,
    /// `messaging.batch.message_count`, of operations that take several.
    pub count: Option<u32>,
    /// `messaging.message.body.size`, bytes, of a single message.
    pub body_bytes: Option<u64>,
    /// `messaging.rabbitmq.destination.routing_key`
    pub routing_key: Option<Box<str>>,
    /// `messaging.rabbitmq.message.delivery_tag`
    pub delivery_tag: Option<u64>,
    /// Why it failed; `error.type`.
    pub error: Option<Box<str>>,
    /// Where answers go: nobody else uses that name.
    pub inbox: Option<Arc<str>>,
    /// What the broker made of what was published.
    pub published: SmallVec<[Offsets; 1]>,
    /// What was received.
    pub received: SmallVec<[Offsets; 1]>,
    /// Contexts that the messages carry, where there are several.
    pub contexts: Vec<Link>,
}

impl Message {
    /// A message of which nothing more is known.
    pub(in crate::spans) fn new(system: &'static str, operation: &'static str, kind: Operation) -> Self {
        Self {
            system,
            operation,
            kind,
            has_server: false,
            destination: None,
            partition: None,
            group: None,
            client: None,
            id: None,
            conversation: None,
            offset: None,
            count: None,
            body_bytes: None,
            routing_key: None,
            delivery_tag: None,
            error: None,
            inbox: None,
            published: SmallVec::new(),
            received: SmallVec::new(),
            contexts: Vec::new(),
        }
    }
}
