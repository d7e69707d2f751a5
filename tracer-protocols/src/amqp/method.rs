//! Methods (AMQP 0-9-1, part 2, "Class and method reference"; confirms and nack are RabbitMQ's).

use crate::{contract::Side, cursor::Cursor};

const CONNECTION: u16 = 10;
const CHANNEL: u16 = 20;
const BASIC: u16 = 60;
const CONFIRM: u16 = 85;

/// Where a message goes, or came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Routed<'a> {
    /// The exchange, empty for the default one.
    pub exchange: &'a [u8],
    /// The routing key.
    pub routing_key: &'a [u8],
}

/// Messages that are settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The newest of them.
    pub tag: u64,
    /// All before it on the channel are, too.
    pub multiple: bool,
}

/// A queue is subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consume<'a> {
    /// The queue; empty for the one that the channel declared last.
    pub queue: &'a [u8],
    /// The consumer's name; empty where the server is to make one.
    pub consumer: &'a [u8],
    /// Its messages need no acknowledgement.
    pub no_ack: bool,
    /// No answer is wanted.
    pub no_wait: bool,
}

/// A method, as far as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method<'a> {
    /// A virtual host is chosen.
    Open(&'a [u8]),
    /// The connection or channel ends, for a reason by its code.
    Close(u16),
    /// A channel is opened.
    ChannelOpen,
    /// Messages published from now on will be confirmed.
    Confirm,
    /// See [`Consume`].
    Consume(Consume<'a>),
    /// The consumer's name.
    ConsumeOk(&'a [u8]),
    /// A message is published.
    Publish(Routed<'a>),
    /// A message that nothing took comes back, for a reason by its code.
    Return(u16, Routed<'a>),
    /// A message is delivered.
    Deliver {
        /// To whom.
        consumer: &'a [u8],
        /// Its number on the channel.
        tag: u64,
        /// Not for the first time.
        redelivered: bool,
        /// Where it came from.
        routed: Routed<'a>,
    },
    /// A message is asked for.
    Get {
        /// Of this queue.
        queue: &'a [u8],
        /// It will not be acknowledged.
        no_ack: bool,
    },
    /// The message that was asked for.
    GetOk {
        /// Its number on the channel.
        tag: u64,
        /// Where it came from.
        routed: Routed<'a>,
    },
    /// There is no message.
    GetEmpty,
    /// Messages were taken, or arrived.
    Ack(Settled),
    /// They were not.
    Nack(Settled),
    /// One was not.
    Reject(u64),
    /// Anything else.
    Other,
}

/// A string of at most 255 bytes.
pub(super) fn short_string<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let length = cursor.u8()?;
    cursor.take(length.into())
}

fn routed<'a>(cursor: &mut Cursor<'a>) -> Option<Routed<'a>> {
    Some(Routed { exchange: short_string(cursor)?, routing_key: short_string(cursor)? })
}

fn settled(cursor: &mut Cursor<'_>) -> Option<Settled> {
    Some(Settled { tag: cursor.u64()?, multiple: cursor.u8()? & 1 != 0 })
}

impl<'a> Method<'a> {
    /// Who sends this method, where only one side does and it is of those that may be the first to be seen.
    pub(super) fn side(class: u16, method: u16) -> Option<Side> {
        match (class, method) {
            // qos, consume, cancel, publish, get, reject; tx and confirm are chosen by clients.
            (BASIC, 10 | 20 | 40 | 70 | 90) | (CONFIRM, 10) => Some(Side::Request),
            // qos-ok, consume-ok, return, deliver, get-ok, get-empty
            (BASIC, 11 | 21 | 50 | 60 | 71 | 72) | (CONFIRM, 11) => Some(Side::Response),
            _ => None,
        }
    }

    /// Reads class, method and arguments.
    pub(super) fn read(payload: &'a [u8]) -> Self {
        Self::known(&mut Cursor(payload)).unwrap_or(Self::Other)
    }

    fn known(cursor: &mut Cursor<'a>) -> Option<Self> {
        Some(match (cursor.u16()?, cursor.u16()?) {
            (CONNECTION, 40) => Self::Open(short_string(cursor)?),
            (CONNECTION, 50) | (CHANNEL, 40) => Self::Close(cursor.u16()?),
            (CHANNEL, 10) => Self::ChannelOpen,
            (CONFIRM, 10) => Self::Confirm,
            (BASIC, 20) => {
                cursor.u16()?;
                let (queue, consumer) = (short_string(cursor)?, short_string(cursor)?);
                // no-local, no-ack, exclusive, no-wait
                let bits = cursor.u8()?;
                Self::Consume(Consume { queue, consumer, no_ack: bits & 2 != 0, no_wait: bits & 8 != 0 })
            }
            (BASIC, 21) => Self::ConsumeOk(short_string(cursor)?),
            (BASIC, 40) => {
                cursor.u16()?;
                Self::Publish(routed(cursor)?)
            }
            (BASIC, 50) => {
                let code = cursor.u16()?;
                short_string(cursor)?;
                Self::Return(code, routed(cursor)?)
            }
            (BASIC, 60) => Self::Deliver {
                consumer: short_string(cursor)?,
                tag: cursor.u64()?,
                redelivered: cursor.u8()? & 1 != 0,
                routed: routed(cursor)?,
            },
            (BASIC, 70) => {
                cursor.u16()?;
                Self::Get { queue: short_string(cursor)?, no_ack: cursor.u8()? & 1 != 0 }
            }
            (BASIC, 71) => {
                let tag = cursor.u64()?;
                cursor.u8()?;
                Self::GetOk { tag, routed: routed(cursor)? }
            }
            (BASIC, 72) => Self::GetEmpty,
            (BASIC, 80) => Self::Ack(settled(cursor)?),
            (BASIC, 90) => Self::Reject(cursor.u64()?),
            (BASIC, 120) => Self::Nack(settled(cursor)?),
            _ => return None,
        })
    }
}
