//! The server's direction.

use super::{limits::MAX_LINE, line::number};
use crate::{
    contract::{Follows, Gap, Reason, Step},
    framing::{Place, Read},
};

/// What comes from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// A reply begins.
    Begin,
    /// A reply begins that is an error, with its first word (`ERR`, `WRONGTYPE`, `MOVED`), empty where that is none.
    Error(&'a str),
    /// The reply is over.
    End,
    /// Something that was not asked for begins (RESP3 push). Nothing tells of its end.
    Push,
}

/// The parser of the server's direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Replies {
    place: Place,
    /// Values of the reply at hand that have not begun. What an aggregate holds is added as it begins.
    left: u64,
    /// A line that is too long to be kept is passed over up to its end.
    in_line: bool,
    /// See [`State`].
    state: State,
}

/// What is at hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing.
    #[default]
    Between,
    /// A reply.
    Reply,
    /// A push.
    Push,
}

/// A value begins.
struct Value {
    /// Bytes of its first line.
    line: usize,
    /// Bytes behind that belong to it.
    content: u64,
    /// Values that it holds.
    holds: u64,
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
        if self.in_line {
            return Step::NeedMore;
        }
        if self.left == 0 && self.state != State::Between {
            let over = std::mem::take(&mut self.state);
            if over == State::Reply {
                return Step::Message { message: Reply::End, consumed: 0 };
            }
        }
        if bytes.is_empty() {
            return Step::NeedMore;
        }
        if self.place.is_adrift() {
            return Step::NotThis(Reason::NotAMessage);
        }
        let value = match value(bytes) {
            Read::Value(value) => value,
            Read::NeedMore if bytes.len() < MAX_LINE => {
                return if follows == Follows::Maybe {
                    Step::NeedMore
                } else {
                    self.refuse(Reason::CutTooEarly)
                };
            }
            // A line without an end, of a kind that may be that long.
            Read::NeedMore => {
                self.in_line = true;
                Value { line: 0, content: 0, holds: 0 }
            }
            Read::No => return self.refuse(Reason::NotAMessage),
        };
        if self.state == State::Between {
            return self.begin(bytes, &value);
        }
        self.left = (self.left - 1).saturating_add(value.holds);
        if self.in_line {
            return self.place.pass_line(&mut self.in_line, bytes);
        }
        let size = (value.line as u64).saturating_add(value.content);
        self.place.skip(size);
        Step::Skip(size)
    }

    fn begin<'a>(&mut self, bytes: &'a [u8], value: &Value) -> Step<Reply<'a>> {
        self.left = value.holds;
        self.place.skip(value.content);
        let kind = bytes[0];
        self.state = if kind == b'>' { State::Push } else { State::Reply };
        let message = match kind {
            b'>' => Reply::Push,
            b'-' => Reply::Error(first_word(&bytes[1..])),
            // `!21\r\nSYNTAX invalid`: the word lies behind the line, and is not waited for.
            b'!' => Reply::Error(""),
            _ => Reply::Begin,
        };
        Step::Message { message, consumed: value.line }
    }

    fn refuse<M>(&mut self, reason: Reason) -> Step<M> {
        self.lose();
        Step::NotThis(reason)
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
        let gap = self.place.gap(n);
        if gap == Gap::Lost {
            self.lose();
        }
        gap
    }

    /// Nothing: within a reply anything may look like the beginning of one.
    pub fn resync(&mut self, _: &[u8]) -> Option<usize> {
        None
    }

    /// What comes next begins a reply: a request was sent when everything before it was answered.
    pub fn restart(&mut self) {
        *self = Self::default();
    }
}

/// The value that `bytes` begin with.
fn value(bytes: &[u8]) -> Read<Value> {
    let Some(&kind) = bytes.first() else { return Read::NeedMore };
    let counted = match kind {
        b'+' | b'-' | b':' | b',' | b'(' | b'_' | b'#' => return line(bytes),
        b'$' | b'=' | b'!' | b'*' | b'~' | b'>' | b'%' | b'|' => number(kind, bytes),
        _ => return Read::No,
    };
    let (count, line) = match counted {
        Read::Value((-1, line)) => return Read::Value(Value { line, content: 0, holds: 0 }),
        Read::Value((count, line)) => (count.unsigned_abs(), line),
        Read::NeedMore => return Read::NeedMore,
        Read::No => return Read::No,
    };
    Read::Value(match kind {
        b'$' | b'=' | b'!' => Value { line, content: count + 2, holds: 0 },
        b'%' => Value { line, content: 0, holds: 2 * count },
        // Attributes stand in front of the value that they are of.
        b'|' => Value { line, content: 0, holds: 2 * count + 1 },
        _ => Value { line, content: 0, holds: count },
    })
}

/// A line of text. Within the first [`MAX_LINE`] bytes alone, so that the answer does not depend on how much is at hand.
fn line(bytes: &[u8]) -> Read<Value> {
    let window = &bytes[..bytes.len().min(MAX_LINE)];
    match window.iter().position(|&byte| byte == b'\n') {
        Some(end) if end > 0 && window[end - 1] == b'\r' => {
            Read::Value(Value { line: end + 1, content: 0, holds: 0 })
        }
        Some(_) => Read::No,
        None => Read::NeedMore,
    }
}

/// The word in capitals that an error begins with.
fn first_word(bytes: &[u8]) -> &str {
    let end = bytes.iter().take_while(|byte| byte.is_ascii_uppercase() || **byte == b'_').count();
    let ends = matches!(bytes.get(end), None | Some(b' ' | b'\r'));
    if ends && end <= 32 { std::str::from_utf8(&bytes[..end]).unwrap_or_default() } else { "" }
}
