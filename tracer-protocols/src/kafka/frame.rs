//! Where requests and responses begin.

use super::{
    api,
    fields::Fields,
    limits::{MAX_CLIENT, MAX_KEPT, MAX_KEY, MAX_SIZE, MAX_VERSION},
    produce::publishes,
};
use crate::{
    contract::{Follows, Gap, Reason, Step},
    cursor::Cursor,
    framing::Place,
};

/// Bytes of a size.
const SIZE: usize = 4;
/// Bytes of a request's header up to the client id's length, which is one of them.
const FIXED: usize = 10;

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// What it asks for.
    pub api: i16,
    /// In which version.
    pub version: i16,
    /// The number that its response repeats.
    pub correlation: i32,
    /// Name of the client, empty where it has none.
    pub client: &'a [u8],
    /// What is kept of what is behind the header.
    pub body: &'a [u8],
}

/// A response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// The request's number.
    pub correlation: i32,
    /// What is kept of what is behind it.
    pub body: &'a [u8],
}

/// What the front of a direction looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detection {
    /// Requests.
    Request,
    /// Too short to tell.
    NeedMore,
    /// Nothing of the kind.
    No,
}

/// Whether `bytes` begin with a request.
///
/// The startup message of PostgreSQL looks like one that is four bytes shorter, with a client id full of NULs.
pub fn detect(bytes: &[u8]) -> Detection {
    match bytes.get(..SIZE + FIXED) {
        // No first message has 16 MiB; records of FastCGI begin with a 1.
        Some(&[first, ..]) if first != 0 => Detection::No,
        Some(front) => {
            let size = u32::from_be_bytes([front[0], front[1], front[2], front[3]]);
            match header(&bytes[SIZE..], size) {
                // A response with one of a connection's first numbers reads as a request to publish, whose body tells better.
                Header::Request(request) if request.api == api::PRODUCE => match publishes(&request) {
                    Some(true) => Detection::Request,
                    None if bytes.len() - SIZE < size as usize => Detection::NeedMore,
                    Some(false) | None => Detection::No,
                },
                Header::Request(_) => Detection::Request,
                Header::NeedMore => Detection::NeedMore,
                Header::No => Detection::No,
            }
        }
        None if bytes.first().is_none_or(|&byte| byte == 0) => Detection::NeedMore,
        None => Detection::No,
    }
}

enum Header<'a> {
    Request(Request<'a>),
    NeedMore,
    No,
}

/// Reads a request of `size` bytes.
fn header(bytes: &[u8], size: u32) -> Header<'_> {
    let mut cursor = Cursor(bytes);
    let (Some(api), Some(version), Some(correlation)) = (cursor.i16(), cursor.i16(), cursor.i32()) else {
        return Header::NeedMore;
    };
    if !(0..=MAX_KEY).contains(&api) || !(0..=MAX_VERSION).contains(&version) || size > MAX_SIZE {
        return Header::No;
    }
    let Some(length) = Cursor(cursor.0).i16() else { return Header::NeedMore };
    let length = usize::try_from(length).unwrap_or(0);
    if length > MAX_CLIENT || FIXED + length > size as usize {
        return Header::No;
    }
    let mut fields = Fields::new(cursor.0, api, version);
    let Some(client) = fields.plain_string() else {
        let seen = &cursor.0[2..];
        return if seen.iter().all(|&byte| is_text(byte)) { Header::NeedMore } else { Header::No };
    };
    if !client.iter().all(|&byte| is_text(byte)) {
        return Header::No;
    }
    // Where the tags are cut, so is all that is behind them.
    let body = if fields.tags().is_some() { fields.rest() } else { &[] };
    Header::Request(Request { api, version, correlation, client, body })
}

fn is_text(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f
}

/// What of a message is at the front.
enum Front<'a> {
    /// What is kept of it, its size, and how many of its bytes are not kept.
    Message(&'a [u8], u32, u64),
    NeedMore,
    Cut,
    No,
}

fn front(bytes: &[u8], follows: Follows, least: u32) -> Front<'_> {
    let mut cursor = Cursor(bytes);
    let Some(size) = cursor.u32() else {
        let nothing = bytes.is_empty() || follows == Follows::Maybe;
        return if nothing { Front::NeedMore } else { Front::Cut };
    };
    if !(least..=MAX_SIZE).contains(&size) {
        return Front::No;
    }
    let wanted = (size as usize).min(MAX_KEPT);
    if cursor.0.len() < wanted && follows == Follows::Maybe {
        return Front::NeedMore;
    }
    let kept = &cursor.0[..cursor.0.len().min(wanted)];
    Front::Message(kept, size, u64::from(size) - kept.len() as u64)
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
        match front(bytes, follows, FIXED as u32) {
            Front::Message(kept, size, rest) => match header(kept, size) {
                Header::Request(message) => {
                    self.place.skip(rest);
                    Step::Message { message, consumed: SIZE + kept.len() }
                }
                Header::NeedMore => self.place.refuse(Reason::CutTooEarly),
                Header::No => self.place.refuse(Reason::NotAMessage),
            },
            Front::NeedMore => Step::NeedMore,
            Front::Cut => self.place.refuse(Reason::CutTooEarly),
            Front::No => self.place.refuse(Reason::NotAMessage),
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

    /// Goes on where `bytes` begin with a request.
    pub fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        (detect(bytes) == Detection::Request).then(|| {
            self.place.found();
            0
        })
    }
}

/// The parser of the broker's direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Responses {
    place: Place,
}

impl Responses {
    /// See [`crate::contract`].
    pub fn step<'a>(&mut self, bytes: &'a [u8], follows: Follows) -> Step<Response<'a>> {
        if let Some(step) = self.place.before(bytes) {
            return step;
        }
        match front(bytes, follows, SIZE as u32) {
            Front::Message(kept, _, rest) => {
                let mut cursor = Cursor(kept);
                let Some(correlation) = cursor.i32() else {
                    return self.place.refuse(Reason::CutTooEarly);
                };
                self.place.skip(rest);
                let message = Response { correlation, body: cursor.0 };
                Step::Message { message, consumed: SIZE + kept.len() }
            }
            Front::NeedMore => Step::NeedMore,
            Front::Cut => self.place.refuse(Reason::CutTooEarly),
            Front::No => self.place.refuse(Reason::NotAMessage),
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

    /// Goes on where `bytes` are one whole response.
    pub fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        let size = Cursor(bytes).u32()?;
        (size >= SIZE as u32 && size as usize + SIZE == bytes.len()).then(|| {
            self.place.found();
            0
        })
    }
}

/// The response's body behind its header, which has tags in flexible versions.
pub(super) fn body(body: &[u8], api: i16, version: i16) -> Option<Fields<'_>> {
    let mut fields = Fields::new(body, api, version);
    fields.tags()?;
    Some(fields)
}

impl<'a> Request<'a> {
    /// The consumer group that a request of [`api::OF_GROUPS`] names.
    pub fn group(&self) -> Option<&'a [u8]> {
        if !api::OF_GROUPS.contains(&self.api) || self.api == 9 && self.version >= 8 {
            return None;
        }
        Fields::new(self.body, self.api, self.version).string().filter(|name| !name.is_empty())
    }
}
