//! Frames (AMQP 0-9-1, section 4.2).

use super::{method::Method, properties::Properties};
use crate::{
    contract::{Follows, Gap, Reason, Side, Step},
    cursor::Cursor,
    framing::Place,
};

/// Bytes of methods and properties that are kept: as many as the kernel side copies of a segment.
const MAX_PAYLOAD: usize = 4096;
/// Most bytes that the caller has to keep.
pub const MAX_KEPT: usize = MAX_PAYLOAD + 8;
/// Type, channel and size.
const HEADER: usize = 7;
/// Longest payload that is believed; servers negotiate 128 KiB.
const MAX_SIZE: u32 = 16 << 20;
/// What ends a frame.
const END: u8 = 0xce;
/// What a client sends first, and a server that wants another version.
const PROTOCOL: [u8; 8] = *b"AMQP\0\0\x09\x01";

const METHOD: u8 = 1;
const CONTENT: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// The connection begins.
    Protocol,
    /// A method on a channel.
    Method(u16, Method<'a>),
    /// The properties of the content that the last method on a channel announced, and the bytes of its body.
    Content(u16, Properties<'a>, u64),
    /// Part of a body, or a heartbeat.
    Other,
}

/// What the front of a direction looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detection {
    /// Frames of this side.
    Found(Side),
    /// Too short to tell.
    NeedMore,
    /// Nothing of the kind.
    No,
}

/// Whether `bytes` begin with the protocol header, or with a method that only one side sends.
pub fn detect(bytes: &[u8]) -> Detection {
    let seen = bytes.len().min(PROTOCOL.len());
    if bytes[..seen] == PROTOCOL[..seen] {
        return if seen == PROTOCOL.len() { Detection::Found(Side::Request) } else { Detection::NeedMore };
    }
    if bytes[0] != METHOD {
        return Detection::No;
    }
    let mut cursor = Cursor(&bytes[1..]);
    let (Some(_), Some(size), Some(class), Some(method)) =
        (cursor.u16(), cursor.u32(), cursor.u16(), cursor.u16())
    else {
        return Detection::NeedMore;
    };
    if size > MAX_PAYLOAD as u32 || bytes.get(HEADER + size as usize).is_some_and(|&end| end != END) {
        return Detection::No;
    }
    Method::side(class, method).map_or(Detection::No, Detection::Found)
}

/// The parser of either direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frames {
    place: Place,
}

impl Frames {
    /// See [`crate::contract`].
    pub fn step<'a>(&mut self, bytes: &'a [u8], follows: Follows) -> Step<Message<'a>> {
        if let Some(step) = self.place.before(bytes) {
            return step;
        }
        let Some(&kind) = bytes.first() else { return Step::NeedMore };
        let short = |place: &mut Place| {
            if follows == Follows::Maybe { Step::NeedMore } else { place.refuse(Reason::CutTooEarly) }
        };
        if kind == PROTOCOL[0] {
            let seen = bytes.len().min(PROTOCOL.len());
            return match bytes[..seen] == PROTOCOL[..seen] {
                true if seen == PROTOCOL.len() => {
                    Step::Message { message: Message::Protocol, consumed: PROTOCOL.len() }
                }
                true => short(&mut self.place),
                false => self.place.refuse(Reason::NotAMessage),
            };
        }
        let mut cursor = Cursor(&bytes[1..]);
        let (Some(channel), Some(size)) = (cursor.u16(), cursor.u32()) else {
            return if is_kind(kind) {
                short(&mut self.place)
            } else {
                self.place.refuse(Reason::NotAMessage)
            };
        };
        if !is_kind(kind) || size > MAX_SIZE {
            return self.place.refuse(Reason::NotAMessage);
        }
        let size = size as usize;
        let wanted = if matches!(kind, METHOD | CONTENT) { size.min(MAX_PAYLOAD) } else { 0 };
        if cursor.0.len() < wanted && follows == Follows::Maybe {
            return Step::NeedMore;
        }
        let payload = &cursor.0[..cursor.0.len().min(wanted)];
        if cursor.0.get(size).is_some_and(|&end| end != END) {
            return self.place.refuse(Reason::NotAMessage);
        }
        self.place.skip((size - payload.len()) as u64 + 1);
        let message = match kind {
            METHOD => Message::Method(channel, Method::read(payload)),
            CONTENT => content(channel, payload),
            _ => Message::Other,
        };
        Step::Message { message, consumed: HEADER + payload.len() }
    }

    /// See [`crate::contract`].
    pub fn skipped(&mut self, n: u64) {
        self.place.skipped(n);
    }

    /// See [`crate::contract`].
    pub fn gap(&mut self, n: u64) -> Gap {
        self.place.gap(n)
    }

    /// Goes on where `bytes` begin with a method that is known.
    pub fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        matches!(detect(bytes), Detection::Found(_)).then(|| {
            self.place.found();
            0
        })
    }
}

fn is_kind(kind: u8) -> bool {
    matches!(kind, METHOD | CONTENT | BODY | HEARTBEAT)
}

/// Class, weight, size of the body, properties (section 4.2.6.1).
fn content(channel: u16, payload: &[u8]) -> Message<'_> {
    let mut cursor = Cursor(payload);
    match (cursor.u32(), cursor.u64()) {
        (Some(_), Some(body)) => Message::Content(channel, Properties::read(cursor.0), body),
        _ => Message::Other,
    }
}
