//! Lines and what follows them.

use super::line::{size, word, words};
use crate::{
    contract::{Follows, Gap, Reason, Side, Step},
    framing::Place,
};

/// Longest line that is waited for: `max_control_line` is 4 KiB, and what a server says of itself may be longer.
const MAX_LINE: usize = 8 << 10;
/// Bytes of headers that are kept.
const MAX_HEADERS: usize = 4096;
/// Most bytes that the caller has to keep.
pub const MAX_KEPT: usize = MAX_LINE + MAX_HEADERS + 1;

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// The server introduces itself.
    Info,
    /// A message is published.
    Publish {
        /// Under this subject.
        subject: &'a [u8],
        /// Where answers are expected, empty for nowhere.
        reply: &'a [u8],
        /// The block of its headers, as far as it is kept.
        headers: &'a [u8],
        /// Bytes of it that are not headers.
        body: u64,
    },
    /// A message is delivered.
    Deliver {
        /// It was published under this subject.
        subject: &'a [u8],
        /// The subscription that it is for.
        subscription: &'a [u8],
        /// Where an answer is expected, empty for nowhere.
        reply: &'a [u8],
        /// As of [`Self::Publish`].
        headers: &'a [u8],
        /// As of [`Self::Publish`].
        body: u64,
    },
    /// A subject is subscribed to.
    Subscribe {
        /// The subject, perhaps with wildcards.
        subject: &'a [u8],
        /// Subscribers of one queue get each message once; empty for none.
        queue: &'a [u8],
        /// The client's name for it.
        subscription: &'a [u8],
    },
    /// The server refuses something.
    Error(&'a [u8]),
    /// Anything else.
    Other,
}

/// What the front of a direction looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detection {
    /// Lines of this side.
    Found(Side),
    /// Too short to tell.
    NeedMore,
    /// Nothing of the kind.
    No,
}

/// Whether `bytes` begin with a line that only one side of this protocol sends.
pub fn detect(bytes: &[u8]) -> Detection {
    const STARTS: [(&[u8], Side); 6] = [
        (b"INFO {", Side::Response),
        (b"MSG ", Side::Response),
        (b"HMSG ", Side::Response),
        (b"PUB ", Side::Request),
        (b"HPUB ", Side::Request),
        (b"SUB ", Side::Request),
    ];
    for (start, side) in STARTS {
        if bytes.len() < start.len() && start.starts_with(bytes) {
            return Detection::NeedMore;
        }
        if !bytes.starts_with(start) {
            continue;
        }
        if start[0] == b'I' {
            return Detection::Found(side);
        }
        return match split_line(bytes) {
            Some((line, _)) if parse(line).is_some() => Detection::Found(side),
            None if bytes.len() < MAX_LINE && bytes.iter().all(|&byte| byte >= b' ' || byte == b'\r') => {
                Detection::NeedMore
            }
            _ => Detection::No,
        };
    }
    Detection::No
}

/// A line that is understood: the message without its headers, their size, and the size of all that follows.
struct Line<'a> {
    message: Message<'a>,
    headers: usize,
    /// `None` where nothing follows.
    follows: Option<usize>,
}

/// The first line of `bytes`, without its end, and the bytes that it takes with that; `None` for one that is not whole, or too long.
fn split_line(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let end = memchr::memchr(b'\n', &bytes[..bytes.len().min(MAX_LINE)])?;
    let line = &bytes[..end];
    Some((line.strip_suffix(b"\r").unwrap_or(line), end + 1))
}

fn parse(line: &[u8]) -> Option<Line<'_>> {
    let (verb, rest) = word(line);
    let alone = |message| Some(Line { message, headers: 0, follows: None });
    let is = |name: &[u8]| verb.eq_ignore_ascii_case(name);
    if is(b"PUB") || is(b"MSG") {
        let fixed = if is(b"PUB") { 1 } else { 2 };
        let (words, count) = words::<4>(rest)?;
        let reply = reply(&words, count, fixed, 1)?;
        let total = size(words[count - 1])?;
        let message = message(&words, fixed, reply, total as u64);
        return Some(Line { message, headers: 0, follows: Some(total) });
    }
    if is(b"HPUB") || is(b"HMSG") {
        let fixed = if is(b"HPUB") { 1 } else { 2 };
        let (words, count) = words::<5>(rest)?;
        let reply = reply(&words, count, fixed, 2)?;
        let (headers, total) = (size(words[count - 2])?, size(words[count - 1])?);
        let body = total.checked_sub(headers)? as u64;
        return Some(Line { message: message(&words, fixed, reply, body), headers, follows: Some(total) });
    }
    if is(b"SUB") {
        let (words, count) = words::<3>(rest)?;
        let (queue, subscription): (&[u8], _) = match count {
            2 => (b"", words[1]),
            3 => (words[1], words[2]),
            _ => return None,
        };
        return alone(Message::Subscribe { subject: words[0], queue, subscription });
    }
    match () {
        () if is(b"INFO") => alone(Message::Info),
        () if is(b"-ERR") => alone(Message::Error(rest.trim_ascii())),
        () if is(b"CONNECT") || is(b"PING") || is(b"PONG") || is(b"UNSUB") || is(b"+OK") => {
            alone(Message::Other)
        }
        () => None,
    }
}

/// The word between `fixed` words and `sizes` numbers, empty where there is none; `None` for a line of another length.
fn reply<'a, const N: usize>(
    words: &[&'a [u8]; N],
    count: usize,
    fixed: usize,
    sizes: usize,
) -> Option<&'a [u8]> {
    match count.checked_sub(fixed + sizes)? {
        0 => Some(b""),
        1 => Some(words[fixed]),
        _ => None,
    }
}

fn message<'a>(words: &[&'a [u8]], fixed: usize, reply: &'a [u8], body: u64) -> Message<'a> {
    let subject = words[0];
    if fixed == 1 {
        Message::Publish { subject, reply, headers: b"", body }
    } else {
        Message::Deliver { subject, subscription: words[1], reply, headers: b"", body }
    }
}

/// The parser of either direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parser {
    place: Place,
}

impl Parser {
    /// See [`crate::contract`].
    pub fn step<'a>(&mut self, bytes: &'a [u8], follows: Follows) -> Step<Message<'a>> {
        if let Some(step) = self.place.before(bytes) {
            return step;
        }
        let Some((line, consumed)) = split_line(bytes) else {
            return if follows == Follows::Gap {
                self.place.refuse(Reason::CutTooEarly)
            } else if bytes.len() >= MAX_LINE {
                self.place.refuse(Reason::NotAMessage)
            } else {
                Step::NeedMore
            };
        };
        let Some(Line { mut message, headers, follows: size }) = parse(line) else {
            return self.place.refuse(Reason::NotAMessage);
        };
        let Some(size) = size else { return Step::Message { message, consumed } };
        let behind = &bytes[consumed..];
        let wanted = headers.min(MAX_HEADERS);
        if behind.len() < wanted && follows == Follows::Maybe {
            return Step::NeedMore;
        }
        let kept = &behind[..behind.len().min(wanted)];
        if let Message::Publish { headers, .. } | Message::Deliver { headers, .. } = &mut message {
            *headers = kept;
        }
        // The message ends with a line's end of its own.
        self.place.skip((size - kept.len()) as u64 + 2);
        Step::Message { message, consumed: consumed + kept.len() }
    }

    /// See [`crate::contract`].
    pub fn skipped(&mut self, n: u64) {
        self.place.skipped(n);
    }

    /// See [`crate::contract`].
    pub fn gap(&mut self, n: u64) -> Gap {
        self.place.gap(n)
    }

    /// Goes on where `bytes` begin with a message.
    pub fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        matches!(detect(bytes), Detection::Found(_)).then(|| {
            self.place.found();
            0
        })
    }
}

impl<'a> Message<'a> {
    /// The first line of a message's headers, and what is behind it.
    fn block(&self) -> (&'a [u8], &'a [u8]) {
        let block = match self {
            Self::Publish { headers, .. } | Self::Deliver { headers, .. } => *headers,
            _ => b"",
        };
        split_line(block).map_or((block, &block[..0]), |(line, end)| (line, &block[end..]))
    }

    /// The status in front of a message's headers (ADR-4: `NATS/1.0 503`).
    pub fn status(&self) -> Option<&'a [u8]> {
        let (first, _) = self.block();
        first.strip_prefix(b"NATS/1.0").map(|rest| word(rest).0).filter(|word| !word.is_empty())
    }

    /// Names and values of a message's headers.
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let (_, mut rest) = self.block();
        std::iter::from_fn(move || {
            let (line, end) = split_line(rest)?;
            rest = &rest[end..];
            let colon = memchr::memchr(b':', line)?;
            Some((line[..colon].trim_ascii(), line[colon + 1..].trim_ascii()))
        })
    }
}
