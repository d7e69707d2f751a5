//! What bytes mean for the exchanges of a connection.

use tracer_protocols::context::Carried;

use super::message::{Message, Offsets};

/// What ends an exchange, unique among those of a connection. Ordered so that the numbers of one channel stand one behind the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::spans) enum Key {
    /// The response with this number.
    Correlation(i32),
    /// The broker's confirmation of what was published, by channel and number.
    Confirm(u16, u64),
    /// The acknowledgement of what was delivered, by channel and number.
    Delivery(u16, u64),
    /// The answer to a request for one message on a channel.
    Get(u16),
    /// The acknowledgement of a packet that was sent.
    Sent(u16),
    /// The acknowledgement of a packet that was received.
    Received(u16),
    /// A message that comes under this name: the answer to one that was published.
    Answer(Box<[u8]>),
    /// A message that is published under this name: the answer to one that was delivered.
    Reply(Box<[u8]>),
    /// A message that is published under this name: the acknowledgement of one that was delivered.
    Acknowledgement(Box<[u8]>),
}

impl Key {
    /// Whether it is no failure where it never comes: nobody has to acknowledge or answer.
    pub(super) fn is_optional(&self) -> bool {
        match self {
            Self::Correlation(_) | Self::Confirm(..) | Self::Get(_) | Self::Sent(_) => false,
            Self::Delivery(..)
            | Self::Received(_)
            | Self::Answer(_)
            | Self::Reply(_)
            | Self::Acknowledgement(_) => true,
        }
    }

    /// The first one of the same channel.
    pub(super) fn first_of_channel(&self) -> Option<Self> {
        match *self {
            Self::Confirm(channel, _) => Some(Self::Confirm(channel, 0)),
            Self::Delivery(channel, _) => Some(Self::Delivery(channel, 0)),
            _ => None,
        }
    }
}

/// How an exchange ended.
#[derive(Clone, Debug, Default)]
pub(in crate::spans) struct Outcome {
    /// Why it failed, if it did.
    pub(super) error: Option<Box<str>>,
    /// What became of what was published.
    pub(super) published: Vec<Offsets>,
}

/// What some bytes mean.
#[derive(Debug)]
pub(in crate::spans) enum Act {
    /// An exchange begins. Without a key, it is over as well.
    Open { message: Box<Message>, carried: Option<Carried>, key: Option<Key> },
    /// An exchange is over.
    Close(Key, Outcome),
    /// All exchanges of a channel up to this one are over.
    CloseUpTo(Key, Outcome),
    /// Something is asked for. It is worth a span if it comes.
    Ask(Key),
    /// What was asked for came.
    Tell { message: Box<Message>, carried: Option<Carried>, key: Key },
    /// Nothing came of what was asked for.
    Forget(Key),
    /// Whoever waits for messages on a thread of its own has the next one: what it had before was not answered.
    Supersede,
    /// The protocol is what it was taken for.
    Confirm,
    /// What follows on the connection is of no interest.
    Leave,
}
