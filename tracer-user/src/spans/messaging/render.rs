//! Attributes, name, kind and status of messaging spans, by the semantic conventions for messaging spans 1.44.

use std::sync::Arc;

use super::message::{Message, Operation};
use crate::spans::{
    exchange::Exchange,
    render::Attributes,
    span::{MESSAGING_SYSTEM, SpanKind, Value},
};

/// The kind of a span: that of the client's side says what it does with messages, that of the broker's is SERVER.
///
/// The conventions give CLIENT to a receive. Those that brought messages are CONSUMER here, so that whoever draws edges from producers to consumers finds them.
pub(in crate::spans) fn kind(exchange: &Exchange, message: &Message) -> SpanKind {
    match message.kind {
        Operation::Process => SpanKind::Consumer,
        _ if exchange.kind == SpanKind::Server => SpanKind::Server,
        Operation::Send => SpanKind::Producer,
        Operation::Receive => SpanKind::Consumer,
    }
}

/// Attributes of a message but those of its connection's ends. Returns the span's name and whether it failed.
pub(in crate::spans) fn describe(
    attributes: &mut Attributes,
    exchange: &Exchange,
    message: &Message,
) -> (Arc<str>, bool) {
    attributes.put(MESSAGING_SYSTEM, Value::Static(message.system));
    attributes.put("messaging.operation.name", Value::Static(message.operation));
    attributes.put("messaging.operation.type", Value::Static(message.kind.name()));
    let shared = [
        ("messaging.destination.name", &message.destination),
        ("messaging.consumer.group.name", &message.group),
        ("messaging.client.id", &message.client),
    ];
    for (key, value) in shared {
        if let Some(value) = value {
            attributes.put(key, Value::Shared(value.clone()));
        }
    }
    // The conventions have partitions as text.
    let partition = message.partition.map(|partition| partition.to_string().into());
    let own = [
        ("messaging.destination.partition.id", &partition),
        ("messaging.message.id", &message.id),
        ("messaging.message.conversation_id", &message.conversation),
        ("messaging.rabbitmq.destination.routing_key", &message.routing_key),
    ];
    for (key, value) in own {
        if let Some(value) = value {
            attributes.put(key, Value::Str(value.clone()));
        }
    }
    let numbers = [
        ("messaging.kafka.offset", message.offset),
        ("messaging.batch.message_count", message.count.map(i64::from)),
        ("messaging.message.body.size", message.body_bytes.map(|bytes| bytes as i64)),
        ("messaging.rabbitmq.message.delivery_tag", message.delivery_tag.map(|tag| tag as i64)),
    ];
    for (key, value) in numbers {
        if let Some(value) = value {
            attributes.put(key, Value::Int(value));
        }
    }
    let error = match (&message.error, exchange.failure) {
        (Some(error), _) => Some(Value::Str(error.clone())),
        (None, Some(failure)) => Some(Value::Static(failure.error_type())),
        (None, None) => None,
    };
    let failed = error.is_some();
    if let Some(error) = error {
        attributes.put("error.type", error);
    }
    let name = match &message.destination {
        Some(destination) => format!("{} {destination}", message.operation).into(),
        None => message.operation.into(),
    };
    (name, failed)
}
