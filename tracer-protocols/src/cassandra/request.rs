//! The client's direction.

use super::{
    body::{COMPRESSED, content, long_string, short, string},
    frame::{Frames, Message, begins},
};
use crate::{
    contract::{Follows, Gap, Side, Step},
    framing::{Detection, Read},
};

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks<'a> {
    /// The connection begins; what follows is compressed as a whole, in a way that is not read.
    Startup {
        /// It is.
        compressed: bool,
    },
    /// A statement. Empty where it is not known.
    Query(&'a [u8]),
    /// A statement is prepared.
    Prepare(&'a [u8]),
    /// The prepared statement with this id is run.
    Execute(&'a [u8]),
    /// Several statements.
    Batch {
        /// The first one, if it is not a prepared one.
        first: &'a [u8],
        /// The id of the first one, if it is a prepared one.
        id: &'a [u8],
        /// Their number.
        size: u16,
    },
    /// Something about the connection itself.
    Connection,
}

/// A message of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The number by which its answer names it.
    pub stream: u16,
    /// What it asks for.
    pub asks: Asks<'a>,
}

const STARTUP: u8 = 0x01;
const OPTIONS: u8 = 0x05;
const QUERY: u8 = 0x07;
const PREPARE: u8 = 0x09;
const EXECUTE: u8 = 0x0a;
const REGISTER: u8 = 0x0b;
const BATCH: u8 = 0x0d;
const AUTH_RESPONSE: u8 = 0x0f;

/// The version in which frames begin.
pub(super) const FRAMED: u8 = 5;

fn fits(version: u8, opcode: u8) -> bool {
    let is_request =
        matches!(opcode, STARTUP | OPTIONS | QUERY | PREPARE | EXECUTE | REGISTER | BATCH | AUTH_RESPONSE);
    (3..=FRAMED).contains(&version) && is_request
}

/// The parser of the client's direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Requests {
    frames: Frames,
}

impl Requests {
    /// See [`crate::contract`].
    pub fn step<'a>(&mut self, bytes: &'a [u8], follows: Follows) -> Step<Request<'a>> {
        let step = self.frames.step(bytes, follows, fits);
        if let Step::Message { message, .. } = &step
            && message.opcode == STARTUP
            && message.version == FRAMED
        {
            self.frames.in_frames();
        }
        step.map(|message| Request { stream: message.stream, asks: asks(&message) })
    }

    /// See [`crate::contract`].
    pub fn skipped(&mut self, n: u64) {
        self.frames.skipped(n);
    }

    /// See [`crate::contract`].
    pub fn gap(&mut self, n: u64) -> Gap {
        self.frames.gap(n)
    }

    /// Goes on where `bytes` begin with a message, or a frame with one.
    pub fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        self.frames.resync(bytes, fits)
    }
}

/// Whether `bytes` begin with a client's message.
pub(super) fn detect(bytes: &[u8]) -> Detection {
    match begins(bytes, fits) {
        Read::Value(_) => Detection::Found(Side::Request),
        Read::NeedMore
            if bytes.first().is_none_or(|version| (3..=FRAMED).contains(version)) || bytes.len() > 5 =>
        {
            Detection::NeedMore
        }
        _ => Detection::No,
    }
}

fn asks<'a>(message: &Message<'a>) -> Asks<'a> {
    let body = if message.flags & COMPRESSED == 0 { content(message.flags, message.body) } else { None };
    let body = body.unwrap_or_default();
    match message.opcode {
        STARTUP => Asks::Startup { compressed: message.version == FRAMED && names_compression(body) },
        QUERY => Asks::Query(long_string(body).unwrap_or_default()),
        PREPARE => Asks::Prepare(long_string(body).unwrap_or_default()),
        EXECUTE => Asks::Execute(string(body).map_or(&[], |(id, _)| id)),
        BATCH => batch(body).unwrap_or(Asks::Batch { first: &[], id: &[], size: 0 }),
        _ => Asks::Connection,
    }
}

/// Its kind, its size, and each statement with its kind in front.
fn batch(body: &[u8]) -> Option<Asks<'_>> {
    let (size, rest) = short(body.get(1..)?)?;
    let (&kind, rest) = rest.split_first()?;
    let (first, id) = if kind == 0 { (long_string(rest)?, &[][..]) } else { (&[][..], string(rest)?.0) };
    Some(Asks::Batch { first, id, size: size as u16 })
}

fn names_compression(options: &[u8]) -> bool {
    let Some((count, mut rest)) = short(options) else { return false };
    for _ in 0..count {
        let Some((name, behind)) = string(rest) else { return false };
        if name == b"COMPRESSION" {
            return true;
        }
        let Some((_, behind)) = string(behind) else { return false };
        rest = behind;
    }
    false
}
