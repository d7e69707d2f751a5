//! The state machine of one direction.
//!
//! | state | means | leaves when |
//! |---|---|---|
//! | `Start` | nothing was seen | the preface of a client, or any frame |
//! | `Frame` | at a frame boundary | a frame begins; a header that breaks the rules, or a gap: `Adrift` |
//! | `Payload` | so many bytes that nobody reads | they have been passed over; a gap beyond them: `Adrift` |
//! | `Ended` | a stream's last frame is over, its `End` is owed | the next step |
//! | `Adrift` | it is not known where a frame begins | `resync` finds frames |
//!
//! A gap within a payload costs nothing. Whatever else is lost may have held header blocks, which change the dynamic table:
//! from then on its entries are unknown until they are added anew.

use super::detect::is_chain;
use super::fields::{Fields, Head};
use super::fragment::fragment;
use super::frame::{Frame, HEADER, PREFACE, flag, kind};
use super::hpack::{Decoder, Outcome};
use super::limits::{MAX_BLOCK, MAX_READ_FRAME};
use super::message::{Message, StreamId};
use crate::contract::{Follows, Gap, Reason, Step};

/// One direction of one connection.
///
/// [`crate::contract`] says how it is to be driven. It holds the dynamic table and the block that it reads, and allocates
/// only where those grow.
#[derive(Debug)]
pub struct Parser {
    state: State,
    /// The client's preface was seen.
    from_start: bool,
    hpack: Decoder,
    fields: Fields,
    /// The fragments so far of a header block that is spread over several frames.
    block: Vec<u8>,
    /// Whose block that is.
    open: Option<Open>,
}

/// A header block in the making: CONTINUATION frames are to follow, and nothing else may (RFC 9113, section 6.10).
#[derive(Clone, Copy, Debug)]
struct Open {
    stream: StreamId,
    /// The frame that began it ends the stream.
    ends: bool,
    /// It announces a pushed request.
    pushed: bool,
    /// A fragment was lost or had no room.
    cut: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    Frame,
    /// `ends`: the stream whose last frame this is.
    Payload {
        left: u64,
        ends: Option<StreamId>,
    },
    /// `left`: bytes of a payload that are still to be passed over.
    Ended {
        stream: StreamId,
        left: u64,
    },
    Adrift,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl Parser {
    /// A parser for the bytes of either side, from the start of a connection or from anywhere in it: what they say tells the
    /// side.
    pub fn new() -> Self {
        Self {
            state: State::Start,
            from_start: false,
            hpack: Decoder::default(),
            fields: Fields::default(),
            block: Vec::new(),
            open: None,
        }
    }

    /// Reads the front of `bytes`, which start where the last message, skip or gap ended.
    ///
    /// An end may need no bytes: step again after a message or a skip even when none are at hand.
    pub fn step<'a>(&'a mut self, bytes: &[u8], follows: Follows) -> Step<Message<'a>> {
        match self.state {
            State::Ended { stream, left } => {
                self.state = State::after(left, None);
                Step::Message { message: Message::End(stream), consumed: 0 }
            }
            State::Payload { left, .. } => Step::Skip(left),
            _ if bytes.is_empty() => Step::NeedMore,
            State::Start => self.step_start(bytes, follows),
            State::Frame => self.step_frame(bytes, follows),
            State::Adrift => self.lose(Reason::NotAMessage),
        }
    }

    /// `n` bytes were passed over after [`Step::Skip`], captured or not.
    pub fn skipped(&mut self, n: u64) {
        self.pass(n);
    }

    /// The next `n` bytes are missing. Bytes that were kept after [`Step::NeedMore`] are handed in once more with
    /// [`Follows::Gap`] before this.
    pub fn gap(&mut self, n: u64) -> Gap {
        if n == 0 { Gap::Inside } else { self.pass(n) }
    }

    /// The direction has ended. Nothing ends by that alone but a stream whose end was owed.
    pub fn connection_end(&mut self) -> Option<StreamId> {
        match std::mem::replace(&mut self.state, State::Adrift) {
            State::Ended { stream, .. } => Some(stream),
            _ => None,
        }
    }

    /// After [`Step::NotThis`]: whether `bytes`, the start of a captured segment, begin with frames, as an offset (0).
    pub fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        if !is_chain(bytes) {
            return None;
        }
        self.state = State::Frame;
        Some(0)
    }

    /// Whether the connection was followed from its start, by the client's preface.
    pub fn is_from_start(&self) -> bool {
        self.from_start
    }

    /// Whether framing is known.
    pub fn is_synced(&self) -> bool {
        self.state != State::Adrift
    }

    fn pass(&mut self, n: u64) -> Gap {
        match self.state {
            State::Payload { left, ends } if n <= left => {
                let left = left - n;
                self.state = match ends {
                    Some(stream) if left == 0 => State::Ended { stream, left: 0 },
                    _ => State::after(left, ends),
                };
                Gap::Inside
            }
            State::Ended { stream, left } if n <= left => {
                self.state = State::Ended { stream, left: left - n };
                Gap::Inside
            }
            _ => {
                self.forget();
                self.state = State::Adrift;
                Gap::Lost
            }
        }
    }

    /// Header blocks may have been lost.
    fn forget(&mut self) {
        self.hpack.forget();
        self.open = None;
        self.block.clear();
    }

    fn lose<'a>(&mut self, reason: Reason) -> Step<Message<'a>> {
        self.forget();
        self.state = State::Adrift;
        Step::NotThis(reason)
    }

    fn step_start<'a>(&'a mut self, bytes: &[u8], follows: Follows) -> Step<Message<'a>> {
        let seen = bytes.len().min(PREFACE.len());
        if bytes[..seen] == PREFACE[..seen] {
            if seen < PREFACE.len() && follows == Follows::Maybe {
                return Step::NeedMore;
            }
            self.from_start = true;
            self.state = State::Payload { left: PREFACE.len() as u64, ends: None };
            return Step::Skip(PREFACE.len() as u64);
        }
        self.state = State::Frame;
        self.step_frame(bytes, follows)
    }

    fn step_frame<'a>(&'a mut self, bytes: &[u8], follows: Follows) -> Step<Message<'a>> {
        if bytes.len() < HEADER {
            return match follows {
                Follows::Maybe => Step::NeedMore,
                Follows::Gap => self.lose(Reason::CutTooEarly),
            };
        }
        let Some(frame) = Frame::read(bytes) else { return self.lose(Reason::NotAMessage) };
        let payload = &bytes[HEADER..];
        let payload = &payload[..payload.len().min(frame.len)];
        let whole = payload.len() == frame.len;
        match frame.kind {
            kind::DATA => self.data(frame, payload.first().copied(), follows),
            kind::HEADERS | kind::PUSH_PROMISE | kind::CONTINUATION => {
                if !whole && follows == Follows::Maybe && frame.len <= MAX_READ_FRAME {
                    return Step::NeedMore;
                }
                self.block(frame, payload)
            }
            kind::RST_STREAM | kind::GOAWAY => {
                if payload.len() < frame.len.min(8) {
                    return match follows {
                        Follows::Maybe => Step::NeedMore,
                        Follows::Gap => self.skip(frame),
                    };
                }
                self.control(frame, payload)
            }
            _ => self.skip(frame),
        }
    }

    /// Passes over a frame.
    fn skip<'a>(&mut self, frame: Frame) -> Step<Message<'a>> {
        let len = (HEADER + frame.len) as u64;
        self.state = State::Payload { left: len, ends: None };
        Step::Skip(len)
    }

    fn data<'a>(&mut self, frame: Frame, first: Option<u8>, follows: Follows) -> Step<Message<'a>> {
        let len = frame.len as u64;
        let content = if !frame.has(flag::PADDED) {
            Some(len)
        } else if let Some(padding) = first {
            len.checked_sub(1 + u64::from(padding))
        } else if follows == Follows::Maybe && len > 0 {
            return Step::NeedMore;
        } else {
            None
        };
        let ends = frame.has(flag::END_STREAM).then_some(frame.stream);
        self.state = match ends {
            Some(stream) if len == 0 => State::Ended { stream, left: 0 },
            _ => State::after(len, ends),
        };
        Step::Message { message: Message::Data(frame.stream, content), consumed: HEADER }
    }

    fn control<'a>(&mut self, frame: Frame, payload: &[u8]) -> Step<Message<'a>> {
        let word = |at: usize| {
            payload.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes)
        };
        self.state = State::after(frame.len as u64, None);
        let message = if frame.kind == kind::RST_STREAM {
            Message::Reset(frame.stream, word(0))
        } else {
            Message::GoAway(word(0) & !(1 << 31), word(4))
        };
        Step::Message { message, consumed: HEADER }
    }

    /// A frame with a part of a header block, of which `payload` was seen.
    fn block<'a>(&'a mut self, frame: Frame, payload: &[u8]) -> Step<Message<'a>> {
        let consumed = HEADER + payload.len();
        let left = (frame.len - payload.len()) as u64;
        let fragment = fragment(frame, payload);
        let cut = fragment.cut || left > 0;
        let open = match (frame.kind, self.open.take()) {
            (kind::CONTINUATION, Some(open)) if open.stream == frame.stream => {
                Open { cut: open.cut || cut, ..open }
            }
            // Its beginning was not seen, or another frame came in between.
            (kind::CONTINUATION, _) => {
                self.forget();
                Open { stream: frame.stream, ends: false, pushed: true, cut: true }
            }
            (_, unfinished) => {
                if unfinished.is_some() {
                    self.forget();
                }
                Open {
                    stream: frame.stream,
                    ends: frame.kind == kind::HEADERS && frame.has(flag::END_STREAM),
                    pushed: frame.kind == kind::PUSH_PROMISE,
                    cut,
                }
            }
        };
        self.state = State::after(left, None);
        if !frame.has(flag::END_HEADERS) {
            let open = self.keep(open, fragment.bytes);
            self.open = Some(open);
            return Step::Skip(self.passed_over(consumed, left));
        }
        self.fields.clear();
        let outcome = if self.block.is_empty() {
            self.hpack.decode(fragment.bytes, |field| self.fields.push(field))
        } else {
            self.block.extend_from_slice(&fragment.bytes[..fragment.bytes.len().min(MAX_BLOCK)]);
            self.hpack.decode(&self.block, |field| self.fields.push(field))
        };
        let bytes = self.block.len().max(fragment.bytes.len());
        self.block.clear();
        if open.cut || outcome == Outcome::Part {
            self.fields.cut();
            // Whether fields are missing cannot be told from the bytes: the cut may fall between two.
            self.hpack.forget();
        }
        if open.ends {
            self.state = State::Ended { stream: open.stream, left };
        }
        if open.pushed {
            return Step::Skip(self.passed_over(consumed, left));
        }
        let stream = open.stream;
        let message = match self.fields.head() {
            Head::Request => Message::Request(stream, self.fields.request(bytes)),
            Head::Response(status @ 100..200) => Message::Informational(stream, status),
            Head::Response(status) => Message::Response(stream, self.fields.response(status)),
            Head::Neither => Message::Trailers(stream, self.fields.block()),
        };
        Step::Message { message, consumed }
    }

    /// Adds a fragment to the block in the making.
    fn keep(&mut self, open: Open, fragment: &[u8]) -> Open {
        if open.cut || self.block.len() + fragment.len() > MAX_BLOCK {
            return Open { cut: true, ..open };
        }
        self.block.extend_from_slice(fragment);
        open
    }

    /// Says that `consumed` bytes at hand, whose `left` are still to come, hold nothing to report.
    fn passed_over(&mut self, consumed: usize, left: u64) -> u64 {
        let all = consumed as u64 + left;
        self.state = match self.state {
            State::Ended { stream, .. } => State::Payload { left: all, ends: Some(stream) },
            _ => State::Payload { left: all, ends: None },
        };
        all
    }
}

impl State {
    fn after(left: u64, ends: Option<StreamId>) -> Self {
        if left == 0 { Self::Frame } else { Self::Payload { left, ends } }
    }
}
