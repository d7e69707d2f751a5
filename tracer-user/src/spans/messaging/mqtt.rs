//! Messages of MQTT: published, and acknowledged where the quality of service wants it, both ways.
//!
//! Seen from the client's end only: what a broker does with a message is no part of one exchange.

use std::{collections::HashMap, sync::Arc};

use foldhash::fast::RandomState;
use tracer_protocols::{
    context::HeaderLines,
    contract::{Follows, Gap, Side, Step},
    mqtt::{self, Message as Said, Packets, Settles},
};

use super::{
    super::both_ways::both_ways,
    act::{Act, Key, Outcome},
    message::{Message, Operation},
    reading::Reading,
    talk::Talk,
};

/// Topics of a connection that have a number.
const MAX_ALIASES: usize = 1024;
/// The first version with properties.
const WITH_PROPERTIES: u8 = 5;
/// Reason codes from here on say that something failed (MQTT 5, section 2.4).
const FAILED: u8 = 0x80;

/// The protocol's state.
#[derive(Debug)]
pub(in crate::spans) struct Mqtt {
    packets: [Packets; 2],
    is_broker: bool,
    meaning: Meaning,
}

#[derive(Debug, Default)]
struct Meaning {
    version: u8,
    client: Option<Arc<str>>,
    /// Topics by their numbers, by side.
    aliases: [HashMap<u16, Arc<str>, RandomState>; 2],
    lines: HeaderLines,
}

impl Mqtt {
    /// `is_broker`: this end is the broker's.
    pub(in crate::spans) fn new(is_broker: bool) -> Self {
        Self { packets: Default::default(), is_broker, meaning: Meaning::default() }
    }
}

impl Talk for Mqtt {
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
        self.packets[side as usize].step(bytes, follows).map(|said| match said {
            Said::Connect { version, client } => self.meaning.connect(version, client),
            Said::ConnAck(0) => acts.push(Act::Confirm),
            Said::Publish { .. } => self.meaning.publish(side, &said, reading, acts),
            Said::Settle { step, id, reason } => settle(side, step, id, reason, acts),
            Said::ConnAck(_) | Said::Other => {}
        })
    }

    both_ways!(packets);
}

impl Meaning {
    fn connect(&mut self, version: u8, client: &[u8]) {
        self.version = version;
        self.client = (!client.is_empty()).then(|| String::from_utf8_lossy(client).into());
    }

    fn publish(&mut self, side: Side, said: &Said<'_>, reading: &Reading<'_>, acts: &mut Vec<Act>) {
        let &Said::Publish { duplicate, topic, id, rest, bytes, .. } = said else { return };
        if duplicate && side == Side::Request {
            // It is on its way already.
            return;
        }
        let properties = if self.version >= WITH_PROPERTIES { mqtt::properties(rest) } else { None };
        let alias = properties.and_then(|properties| properties.topic_alias());
        let carried = properties.and_then(|properties| reading.context(&mut self.lines, properties.user()));
        let mut message = match side {
            Side::Request => Message::new("mqtt", "publish", Operation::Send),
            Side::Response => Message::new("mqtt", "process", Operation::Process),
        };
        message.destination = self.topic(side, topic, alias);
        message.client.clone_from(&self.client);
        message.body_bytes = bytes.checked_sub(properties.map_or(0, |properties| properties.size));
        let key = id.map(|id| if side == Side::Request { Key::Sent(id) } else { Key::Received(id) });
        acts.push(Act::Open { message: Box::new(message), carried, key });
    }

    /// The topic, by its name or by the number that stands for it.
    fn topic(&mut self, side: Side, topic: &[u8], alias: Option<u16>) -> Option<Arc<str>> {
        let aliases = &mut self.aliases[side as usize];
        if topic.is_empty() {
            return aliases.get(&alias?).cloned();
        }
        let topic: Arc<str> = String::from_utf8_lossy(topic).into();
        if let Some(alias) = alias
            && aliases.len() < MAX_ALIASES
        {
            aliases.insert(alias, topic.clone());
        }
        Some(topic)
    }
}

/// A message that went the other way is acknowledged. One that is to arrive exactly once is over with the last step, or with the first that refuses it.
fn settle(side: Side, step: Settles, id: u16, reason: u8, acts: &mut Vec<Act>) {
    let failed = reason >= FAILED;
    let over = matches!(step, Settles::Once | Settles::Complete) || failed && step == Settles::Received;
    if !over {
        return;
    }
    let key = if side == Side::Response { Key::Sent(id) } else { Key::Received(id) };
    let error = failed.then(|| reason.to_string().into());
    acts.push(Act::Close(key, Outcome { error, ..Outcome::default() }));
}
