//! Both directions.

use super::{
    content::{Command, Outcome, command_of, outcome_of},
    limits::MAX_MESSAGE,
    message::{Compressor, HEADER, Header, Operation, header},
};
use crate::{
    contract::{Follows, Gap, Reason, Step},
    framing::Place,
};

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a, T> {
    /// As it is.
    Plain(T),
    /// The front of an `OP_MSG` behind its header, compressed.
    Compressed(Compressor, &'a [u8]),
    /// Something that is not read.
    Unknown,
}

/// A message of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// Its number.
    pub id: u32,
    /// What it asks for.
    pub body: Body<'a, Command<'a>>,
}

/// A message of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// It begins.
    Begin {
        /// The number of what it answers.
        to: u32,
        /// How that went.
        body: Body<'a, Outcome>,
    },
    /// It is over.
    End,
}

/// What is at the front.
enum Front<'a> {
    Message(Header, &'a [u8]),
    Step(Step<()>),
}

/// A message, of which as much is handed out as is kept.
fn front(bytes: &[u8], follows: Follows) -> Front<'_> {
    let wait = if follows == Follows::Maybe { Step::NeedMore } else { Step::NotThis(Reason::CutTooEarly) };
    match header(bytes) {
        None if bytes.is_empty() => Front::Step(Step::NeedMore),
        None => Front::Step(wait),
        Some(Err(())) => Front::Step(Step::NotThis(Reason::NotAMessage)),
        Some(Ok(header)) => {
            let wanted = (header.length as usize).min(MAX_MESSAGE);
            if bytes.len() < wanted && follows == Follows::Maybe {
                return Front::Step(wait);
            }
            Front::Message(header, &bytes[HEADER..bytes.len().min(wanted)])
        }
    }
}

fn body<'a, T>(
    operation: Operation,
    bytes: &'a [u8],
    read: impl FnOnce(Operation, &'a [u8]) -> T,
) -> Body<'a, T> {
    if operation != Operation::Compressed {
        return Body::Plain(read(operation, bytes));
    }
    // The opcode, the size, the compressor.
    let opcode = bytes.first_chunk().map(|opcode| u32::from_le_bytes(*opcode));
    match (opcode, bytes.get(8).copied().and_then(Compressor::of)) {
        (Some(2013), Some(Compressor::None)) => Body::Plain(read(Operation::Message, &bytes[9..])),
        (Some(2013), Some(compressor)) => Body::Compressed(compressor, &bytes[9..]),
        _ => Body::Unknown,
    }
}

/// The parser of the client's direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Requests {
    place: Place,
}

impl Requests {
    /// See [`crate::contract`].
    pub fn step<'a>(&mut self, bytes: &'a [u8], follows: Follows) -> Step<Request<'a>> {
        if let Some(step) = self.place.before(bytes) {
            return step;
        }
        match front(bytes, follows) {
            Front::Message(header, _) if !header.operation.asks() => self.place.refuse(Reason::NotAMessage),
            Front::Message(header, seen) => {
                let consumed = HEADER + seen.len();
                self.place.skip(u64::from(header.length) - consumed as u64);
                let message = Request { id: header.id, body: body(header.operation, seen, command_of) };
                Step::Message { message, consumed }
            }
            Front::Step(Step::NotThis(reason)) => self.place.refuse(reason),
            Front::Step(_) => Step::NeedMore,
        }
    }

    /// See [`crate::contract`].
    pub fn skipped(&mut self, n: u64) {
        self.place.skipped(n);
    }

    /// See [`crate::contract`].
    pub fn gap(&mut self, n: u64) -> Gap {
        self.place.gap(n)
    }

    /// Goes on where `bytes` begin with a command.
    pub fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        let Some(Ok(header)) = header(bytes) else { return None };
        if header.answers != 0 || !header.operation.asks() {
            return None;
        }
        self.place.found();
        Some(0)
    }
}

/// The parser of the server's direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answers {
    place: Place,
    /// The answer is over and that was not said yet.
    over: bool,
}

impl Answers {
    /// See [`crate::contract`].
    pub fn step<'a>(&mut self, bytes: &'a [u8], follows: Follows) -> Step<Answer<'a>> {
        if let Some(n) = self.place.to_skip() {
            return Step::Skip(n);
        }
        if std::mem::take(&mut self.over) {
            return Step::Message { message: Answer::End, consumed: 0 };
        }
        if self.place.is_adrift() && !bytes.is_empty() {
            return Step::NotThis(Reason::NotAMessage);
        }
        match front(bytes, follows) {
            Front::Message(header, _) if header.operation == Operation::Query => {
                self.place.refuse(Reason::NotAMessage)
            }
            Front::Message(header, seen) => {
                let consumed = HEADER + seen.len();
                self.place.skip(u64::from(header.length) - consumed as u64);
                self.over = true;
                let message =
                    Answer::Begin { to: header.answers, body: body(header.operation, seen, outcome_of) };
                Step::Message { message, consumed }
            }
            Front::Step(Step::NotThis(reason)) => self.place.refuse(reason),
            Front::Step(_) => Step::NeedMore,
        }
    }

    /// See [`crate::contract`].
    pub fn skipped(&mut self, n: u64) {
        self.place.skipped(n);
    }

    /// See [`crate::contract`].
    pub fn gap(&mut self, n: u64) -> Gap {
        let gap = self.place.gap(n);
        if gap == Gap::Lost {
            self.over = false;
        }
        gap
    }

    /// Goes on where `bytes` begin with an answer.
    pub fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        let Some(Ok(header)) = header(bytes) else { return None };
        if header.answers == 0 || header.operation == Operation::Query {
            return None;
        }
        self.restart();
        Some(0)
    }

    /// What comes next begins an answer: a command was sent when everything before it was answered.
    pub fn restart(&mut self) {
        *self = Self::default();
    }
}
