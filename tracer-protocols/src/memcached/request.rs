//! The client's direction.

use super::{
    binary::{self, COMMAND, HEADER},
    text::{Line, length, line},
};
use crate::{
    contract::{Follows, Gap, Reason, Side, Step},
    framing::{Detection, Place},
};

/// What answers a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// One answer.
    Once,
    /// One answer, unless the outcome is the usual one.
    Perhaps,
    /// One answer, behind which none of what was asked before is answered.
    Last,
    /// Nothing.
    Never,
}

/// A command begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// Its name as sent; of the binary protocol that of the same command in text.
    pub name: &'a str,
    /// What answers it.
    pub answered: Answered,
}

/// The parser of the client's direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Requests {
    place: Place,
    /// A line that is too long to be kept is passed over up to its end.
    in_line: bool,
}

/// A command at the front of some bytes.
enum Front<'a> {
    /// With the bytes that it takes, and those behind that belong to it.
    Command {
        command: Command<'a>,
        size: usize,
        value: u64,
    },
    /// Its line is longer than what is kept.
    Long(Command<'a>),
    NeedMore,
    No,
}

impl Requests {
    /// See [`crate::contract`].
    pub fn step<'a>(&mut self, bytes: &'a [u8], follows: Follows) -> Step<Command<'a>> {
        if let Some(n) = self.place.to_skip() {
            return Step::Skip(n);
        }
        if bytes.is_empty() {
            return Step::NeedMore;
        }
        if self.in_line {
            return self.place.pass_line(&mut self.in_line, bytes);
        }
        if self.place.is_adrift() {
            return Step::NotThis(Reason::NotAMessage);
        }
        match front(bytes, follows) {
            Front::Command { command, size, value } => {
                self.place.skip(value);
                Step::Message { message: command, consumed: size }
            }
            Front::Long(command) => {
                self.in_line = true;
                Step::Message { message: command, consumed: command.name.len() }
            }
            Front::NeedMore if follows == Follows::Maybe => Step::NeedMore,
            Front::NeedMore => self.place.refuse(Reason::CutTooEarly),
            Front::No => self.place.refuse(Reason::NotAMessage),
        }
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
        self.place.gap(n)
    }

    /// Goes on where `bytes` begin with a command.
    pub fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        if detect(bytes) != Detection::Found(Side::Request) {
            return None;
        }
        self.place.found();
        Some(0)
    }
}

/// Whether `bytes` begin with a command.
pub(super) fn detect(bytes: &[u8]) -> Detection {
    match front(bytes, Follows::Maybe) {
        Front::Command { .. } | Front::Long(_) => Detection::Found(Side::Request),
        Front::NeedMore => Detection::NeedMore,
        Front::No => Detection::No,
    }
}

fn front(bytes: &[u8], follows: Follows) -> Front<'_> {
    if bytes.first() == Some(&COMMAND) {
        return binary_front(bytes);
    }
    match line(bytes) {
        Line::Whole(text, size) => match command(text) {
            Some((command, value)) => Front::Command { command, size, value },
            None => Front::No,
        },
        Line::Long(text) => long(text),
        Line::NeedMore if follows == Follows::Gap => {
            let text = std::str::from_utf8(bytes).unwrap_or_default();
            long(text)
        }
        Line::NeedMore if may_begin(bytes) => Front::NeedMore,
        Line::NeedMore | Line::No => Front::No,
    }
}

/// The front of a line whose end is not at hand: of commands with keys alone, it is enough.
fn long(text: &str) -> Front<'_> {
    let name = text.split(' ').next().unwrap_or_default();
    if name.len() < text.len() && matches!(name, "get" | "gets" | "gat" | "gats") {
        Front::Long(Command { name, answered: Answered::Once })
    } else {
        Front::No
    }
}

/// Whether the front of a line may be that of a command.
fn may_begin(bytes: &[u8]) -> bool {
    let name = bytes.split(|byte| b" \r".contains(byte)).next().unwrap_or_default();
    let is_whole = name.len() < bytes.len();
    NAMES.iter().any(
        |known| {
            if is_whole { known.as_bytes() == name } else { known.as_bytes().starts_with(name) }
        },
    )
}

/// Commands of the text protocol.
const NAMES: [&str; 28] = [
    "add",
    "append",
    "cache_memlimit",
    "cas",
    "decr",
    "delete",
    "flush_all",
    "gat",
    "gats",
    "get",
    "gets",
    "incr",
    "ma",
    "md",
    "me",
    "mg",
    "mn",
    "ms",
    "prepend",
    "quit",
    "replace",
    "set",
    "slabs",
    "stats",
    "touch",
    "verbosity",
    "version",
    "watch",
];

/// The command of a line, and the bytes of the value behind it.
fn command(text: &str) -> Option<(Command<'_>, u64)> {
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    let name = words.next()?;
    if !NAMES.contains(&name) || !text.starts_with(name) {
        return None;
    }
    let mut value = 0;
    let answered = match name {
        "mn" => Answered::Last,
        "mg" | "md" | "ma" | "ms" => {
            words.next()?;
            if name == "ms" {
                value = length(words.next())? + 2;
            }
            if words.any(|flag| flag.starts_with('q')) { Answered::Perhaps } else { Answered::Once }
        }
        "set" | "add" | "replace" | "append" | "prepend" | "cas" => {
            value = length(words.nth(3))? + 2;
            never_if(words.next_back() == Some("noreply"))
        }
        "get" | "gets" | "gat" | "gats" => {
            words.next()?;
            Answered::Once
        }
        "quit" => Answered::Never,
        _ => never_if(words.next_back() == Some("noreply")),
    };
    Some((Command { name, answered }, value))
}

fn never_if(is_so: bool) -> Answered {
    if is_so { Answered::Never } else { Answered::Once }
}

fn binary_front(bytes: &[u8]) -> Front<'_> {
    let Some(header) = bytes.first_chunk() else { return Front::NeedMore };
    let Some(header) = binary::header(COMMAND, header) else { return Front::No };
    // Commands have 0 in place of a status, but in clusters.
    let Some((name, is_quiet)) = header.command else { return Front::No };
    let answered = match (header.opcode, is_quiet) {
        (binary::NOOP, _) => Answered::Last,
        (_, true) if name == "quit" => Answered::Never,
        (_, true) => Answered::Perhaps,
        (_, false) => Answered::Once,
    };
    Front::Command { command: Command { name, answered }, size: HEADER, value: header.body.into() }
}
