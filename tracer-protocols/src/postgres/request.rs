//! The client's direction.

use super::{
    Detection,
    limits::{MAX_LENGTH, MAX_NAMES, MAX_STARTUP, MAX_STATEMENT},
    message::{HEADER, read, string},
};
use crate::{
    contract::{Follows, Gap, Reason, Side, Step},
    framing::Place,
};

/// A message of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// The connection begins, in a database.
    Startup(&'a [u8]),
    /// A statement, in the simple protocol.
    Query(&'a [u8]),
    /// A statement is prepared under a name.
    Parse {
        /// Empty for the unnamed one.
        name: &'a [u8],
        /// The statement.
        text: &'a [u8],
    },
    /// Values are given to the statement of this name.
    Bind(&'a [u8]),
    /// What was bound is run.
    Execute,
    /// A statement is forgotten.
    Close(&'a [u8]),
    /// A statement or portal is described, or a function is called.
    Other,
    /// The series of messages is over: ReadyForQuery will answer it.
    Sync,
    /// Asks for nothing.
    Silent,
}

/// SSLRequest, GSSENCRequest and CancelRequest: in place of a version.
const SPECIAL: std::ops::RangeInclusive<u32> = 80_877_102..=80_877_104;
/// Protocol 3.x.
const VERSION_3: u32 = 3;
/// Sync, whole.
const SYNC: [u8; 5] = [b'S', 0, 0, 0, 4];

/// How many bytes are kept of a message, by its tag.
fn kept(tag: u8) -> Option<usize> {
    match tag {
        b'Q' | b'P' => Some(MAX_STATEMENT),
        b'B' | b'C' => Some(MAX_NAMES),
        b'D' | b'E' | b'F' | b'H' | b'S' | b'X' | b'c' | b'd' | b'f' | b'p' => Some(0),
        _ => None,
    }
}

/// See [`super::detect`].
pub(super) fn detect(bytes: &[u8]) -> Detection {
    match bytes.first() {
        None => Detection::NeedMore,
        Some(0) => match startup_header(bytes) {
            Some((length, version)) if length >= 8 && version >> 16 == VERSION_3 => {
                Detection::Found(Side::Request)
            }
            None if bytes.iter().take(2).all(|&byte| byte == 0) => Detection::NeedMore,
            _ => Detection::No,
        },
        Some(b'Q' | b'P' | b'B') => match bytes.get(..HEADER + 1) {
            // Statements are text; names of portals mostly empty.
            Some(&[tag, 0, high, middle, low, first])
                if high < 0x10
                    && u32::from_be_bytes([0, high, middle, low]) > 4
                    && (first == 0 && tag != b'Q' || begins_text(first)) =>
            {
                Detection::Found(Side::Request)
            }
            None if bytes.get(1).is_none_or(|&byte| byte == 0) => Detection::NeedMore,
            _ => Detection::No,
        },
        _ => Detection::No,
    }
}

fn begins_text(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f || byte == b'\n'
}

/// Length and version of a message without tag.
fn startup_header(bytes: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    Some((number(0)?, number(4)?))
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
        if bytes.first() == Some(&0) {
            return self.startup(bytes, follows);
        }
        read(bytes, follows, kept).step(&mut self.place, request)
    }

    fn startup<'a>(&mut self, bytes: &'a [u8], follows: Follows) -> Step<Request<'a>> {
        let Some((length, version)) = startup_header(bytes) else {
            return if follows == Follows::Maybe {
                Step::NeedMore
            } else {
                self.place.refuse(Reason::CutTooEarly)
            };
        };
        let is_special = SPECIAL.contains(&version);
        if !(8..=MAX_LENGTH).contains(&length) || !is_special && version >> 16 != VERSION_3 {
            return self.place.refuse(Reason::NotAMessage);
        }
        let length = length as usize;
        let wanted = if is_special { 8 } else { length.min(MAX_STARTUP) };
        if bytes.len() < wanted && follows == Follows::Maybe {
            return Step::NeedMore;
        }
        let seen = bytes.len().min(wanted);
        self.place.skip((length - seen) as u64);
        let message = if is_special { Request::Silent } else { Request::Startup(database(&bytes[8..seen])) };
        Step::Message { message, consumed: seen }
    }

    /// See [`crate::contract`].
    pub fn skipped(&mut self, n: u64) {
        self.place.skipped(n);
    }

    /// See [`crate::contract`].
    pub fn gap(&mut self, n: u64) -> Gap {
        self.place.gap(n)
    }

    /// Goes on where `bytes` begin with a statement, or end in a Sync.
    pub fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        let at = if matches!(detect(bytes), Detection::Found(_)) {
            0
        } else if bytes.ends_with(&SYNC) {
            bytes.len() - SYNC.len()
        } else {
            return None;
        };
        self.place.found();
        Some(at)
    }
}

/// The database of a startup message: that of its name, or of the user's (documentation of `StartupMessage`).
fn database(mut parameters: &[u8]) -> &[u8] {
    let (mut user, mut database): (&[u8], &[u8]) = (b"", b"");
    while !parameters.is_empty() {
        let (name, rest) = string(parameters);
        let (value, rest) = string(rest);
        match name {
            b"user" => user = value,
            b"database" => database = value,
            _ => {}
        }
        parameters = rest;
    }
    if database.is_empty() { user } else { database }
}

fn request(tag: u8, body: &[u8]) -> Request<'_> {
    match tag {
        b'Q' => Request::Query(string(body).0),
        b'P' => {
            let (name, rest) = string(body);
            Request::Parse { name, text: string(rest).0 }
        }
        b'B' => Request::Bind(string(string(body).1).0),
        b'C' => match body.split_first() {
            Some((b'S', name)) => Request::Close(string(name).0),
            _ => Request::Other,
        },
        b'E' => Request::Execute,
        b'D' | b'F' => Request::Other,
        b'S' => Request::Sync,
        _ => Request::Silent,
    }
}
