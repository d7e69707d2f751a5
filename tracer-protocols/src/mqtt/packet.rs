//! Control packets (MQTT 5, chapters 2 and 3).

use crate::{
    contract::{Follows, Gap, Reason, Step},
    cursor::Cursor,
    framing::Place,
};

/// Bytes of a packet that are kept: as many as the kernel side copies of a segment.
const MAX_PACKET: usize = 4096;
/// Most bytes that the caller has to keep: with type and length.
pub const MAX_KEPT: usize = MAX_PACKET + 6;
/// Bytes of a length (MQTT 5, section 2.1.4).
const MAX_LENGTH: u32 = 4;

const CONNECT: u8 = 1;
const CONNACK: u8 = 2;
const PUBLISH: u8 = 3;
const PUBACK: u8 = 4;
const PUBREC: u8 = 5;
const PUBREL: u8 = 6;
const PUBCOMP: u8 = 7;

/// A step of a message's acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settles {
    /// PUBACK: it arrived at least once.
    Once,
    /// PUBREC: it arrived.
    Received,
    /// PUBREL: it will not be sent again.
    Released,
    /// PUBCOMP: it arrived exactly once.
    Complete,
}

/// A packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A client begins.
    Connect {
        /// 4 (3.1.1) or 5.
        version: u8,
        /// Its name, empty where the server is to make one.
        client: &'a [u8],
    },
    /// The server's answer to that: 0, or why not.
    ConnAck(u8),
    /// A message.
    Publish {
        /// Quality of service: 0, 1 or 2.
        qos: u8,
        /// It may have been sent before.
        duplicate: bool,
        /// The topic; empty where an alias stands for it.
        topic: &'a [u8],
        /// Its number, of those that are acknowledged.
        id: Option<u16>,
        /// What is kept behind that: properties (version 5) and payload.
        rest: &'a [u8],
        /// Bytes of properties and payload.
        bytes: u64,
    },
    /// A message is acknowledged.
    Settle {
        /// How far.
        step: Settles,
        /// Its number.
        id: u16,
        /// The reason code of version 5, 0 for success; from 128 on it failed.
        reason: u8,
    },
    /// Anything else.
    Other,
}

/// What the front of a direction looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detection {
    /// A client's first packet.
    Connect,
    /// Too short to tell.
    NeedMore,
    /// Nothing of the kind.
    No,
}

/// Whether `bytes` begin with a CONNECT.
pub fn detect(bytes: &[u8]) -> Detection {
    if bytes.first().is_some_and(|&byte| byte != CONNECT << 4) {
        return Detection::No;
    }
    let mut cursor = Cursor(bytes.get(1..).unwrap_or_default());
    match (cursor.varint(MAX_LENGTH), cursor.take(6)) {
        (Some(_), Some(b"\0\x04MQTT")) => Detection::Connect,
        (Some(_), Some(_)) => Detection::No,
        _ if bytes.len() > 5 => Detection::No,
        _ => Detection::NeedMore,
    }
}

/// Whether a packet may begin with this byte (MQTT 5, section 2.1.3).
fn is_first(byte: u8) -> bool {
    match byte >> 4 {
        0 => false,
        PUBLISH => byte & 6 != 6,
        PUBREL | 8 | 10 => byte & 15 == 2,
        _ => byte << 4 == 0,
    }
}

/// A string with its length.
pub(super) fn string<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let length = cursor.u16()?;
    cursor.take(length.into())
}

/// The parser of either direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Packets {
    place: Place,
}

impl Packets {
    /// See [`crate::contract`].
    pub fn step<'a>(&mut self, bytes: &'a [u8], follows: Follows) -> Step<Message<'a>> {
        if let Some(n) = self.place.to_skip() {
            return Step::Skip(n);
        }
        let Some(&first) = bytes.first() else { return Step::NeedMore };
        if self.place.is_adrift() || !is_first(first) {
            return self.place.refuse(Reason::NotAMessage);
        }
        let mut cursor = Cursor(&bytes[1..]);
        let Some(length) = cursor.varint(MAX_LENGTH) else {
            return if bytes.len() > MAX_LENGTH as usize {
                self.place.refuse(Reason::NotAMessage)
            } else if follows == Follows::Gap {
                self.place.refuse(Reason::CutTooEarly)
            } else {
                Step::NeedMore
            };
        };
        let wanted = (length as usize).min(MAX_PACKET);
        if cursor.0.len() < wanted && follows == Follows::Maybe {
            return Step::NeedMore;
        }
        let header = bytes.len() - cursor.0.len();
        let kept = &cursor.0[..cursor.0.len().min(wanted)];
        self.place.skip(length - kept.len() as u64);
        let message = read(first, kept, length).unwrap_or(Message::Other);
        Step::Message { message, consumed: header + kept.len() }
    }

    /// See [`crate::contract`].
    pub fn skipped(&mut self, n: u64) {
        self.place.skipped(n);
    }

    /// See [`crate::contract`].
    pub fn gap(&mut self, n: u64) -> Gap {
        self.place.gap(n)
    }

    /// Goes on where `bytes` are one whole packet.
    pub fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        let (&first, rest) = bytes.split_first()?;
        let mut cursor = Cursor(rest);
        let length = cursor.varint(MAX_LENGTH)?;
        (is_first(first) && length == cursor.0.len() as u64).then(|| {
            self.place.found();
            0
        })
    }
}

/// Reads a packet of `length` bytes; `None` for one that is cut or of no interest.
fn read(first: u8, kept: &[u8], length: u64) -> Option<Message<'_>> {
    let mut cursor = Cursor(kept);
    let settles = |step, mut cursor: Cursor<'_>| {
        Some(Message::Settle { step, id: cursor.u16()?, reason: cursor.u8().unwrap_or(0) })
    };
    match first >> 4 {
        CONNECT => {
            string(&mut cursor)?;
            let version = cursor.u8()?;
            // Flags and the time to keep alive.
            cursor.take(3)?;
            if version >= 5 {
                let size = cursor.varint(MAX_LENGTH)?;
                cursor.take(size as usize)?;
            }
            Some(Message::Connect { version, client: string(&mut cursor)? })
        }
        CONNACK => {
            cursor.u8()?;
            Some(Message::ConnAck(cursor.u8()?))
        }
        PUBLISH => {
            let qos = first >> 1 & 3;
            let topic = string(&mut cursor)?;
            let id = if qos > 0 { Some(cursor.u16()?) } else { None };
            let bytes = length - (kept.len() - cursor.0.len()) as u64;
            Some(Message::Publish { qos, duplicate: first & 8 != 0, topic, id, rest: cursor.0, bytes })
        }
        PUBACK => settles(Settles::Once, cursor),
        PUBREC => settles(Settles::Received, cursor),
        PUBREL => settles(Settles::Released, cursor),
        PUBCOMP => settles(Settles::Complete, cursor),
        _ => None,
    }
}
