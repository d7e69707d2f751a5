//! Messages, in the frames of version 5 or without.
//!
//! From version 5 on, what follows the first message of a direction stands in frames of at most 128 KiB, each with a checksum of its header and one of its
//! content (specification of version 5, section 2.2). They are passed over, but for the check of the header.

use super::limits::{MAX_BODY, MAX_LENGTH};
use crate::{
    contract::{Follows, Gap, Reason, Step},
    framing::{Place, Read},
};

/// Bytes of a message's header: version, flags, stream, opcode, length.
const HEADER: usize = 9;
/// Bytes of a frame's header: length and flag, checksum.
const FRAME_HEADER: usize = 6;
/// Bytes behind a frame's content: a checksum.
const TRAILER: u64 = 4;

/// What is kept of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    pub(super) version: u8,
    pub(super) flags: u8,
    pub(super) stream: u16,
    pub(super) opcode: u8,
    pub(super) body: &'a [u8],
}

/// The place in one direction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Frames {
    place: Place,
    /// Messages stand in frames.
    framed: bool,
    /// Bytes of the frame's content that are to come.
    frame: u64,
    /// Bytes of the message's body that are to come, and are not kept.
    body: u64,
}

impl Frames {
    /// The next message, if its header is one of those that `fits` knows.
    pub(super) fn step<'a>(
        &mut self,
        bytes: &'a [u8],
        follows: Follows,
        fits: impl Fn(u8, u8) -> bool,
    ) -> Step<Message<'a>> {
        if let Some(step) = self.place.before(bytes) {
            return step;
        }
        if self.framed && self.frame == 0 {
            return match frame(bytes) {
                Read::Value(content) => {
                    self.frame = content;
                    self.pass(FRAME_HEADER as u64, content == 0)
                }
                Read::No => self.refuse(Reason::NotAMessage),
                Read::NeedMore => self.wait(follows),
            };
        }
        if self.body > 0 {
            let size = self.body.min(self.frame);
            self.body -= size;
            self.frame -= size;
            return self.pass(size, self.frame == 0);
        }
        let Some(&[version, flags, high, low, opcode, a, b, c, d]) = bytes.first_chunk::<HEADER>() else {
            return self.wait(follows);
        };
        let length = u32::from_be_bytes([a, b, c, d]);
        let within = if self.framed { self.frame } else { u64::MAX };
        if !fits(version, opcode) || length > MAX_LENGTH || within < HEADER as u64 {
            return self.refuse(Reason::NotAMessage);
        }
        let most = (within - HEADER as u64).min(u64::from(length)).min(MAX_BODY as u64) as usize;
        let body = &bytes[HEADER..];
        if body.len() < most && follows == Follows::Maybe {
            return Step::NeedMore;
        }
        let body = &body[..body.len().min(most)];
        let consumed = HEADER + body.len();
        let rest = u64::from(length) - body.len() as u64;
        if self.framed {
            self.frame -= consumed as u64;
            let now = rest.min(self.frame);
            self.frame -= now;
            self.body = rest - now;
            self.place.skip(now + if self.frame == 0 { TRAILER } else { 0 });
        } else {
            self.place.skip(rest);
        }
        let stream = u16::from_be_bytes([high, low]);
        Step::Message { message: Message { version, flags, stream, opcode, body }, consumed }
    }

    /// Passes over bytes, and what is behind the frame if it ends with them.
    fn pass<M>(&mut self, size: u64, ends: bool) -> Step<M> {
        let size = size + if ends { TRAILER } else { 0 };
        self.place.skip(size);
        Step::Skip(size)
    }

    fn wait<M>(&mut self, follows: Follows) -> Step<M> {
        match follows {
            Follows::Maybe => Step::NeedMore,
            Follows::Gap => self.refuse(Reason::CutTooEarly),
        }
    }

    pub(super) fn refuse<M>(&mut self, reason: Reason) -> Step<M> {
        self.lose();
        Step::NotThis(reason)
    }

    fn lose(&mut self) {
        (self.frame, self.body) = (0, 0);
        self.place.lose();
    }

    /// Whether bytes of the message at hand are to come.
    pub(super) fn is_within(&self) -> bool {
        self.body > 0 || self.place.to_skip().is_some()
    }

    /// What follows stands in frames.
    pub(super) fn in_frames(&mut self) {
        self.framed = true;
    }

    pub(super) fn skipped(&mut self, n: u64) {
        self.place.skipped(n);
    }

    pub(super) fn gap(&mut self, n: u64) -> Gap {
        let gap = self.place.gap(n);
        if gap == Gap::Lost {
            self.lose();
        }
        gap
    }

    /// A message, or a frame with one, begins here, if `bytes` look like it.
    pub(super) fn resync(&mut self, bytes: &[u8], fits: impl Fn(u8, u8) -> bool) -> Option<usize> {
        let Read::Value(begins) = begins(bytes, fits) else { return None };
        *self = Self { framed: begins == Begins::Frame, ..Self::default() };
        Some(0)
    }

    /// What comes next begins a message.
    pub(super) fn restart(&mut self) {
        *self = Self { framed: self.framed, ..Self::default() };
    }
}

/// What some bytes begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begins {
    Message,
    Frame,
}

/// What `bytes` begin with.
pub(super) fn begins(bytes: &[u8], fits: impl Fn(u8, u8) -> bool) -> Read<Begins> {
    let (message, begins) = match frame(bytes) {
        Read::Value(_) => (&bytes[FRAME_HEADER..], Begins::Frame),
        Read::NeedMore => return Read::NeedMore,
        Read::No => (bytes, Begins::Message),
    };
    match message.first_chunk::<HEADER>() {
        Some(&[version, flags, _, _, opcode, highest, ..])
            if fits(version, opcode) && flags < 0x20 && highest < 0x10 =>
        {
            Read::Value(begins)
        }
        Some(_) => Read::No,
        None => Read::NeedMore,
    }
}

/// The length of the content of the frame that `bytes` begin with.
fn frame(bytes: &[u8]) -> Read<u64> {
    let Some(&[low, middle, high, a, b, c]) = bytes.first_chunk::<FRAME_HEADER>() else {
        return Read::NeedMore;
    };
    let header = u32::from_le_bytes([low, middle, high, 0]);
    // 17 bits, and one that says whether whole messages are in it.
    let fits = header >> 18 == 0 && checksum([low, middle, high]) == u32::from_le_bytes([a, b, c, 0]);
    if fits { Read::Value(u64::from(header & 0x1_ffff)) } else { Read::No }
}

/// The checksum of a frame's header (specification of version 5, section 2.2: CRC-24 with the polynomial 0x1974F0B and the start 0x875060).
fn checksum(header: [u8; 3]) -> u32 {
    header.iter().fold(0x0087_5060, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte) << 16, |sum: u32, _| {
            let sum = sum << 1;
            if sum & 0x0100_0000 != 0 { sum ^ 0x0197_4f0b } else { sum }
        })
    })
}
