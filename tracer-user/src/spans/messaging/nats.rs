//! Messages of NATS. One that is published with a place for answers is a request: it is over when the answer comes, for its sender, and when it is sent, for
//! who handles it. That place has a name that nobody else uses, which joins the two.
//!
//! Seen from the client's end only: what a server does with a message is no part of one exchange.

use std::{collections::HashMap, sync::Arc};

use foldhash::fast::RandomState;
use tracer_protocols::{
    context::HeaderLines,
    contract::{Follows, Gap, Side, Step},
    nats::{Message as Said, Parser},
};

use super::{
    super::both_ways::both_ways,
    act::{Act, Key, Outcome},
    message::{Message, Operation},
    reading::Reading,
    talk::Talk,
};

/// Subscriptions of a connection that are remembered.
const MAX_SUBSCRIPTIONS: usize = 4096;
/// Subjects of clients for answers begin like this ("NATS client protocol"; clients may be told another prefix).
const INBOX: &[u8] = b"_INBOX.";
/// What acknowledges a message of a stream is published here (ADR-15).
const ACKNOWLEDGE: &[u8] = b"$JS.ACK.";

/// The protocol's state.
#[derive(Debug)]
pub(in crate::spans) struct Nats {
    parsers: [Parser; 2],
    is_broker: bool,
    meaning: Meaning,
}

#[derive(Debug, Default)]
struct Meaning {
    /// Queues of those subscriptions that are of one.
    queues: HashMap<Box<[u8]>, Arc<str>, RandomState>,
    lines: HeaderLines,
}

impl Nats {
    /// `is_broker`: this end is the server's.
    pub(in crate::spans) fn new(is_broker: bool) -> Self {
        Self { parsers: Default::default(), is_broker, meaning: Meaning::default() }
    }
}

impl Talk for Nats {
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
        self.parsers[side as usize].step(bytes, follows).map(|said| {
            if side == Side::Response && said != Said::Info {
                acts.push(Act::Confirm);
            }
            match said {
                Said::Publish { .. } if side == Side::Request => {
                    self.meaning.published(&said, reading, acts);
                }
                Said::Deliver { .. } if side == Side::Response => {
                    self.meaning.delivered(&said, reading, acts);
                }
                Said::Subscribe { queue, subscription, .. } => self.meaning.subscribe(queue, subscription),
                _ => {}
            }
        })
    }

    both_ways!(parsers);
}

impl Meaning {
    fn subscribe(&mut self, queue: &[u8], subscription: &[u8]) {
        if queue.is_empty() {
            self.queues.remove(subscription);
        } else if self.queues.len() < MAX_SUBSCRIPTIONS {
            self.queues.insert(subscription.into(), String::from_utf8_lossy(queue).into());
        }
    }

    fn published(&mut self, said: &Said<'_>, reading: &Reading<'_>, acts: &mut Vec<Act>) {
        let &Said::Publish { subject, reply, body, .. } = said else { return };
        if let Some(key) = due(subject) {
            acts.push(Act::Close(key, Outcome::default()));
            return;
        }
        if is_internal(subject) {
            return;
        }
        let carried = reading.context(&mut self.lines, said.headers());
        let asks = reply.starts_with(INBOX);
        let mut message = Message::new("nats", if asks { "request" } else { "publish" }, Operation::Send);
        message.destination = Some(String::from_utf8_lossy(subject).into());
        message.body_bytes = Some(body);
        message.inbox = asks.then(|| String::from_utf8_lossy(reply).into());
        let key = asks.then(|| Key::Answer(reply.into()));
        acts.push(Act::Open { message: Box::new(message), carried, key });
    }

    fn delivered(&mut self, said: &Said<'_>, reading: &Reading<'_>, acts: &mut Vec<Act>) {
        let &Said::Deliver { subject, subscription, reply, body, .. } = said else { return };
        if subject.starts_with(INBOX) {
            // ADR-4: 503 where nobody listens.
            let failed = said.status().filter(|status| status.first().is_some_and(|digit| *digit >= b'4'));
            let error = failed.map(|status| String::from_utf8_lossy(status).into());
            acts.push(Act::Close(Key::Answer(subject.into()), Outcome { error, ..Outcome::default() }));
            return;
        }
        if is_internal(subject) {
            return;
        }
        let carried = reading.context(&mut self.lines, said.headers());
        let mut message = Message::new("nats", "process", Operation::Process);
        message.destination = Some(String::from_utf8_lossy(subject).into());
        message.group = self.queues.get(subscription).cloned();
        message.body_bytes = Some(body);
        let asks = reply.starts_with(INBOX);
        message.inbox = asks.then(|| String::from_utf8_lossy(reply).into());
        acts.push(Act::Supersede);
        acts.push(Act::Open { message: Box::new(message), carried, key: due(reply) });
    }
}

/// What is over once something is published under this name: whoever was asked has answered, or has acknowledged a message of a stream.
fn due(subject: &[u8]) -> Option<Key> {
    if subject.starts_with(INBOX) {
        Some(Key::Reply(subject.into()))
    } else {
        subject.starts_with(ACKNOWLEDGE).then(|| Key::Acknowledgement(subject.into()))
    }
}

/// Subjects by which clients and servers speak of streams and accounts, not of anything that applications say.
fn is_internal(subject: &[u8]) -> bool {
    subject.starts_with(b"$")
}
