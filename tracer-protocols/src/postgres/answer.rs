//! The server's direction.

use super::{
    limits::{MAX_ERROR, MAX_TAG},
    message::{read, string},
};
use crate::{
    contract::{Follows, Gap, Step},
    framing::Place,
};

/// A message of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// Something went wrong; the SQLSTATE, empty where it is missing.
    Error(&'a str),
    /// A statement is done: the first word of its command tag.
    Complete(&'a str),
    /// The series of messages, or the query, is answered (ReadyForQuery).
    Ready,
    /// Some other part of the answer.
    Part,
    /// Nothing that was asked for: notices, notifications, settings.
    Notice,
}

/// ReadyForQuery without its last byte.
const READY: [u8; 5] = [b'Z', 0, 0, 0, 5];
/// Its last byte: idle, in a transaction, in a failed one.
const STATES: [u8; 3] = *b"ITE";

/// How many bytes are kept of a message, by its tag.
fn kept(tag: u8) -> Option<usize> {
    match tag {
        b'E' => Some(MAX_ERROR),
        b'C' => Some(MAX_TAG),
        b'1' | b'2' | b'3' | b'A' | b'D' | b'G' | b'H' | b'I' | b'K' | b'N' | b'R' | b'S' | b'T' | b'V'
        | b'W' | b'Z' | b'c' | b'd' | b'n' | b's' | b't' | b'v' => Some(0),
        _ => None,
    }
}

/// The parser of the server's direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answers {
    place: Place,
}

impl Answers {
    /// See [`crate::contract`].
    pub fn step<'a>(&mut self, bytes: &'a [u8], follows: Follows) -> Step<Answer<'a>> {
        if let Some(step) = self.place.before(bytes) {
            return step;
        }
        read(bytes, follows, kept).step(&mut self.place, answer)
    }

    /// See [`crate::contract`].
    pub fn skipped(&mut self, n: u64) {
        self.place.skipped(n);
    }

    /// See [`crate::contract`].
    pub fn gap(&mut self, n: u64) -> Gap {
        self.place.gap(n)
    }

    /// Goes on where `bytes` end in ReadyForQuery: the client is waited for behind it.
    pub fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        let (state, front) = bytes.split_last()?;
        if !STATES.contains(state) || !front.ends_with(&READY) {
            return None;
        }
        self.place.found();
        Some(front.len() - READY.len())
    }

    /// What comes next begins a message: a request was sent when everything before it was answered.
    pub fn restart(&mut self) {
        self.place.found();
    }
}

fn answer(tag: u8, body: &[u8]) -> Answer<'_> {
    match tag {
        b'E' => Answer::Error(sqlstate(body)),
        b'C' => {
            let tag = string(body).0;
            let word = tag.split(|&byte| byte == b' ').next().unwrap_or_default();
            Answer::Complete(std::str::from_utf8(word).unwrap_or_default())
        }
        b'Z' => Answer::Ready,
        b'A' | b'K' | b'N' | b'R' | b'S' | b'v' => Answer::Notice,
        _ => Answer::Part,
    }
}

/// The field `C` of an error: five digits and capitals (documentation, "Error and Notice Message Fields").
fn sqlstate(mut fields: &[u8]) -> &str {
    while let Some((&kind, rest)) = fields.split_first()
        && kind != 0
    {
        let (value, rest) = string(rest);
        if kind == b'C' {
            let fits = value.len() == 5
                && value.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
            return if fits { std::str::from_utf8(value).unwrap_or_default() } else { "" };
        }
        fields = rest;
    }
    ""
}
