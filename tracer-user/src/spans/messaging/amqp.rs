//! Messages of AMQP 0-9-1: published, and confirmed where the channel confirms; delivered, and acknowledged where the consumer has to; asked for one by one.
//!
//! Seen from the client's end only: what a broker does with a message is no part of one exchange.

use std::{collections::HashMap, sync::Arc};

use foldhash::fast::RandomState;
use tracer_protocols::{
    amqp::{Consume, Frames, Message as Said, Method, Properties, Routed, Settled},
    context::HeaderLines,
    contract::{Follows, Gap, Side, Step},
};

use super::{
    super::both_ways::both_ways,
    act::{Act, Key, Outcome},
    message::{Message, Operation},
    reading::Reading,
    talk::Talk,
};

/// Channels of a connection; servers allow 2047.
const MAX_CHANNELS: usize = 2048;
/// Consumers of a channel that are remembered.
const MAX_CONSUMERS: usize = 256;

/// The protocol's state.
#[derive(Debug)]
pub(in crate::spans) struct Amqp {
    frames: [Frames; 2],
    is_broker: bool,
    meaning: Meaning,
}

#[derive(Debug, Default)]
struct Meaning {
    channels: HashMap<u16, Channel, RandomState>,
    lines: HeaderLines,
}

#[derive(Debug, Default)]
struct Channel {
    /// What was announced, by side: its properties follow.
    announced: [Option<Announced>; 2],
    /// The number of the next message that is published, once they are confirmed.
    next_confirm: Option<u64>,
    /// Why the message that is confirmed next came back.
    returned: Option<u16>,
    consumers: HashMap<Box<[u8]>, Consumer, RandomState>,
    /// The consumer that the server is to name.
    unnamed: Option<Consumer>,
    /// What one message was asked for of.
    getting: Option<Arc<str>>,
    /// The client acknowledges deliveries.
    acknowledges: bool,
}

#[derive(Clone, Debug)]
struct Consumer {
    queue: Arc<str>,
    no_ack: bool,
}

/// A method whose content follows.
#[derive(Debug)]
enum Announced {
    Publish(Route),
    Deliver {
        route: Route,
        consumer: Option<Consumer>,
        tag: u64,
    },
    Get {
        route: Route,
        tag: u64,
    },
    /// Of no interest.
    Return,
}

#[derive(Debug)]
struct Route {
    exchange: Box<str>,
    key: Box<str>,
}

impl Route {
    fn new(routed: &Routed<'_>) -> Self {
        let text = |bytes| String::from_utf8_lossy(bytes).into();
        Self { exchange: text(routed.exchange), key: text(routed.routing_key) }
    }

    /// `messaging.destination.name` by the conventions for RabbitMQ: exchange, routing key and queue, without those that are empty and without saying the
    /// last twice.
    fn destination(&self, queue: Option<&str>) -> Arc<str> {
        let queue = queue.filter(|queue| *queue != &*self.key);
        let parts = [&*self.exchange, &*self.key, queue.unwrap_or_default()];
        let name = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(":");
        if name.is_empty() { "amq.default".into() } else { name.into() }
    }
}

impl Amqp {
    /// `is_broker`: this end is the broker's.
    pub(in crate::spans) fn new(is_broker: bool) -> Self {
        Self { frames: Default::default(), is_broker, meaning: Meaning::default() }
    }
}

impl Talk for Amqp {
    fn step(
        &mut self,
        side: Side,
        bytes: &[u8],
        follows: Follows,
        reading: &mut Reading<'_>,
        acts: &mut Vec<Act>,
    ) -> Step<()> {
        if self.is_broker {
            acts.push(Act::Leave);
            return Step::NeedMore;
        }
        self.frames[side as usize].step(bytes, follows).map(|said| match said {
            Said::Method(channel, method) => self.meaning.method(side, channel, method, acts),
            Said::Content(channel, properties, body) => {
                self.meaning.content(side, channel, properties, body, reading, acts);
            }
            Said::Protocol | Said::Other => {}
        })
    }

    both_ways!(frames);

    fn lost(&mut self, side: Side) {
        for channel in self.meaning.channels.values_mut() {
            channel.announced[side as usize] = None;
            // How many were published is not known any more.
            if side == Side::Request {
                channel.next_confirm = None;
            }
        }
    }
}

impl Meaning {
    fn method(&mut self, side: Side, number: u16, method: Method<'_>, acts: &mut Vec<Act>) {
        if self.channels.len() >= MAX_CHANNELS && !self.channels.contains_key(&number) {
            return;
        }
        let channel = self.channels.entry(number).or_default();
        if side == Side::Request {
            channel.asks(number, method, acts);
        } else {
            acts.push(Act::Confirm);
            channel.answers(number, method, acts);
        }
    }

    fn content(
        &mut self,
        side: Side,
        number: u16,
        properties: Properties<'_>,
        body: u64,
        reading: &Reading<'_>,
        acts: &mut Vec<Act>,
    ) {
        let Some(channel) = self.channels.get_mut(&number) else { return };
        let Some(announced) = channel.announced[side as usize].take() else { return };
        let carried = reading.context(&mut self.lines, properties.headers());
        let fill = |message: &mut Message, route: &Route, queue: Option<&str>| {
            let text = |bytes: &[u8]| (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes).into());
            message.destination = Some(route.destination(queue));
            message.routing_key = Some(route.key.clone()).filter(|key| !key.is_empty());
            message.id = text(properties.message_id);
            message.conversation = text(properties.correlation_id);
            message.body_bytes = Some(body);
        };
        match announced {
            Announced::Publish(route) => {
                let mut message = Message::new("rabbitmq", "publish", Operation::Send);
                fill(&mut message, &route, None);
                let key = channel.next_confirm.as_mut().map(|next| {
                    let tag = *next;
                    *next += 1;
                    Key::Confirm(number, tag)
                });
                acts.push(Act::Open { message: Box::new(message), carried, key });
            }
            Announced::Deliver { route, consumer, tag } => {
                let mut message = Message::new("rabbitmq", "process", Operation::Process);
                fill(&mut message, &route, consumer.as_ref().map(|consumer| &*consumer.queue));
                message.delivery_tag = Some(tag);
                // Of a consumer from before the tracer it is known once it has acknowledged something.
                let acknowledged = consumer.map_or(channel.acknowledges, |consumer| !consumer.no_ack);
                let key = acknowledged.then_some(Key::Delivery(number, tag));
                acts.push(Act::Open { message: Box::new(message), carried, key });
            }
            Announced::Get { route, tag } => {
                let mut message = Message::new("rabbitmq", "receive", Operation::Receive);
                fill(&mut message, &route, channel.getting.take().as_deref());
                message.delivery_tag = Some(tag);
                acts.push(Act::Tell { message: Box::new(message), carried, key: Key::Get(number) });
            }
            Announced::Return => {}
        }
    }
}

impl Channel {
    /// The client's methods.
    fn asks(&mut self, number: u16, method: Method<'_>, acts: &mut Vec<Act>) {
        match method {
            Method::ChannelOpen => *self = Self::default(),
            Method::Confirm => self.next_confirm = Some(self.next_confirm.unwrap_or(1)),
            Method::Publish(routed) => {
                self.announced[Side::Request as usize] = Some(Announced::Publish(Route::new(&routed)));
            }
            Method::Consume(Consume { queue, consumer, no_ack, no_wait: _ }) => {
                let made = Consumer { queue: String::from_utf8_lossy(queue).into(), no_ack };
                if consumer.is_empty() {
                    self.unnamed = Some(made);
                } else {
                    self.remember(consumer, made);
                }
            }
            Method::Get { queue, no_ack: _ } => {
                self.getting = Some(String::from_utf8_lossy(queue).into());
                acts.push(Act::Ask(Key::Get(number)));
            }
            Method::Ack(settled) => self.settle(number, settled, None, acts),
            Method::Nack(settled) => self.settle(number, settled, Some("nack"), acts),
            Method::Reject(tag) => {
                self.settle(number, Settled { tag, multiple: false }, Some("reject"), acts);
            }
            _ => {}
        }
    }

    fn settle(&mut self, number: u16, settled: Settled, error: Option<&str>, acts: &mut Vec<Act>) {
        self.acknowledges = true;
        let outcome = Outcome { error: error.map(Into::into), ..Outcome::default() };
        acts.push(close(|tag| Key::Delivery(number, tag), settled, outcome));
    }

    fn remember(&mut self, name: &[u8], consumer: Consumer) {
        if self.consumers.len() < MAX_CONSUMERS || self.consumers.contains_key(name) {
            self.consumers.insert(name.into(), consumer);
        }
    }

    /// The server's methods.
    fn answers(&mut self, number: u16, method: Method<'_>, acts: &mut Vec<Act>) {
        let announced = &mut self.announced[Side::Response as usize];
        match method {
            Method::ConsumeOk(name) => {
                if let Some(consumer) = self.unnamed.take() {
                    self.remember(name, consumer);
                }
            }
            Method::Deliver { consumer, tag, redelivered: _, routed } => {
                let consumer = self.consumers.get(consumer).cloned();
                *announced = Some(Announced::Deliver { route: Route::new(&routed), consumer, tag });
            }
            Method::GetOk { tag, routed } => {
                *announced = Some(Announced::Get { route: Route::new(&routed), tag });
            }
            Method::GetEmpty => acts.push(Act::Forget(Key::Get(number))),
            Method::Return(code, _) => {
                self.returned = Some(code);
                *announced = Some(Announced::Return);
            }
            Method::Ack(settled) => {
                let error = self.returned.take().map(|code| code.to_string().into());
                let outcome = Outcome { error, ..Outcome::default() };
                acts.push(close(|tag| Key::Confirm(number, tag), settled, outcome));
            }
            Method::Nack(settled) => {
                let outcome = Outcome { error: Some("nack".into()), ..Outcome::default() };
                acts.push(close(|tag| Key::Confirm(number, tag), settled, outcome));
            }
            Method::Close(_) => *self = Self::default(),
            _ => {}
        }
    }
}

/// Number 0 with `multiple` stands for all that there are.
fn close(key: impl Fn(u64) -> Key, settled: Settled, outcome: Outcome) -> Act {
    match settled {
        Settled { tag: 0, multiple: true } => Act::CloseUpTo(key(u64::MAX), outcome),
        Settled { tag, multiple: true } => Act::CloseUpTo(key(tag), outcome),
        Settled { tag, multiple: false } => Act::Close(key(tag), outcome),
    }
}
