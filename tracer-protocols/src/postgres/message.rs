//! Tag and length, and as much of a message as is kept.

use super::limits::MAX_LENGTH;
use crate::{
    contract::{Follows, Reason, Step},
    framing::Place,
};

/// Tag and length.
pub(super) const HEADER: usize = 5;

/// A message at the front of some bytes.
pub(super) struct Message<'a> {
    pub(super) tag: u8,
    /// What is kept of it.
    pub(super) body: &'a [u8],
    /// Bytes of it that are not kept.
    pub(super) rest: u64,
}

/// What is at the front.
pub(super) enum Front<'a> {
    Message(Message<'a>),
    NeedMore,
    /// A gap cuts it so early that nothing can be told.
    Cut,
    No,
}

impl<'a> Front<'a> {
    /// The step that this makes; `make` has a message's tag and what is kept of it.
    pub(super) fn step<M>(self, place: &mut Place, make: impl FnOnce(u8, &'a [u8]) -> M) -> Step<M> {
        match self {
            Self::Message(Message { tag, body, rest }) => {
                place.skip(rest);
                Step::Message { message: make(tag, body), consumed: HEADER + body.len() }
            }
            Self::NeedMore => Step::NeedMore,
            Self::Cut => place.refuse(Reason::CutTooEarly),
            Self::No => place.refuse(Reason::NotAMessage),
        }
    }
}

/// Reads a message, of which at most `kept(tag)` bytes are kept; `None` for a tag that there is not.
pub(super) fn read(bytes: &[u8], follows: Follows, kept: impl Fn(u8) -> Option<usize>) -> Front<'_> {
    let Some(&tag) = bytes.first() else { return Front::NeedMore };
    let Some(kept) = kept(tag) else { return Front::No };
    let Some(length) = bytes.get(1..HEADER).and_then(|length| <[u8; 4]>::try_from(length).ok()) else {
        return if follows == Follows::Gap { Front::Cut } else { Front::NeedMore };
    };
    let length = u32::from_be_bytes(length);
    if !(4..=MAX_LENGTH).contains(&length) {
        return Front::No;
    }
    let size = length as usize - 4;
    let wanted = size.min(kept);
    let body = &bytes[HEADER..];
    if body.len() < wanted && follows == Follows::Maybe {
        return Front::NeedMore;
    }
    let body = &body[..body.len().min(wanted)];
    Front::Message(Message { tag, body, rest: (size - body.len()) as u64 })
}

/// The text up to a NUL, or all of it where there is none, and what is behind.
pub(super) fn string(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|&byte| byte == 0) {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}
