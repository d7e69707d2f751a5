//! What a parser and the stream layer that feeds it owe each other.
//!
//! The stream layer has, for one direction of one connection, a sequence of byte runs and gaps. A *run* is contiguous;
//! a *gap* is a number of bytes that were counted but not captured. A run may start in the middle of a message.
//!
//! The caller's loop, for each run:
//!
//! ```text
//! loop {
//!     match parser.step(bytes, follows, ..) {
//!         Message { message, consumed } => { use message; drop `consumed` bytes }
//!         Skip(n)    => { k = min(n, bytes.len()); drop k bytes; parser.skipped(k); stop when k == 0 }
//!         NotThis(_) => match parser.resync(bytes) { Some(at) => drop `at` bytes, None => drop them all and stop }
//!         NeedMore   => stop, keeping the bytes
//!     }
//! }
//! ```
//!
//! and for each gap of `n` bytes, when the run before it has been handed in with [`Follows::Gap`]: `parser.gap(n)`. A
//! caller that holds on to a `Skip(n)` may instead report the part of a gap that falls within it by `skipped`: the two
//! come to the same.
//!
//! A parser promises that
//! * each message head is followed by exactly one end, unless the connection ends in between;
//! * `consumed` and `at` never exceed the bytes handed in, and the loop above ends;
//! * [`Follows::Gap`] with bytes at hand is never answered by [`Step::NeedMore`]: what a gap cuts is decided then;
//! * without gaps, any split of the same bytes gives the same messages;
//! * nothing is allocated.

/// Which half of an exchange the bytes of a direction carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Client to server.
    Request,
    /// Server to client.
    Response,
}

/// What a parser makes of the bytes at the front of a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<M> {
    /// `message` was recognised in the first `consumed` bytes, which may be none.
    Message {
        /// What was recognised. It may borrow from the bytes handed in.
        message: M,
        /// Bytes that the caller now drops.
        consumed: usize,
    },
    /// Nothing can be said until more bytes come; the caller keeps the bytes and hands them in again with more behind.
    NeedMore,
    /// The next `n` bytes (more than zero, perhaps more than are at hand; `u64::MAX`: until the connection ends) are
    /// bytes that nobody reads. The caller drops them, seen or not, and reports each drop by `skipped`.
    Skip(u64),
    /// These bytes are not this protocol here, or framing is lost: the caller calls `resync`.
    NotThis(Reason),
}

impl<M> Step<M> {
    /// The same step with something made of its message.
    pub fn map<N>(self, make: impl FnOnce(M) -> N) -> Step<N> {
        match self {
            Self::Message { message, consumed } => Step::Message { message: make(message), consumed },
            Self::NeedMore => Step::NeedMore,
            Self::Skip(n) => Step::Skip(n),
            Self::NotThis(reason) => Step::NotThis(reason),
        }
    }
}

/// Why bytes were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A message was due here and these bytes do not start one.
    NotAMessage,
    /// A gap cut a message so early that nothing of it can be told.
    CutTooEarly,
}

impl Reason {
    /// The name for metrics' labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotAMessage => "not_a_message",
            Self::CutTooEarly => "cut_too_early",
        }
    }
}

/// What follows the bytes handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Follows {
    /// Perhaps more bytes later.
    Maybe,
    /// A gap: the bytes after these were not captured.
    Gap,
}

/// What a gap did to the framing of a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gap {
    /// The gap fell within bytes that nobody reads: the parser still knows where it is.
    Inside,
    /// The parser no longer knows where it is. It finds the next message by itself or through `resync`.
    Lost,
}
