//! The server's direction.

use super::{
    body::{COMPRESSED, content, int, string},
    frame::{Frames, Message},
    request::FRAMED,
};
use crate::contract::{Follows, Gap, Step};

/// How a request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// Well, or so it seems.
    Done,
    /// Something went wrong: the error's code, if it can be read.
    Error(Option<u32>),
    /// The statement has this id.
    Prepared(&'a [u8]),
    /// This keyspace is the default from now on.
    Keyspace(&'a [u8]),
}

/// What comes from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// An answer begins.
    Begin {
        /// The number of what it answers; events, which nobody asked for, have one that no request has.
        stream: u16,
        /// How that went.
        outcome: Outcome<'a>,
    },
    /// It is over.
    End,
}

const ERROR: u8 = 0x00;
const READY: u8 = 0x02;
const AUTHENTICATE: u8 = 0x03;
const RESULT: u8 = 0x08;
/// Kinds of results.
const SET_KEYSPACE: u32 = 3;
/// See [`SET_KEYSPACE`].
const PREPARED: u32 = 4;

fn fits(version: u8, opcode: u8) -> bool {
    let is_answer = matches!(opcode, ERROR | READY | AUTHENTICATE | 0x06 | RESULT | 0x0c | 0x0e | 0x10);
    (0x83..=0x80 | FRAMED).contains(&version) && is_answer
}

/// The parser of the server's direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answers {
    frames: Frames,
    /// The answer is over and that was not said yet.
    over: bool,
}

impl Answers {
    /// See [`crate::contract`].
    pub fn step<'a>(&mut self, bytes: &'a [u8], follows: Follows) -> Step<Answer<'a>> {
        if self.over && !self.frames.is_within() {
            self.over = false;
            return Step::Message { message: Answer::End, consumed: 0 };
        }
        let step = self.frames.step(bytes, follows, fits);
        match &step {
            Step::Message { message, .. } => {
                self.over = true;
                let begins = matches!(message.opcode, READY | AUTHENTICATE);
                if begins && message.version == 0x80 | FRAMED {
                    self.frames.in_frames();
                }
            }
            Step::NotThis(_) => self.over = false,
            _ => {}
        }
        step.map(|message| Answer::Begin { stream: message.stream, outcome: outcome(&message) })
    }

    /// See [`crate::contract`].
    pub fn skipped(&mut self, n: u64) {
        self.frames.skipped(n);
    }

    /// See [`crate::contract`].
    pub fn gap(&mut self, n: u64) -> Gap {
        let gap = self.frames.gap(n);
        if gap == Gap::Lost {
            self.over = false;
        }
        gap
    }

    /// Goes on where `bytes` begin with a message, or a frame with one.
    pub fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        self.frames.resync(bytes, fits)
    }

    /// What comes next begins an answer.
    pub fn restart(&mut self) {
        self.frames.restart();
        self.over = false;
    }
}

fn outcome<'a>(message: &Message<'a>) -> Outcome<'a> {
    let body = if message.flags & COMPRESSED == 0 { content(message.flags, message.body) } else { None };
    if message.opcode == ERROR {
        return Outcome::Error(body.and_then(int).map(|(code, _)| code));
    }
    let Some((kind, rest)) = body.and_then(int) else { return Outcome::Done };
    match (message.opcode, kind) {
        (RESULT, SET_KEYSPACE) => string(rest).map_or(Outcome::Done, |(name, _)| Outcome::Keyspace(name)),
        (RESULT, PREPARED) => string(rest).map_or(Outcome::Done, |(id, _)| Outcome::Prepared(id)),
        _ => Outcome::Done,
    }
}
