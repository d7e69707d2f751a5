//! The server's direction.

use super::{
    binary::{self, ANSWER, HEADER},
    limits::MAX_LINE,
    text::{Line, length, line},
};
use crate::{
    contract::{Follows, Gap, Reason, Step},
    framing::Place,
};

/// What comes from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// An answer begins, or goes on.
    Part,
    /// An error: the first word of its line, or the status as `0x0081`, empty where that is none that is known.
    Error(&'a str),
    /// The answer is over.
    End,
    /// All that was asked is answered.
    Last,
    /// An answer to a quiet command.
    Quiet,
}

/// The parser of the server's direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Replies {
    place: Place,
    /// See [`super::Requests`].
    in_line: bool,
    /// The answer is over and that was not said yet.
    over: bool,
}

impl Replies {
    /// See [`crate::contract`].
    pub fn step<'a>(&mut self, bytes: &'a [u8], follows: Follows) -> Step<Reply<'a>> {
        if let Some(n) = self.place.to_skip() {
            return Step::Skip(n);
        }
        if self.in_line && !bytes.is_empty() {
            return self.place.pass_line(&mut self.in_line, bytes);
        }
        if !self.in_line && std::mem::take(&mut self.over) {
            return Step::Message { message: Reply::End, consumed: 0 };
        }
        if bytes.is_empty() {
            return Step::NeedMore;
        }
        if self.place.is_adrift() {
            return Step::NotThis(Reason::NotAMessage);
        }
        let wait =
            if follows == Follows::Maybe { Step::NeedMore } else { Step::NotThis(Reason::CutTooEarly) };
        let step = if bytes[0] == ANSWER {
            bytes.first_chunk().map_or(wait, |header| self.binary(header))
        } else {
            match line(bytes) {
                Line::Whole(text, size) => self.text(text, size),
                // What tells of a value is short.
                Line::Long(text) if text.starts_with("VA") => Step::NotThis(Reason::NotAMessage),
                Line::Long(text) => {
                    self.in_line = true;
                    self.text(&text[..text.floor_char_boundary(MAX_LINE / 2)], MAX_LINE / 2)
                }
                Line::NeedMore => wait,
                Line::No => Step::NotThis(Reason::NotAMessage),
            }
        };
        if matches!(step, Step::NotThis(_)) {
            self.lose();
        }
        step
    }

    fn text<'a>(&mut self, text: &'a str, size: usize) -> Step<Reply<'a>> {
        let mut words = text.split(' ');
        let first = words.next().unwrap_or_default();
        let message = match first {
            "VALUE" | "VA" => {
                let at = if first == "VA" { 0 } else { 2 };
                let Some(value) = length(words.nth(at)) else { return Step::NotThis(Reason::NotAMessage) };
                self.place.skip(value + 2);
                self.over = first == "VA";
                Reply::Part
            }
            "STAT" | "ITEM" => Reply::Part,
            "MN" => Reply::Last,
            "ERROR" | "CLIENT_ERROR" | "SERVER_ERROR" => {
                self.over = true;
                Reply::Error(first)
            }
            _ if is_outcome(first) => {
                self.over = true;
                Reply::Part
            }
            _ => return Step::NotThis(Reason::NotAMessage),
        };
        Step::Message { message, consumed: size }
    }

    fn binary<'a>(&mut self, header: &[u8; HEADER]) -> Step<Reply<'a>> {
        let Some(header) = binary::header(ANSWER, header) else {
            return Step::NotThis(Reason::NotAMessage);
        };
        self.place.skip(header.body.into());
        let is_quiet = header.command.is_some_and(|(_, is_quiet)| is_quiet);
        let message = match binary::error(header.status) {
            Some(error) => Reply::Error(error),
            None if header.opcode == binary::NOOP => Reply::Last,
            None if is_quiet => Reply::Quiet,
            None => Reply::Part,
        };
        let goes_on = header.opcode == binary::STAT && header.body > 0 && header.status == 0;
        self.over = !is_quiet && !goes_on && message != Reply::Last;
        Step::Message { message, consumed: HEADER }
    }

    fn lose(&mut self) {
        *self = Self::default();
        self.place.lose();
    }

    /// See [`crate::contract`].
    pub fn skipped(&mut self, n: u64) {
        self.place.skipped(n);
    }

    /// See [`crate::contract`].
    pub fn gap(&mut self, n: u64) -> Gap {
        if self.in_line {
            return Gap::Inside;
        }
        let gap = self.place.gap(n);
        if gap == Gap::Lost {
            self.lose();
        }
        gap
    }

    /// Goes on where `bytes` end in what ends the values of an answer: the client is waited for behind it.
    pub fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        const END: &[u8] = b"\r\nEND\r\n";
        if !bytes.ends_with(END) {
            return None;
        }
        self.restart();
        Some(bytes.len() - (END.len() - 2))
    }

    /// What comes next begins an answer: a command was sent when everything before it was answered.
    pub fn restart(&mut self) {
        *self = Self::default();
    }
}

/// Whether a line that begins with this word is a whole answer.
fn is_outcome(word: &str) -> bool {
    const OUTCOMES: [&str; 17] = [
        "DELETED",
        "EN",
        "END",
        "EX",
        "EXISTS",
        "HD",
        "ME",
        "NF",
        "NOT_FOUND",
        "NOT_STORED",
        "NS",
        "OK",
        "RESET",
        "STORED",
        "TOUCHED",
        "VERSION",
        "BUSY",
    ];
    OUTCOMES.contains(&word) || !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}
