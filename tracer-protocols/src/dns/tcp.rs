//! Messages over TCP, in either direction (RFC 1035, section 4.2.2; RFC 7766).

use super::{
    limits::MAX_MESSAGE,
    message::{HEADER, Kind, Message, read},
};
use crate::{
    contract::{Follows, Gap, Reason, Step},
    framing::Place,
};

/// Bytes of the length in front of a message.
const LENGTH: usize = 2;

/// What the front of a direction looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detection {
    /// A question.
    Query,
    /// Too short to tell.
    NeedMore,
    /// Nothing of the kind.
    No,
}

/// Whether `bytes` begin with a question of one name, in a message of no more than what is kept.
pub fn detect(bytes: &[u8]) -> Detection {
    let Some((&[high, low], message)) = bytes.split_first_chunk::<LENGTH>() else {
        return if bytes.iter().all(|&high| high < 2) { Detection::NeedMore } else { Detection::No };
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if !(HEADER + 5..=MAX_MESSAGE).contains(&length) {
        return Detection::No;
    }
    // What of the header is known of a question: flags, one name, no answer.
    let fits = [(2, 0x82), (3, 0x4f), (4, 0xff), (5, 0xfe), (6, 0xff), (7, 0xff), (8, 0xff), (9, 0xff)]
        .iter()
        .all(|&(at, zeros)| message.get(at).is_none_or(|byte| byte & zeros == 0));
    match message.get(..length) {
        _ if !fits => Detection::No,
        None => Detection::NeedMore,
        Some(message) if read(message).is_some_and(|message| message.kind == Kind::Query) => Detection::Query,
        Some(_) => Detection::No,
    }
}

/// The parser of either direction. Its messages are `None` for those that are not about names.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parser {
    place: Place,
}

impl Parser {
    /// See [`crate::contract`].
    pub fn step<'a>(&mut self, bytes: &'a [u8], follows: Follows) -> Step<Option<Message<'a>>> {
        if let Some(step) = self.place.before(bytes) {
            return step;
        }
        let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() else {
            return if follows == Follows::Maybe {
                Step::NeedMore
            } else {
                self.place.refuse(Reason::CutTooEarly)
            };
        };
        let length = usize::from(u16::from_be_bytes(*length));
        if length < HEADER {
            return self.place.refuse(Reason::NotAMessage);
        }
        let wanted = length.min(MAX_MESSAGE);
        if rest.len() < wanted && follows == Follows::Maybe {
            return Step::NeedMore;
        }
        let message = &rest[..rest.len().min(wanted)];
        self.place.skip((length - message.len()) as u64);
        Step::Message { message: read(message), consumed: LENGTH + message.len() }
    }

    /// See [`crate::contract`].
    pub fn skipped(&mut self, n: u64) {
        self.place.skipped(n);
    }

    /// See [`crate::contract`].
    pub fn gap(&mut self, n: u64) -> Gap {
        self.place.gap(n)
    }

    /// Goes on where `bytes` begin with a question.
    pub fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        (detect(bytes) == Detection::Query).then(|| {
            self.place.found();
            0
        })
    }
}
