//! Where a parser of messages with a length is: what all of them have in common.

use crate::contract::{Gap, Reason, Side, Step};

/// What the front of a direction looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detection {
    /// Messages of this side.
    Found(Side),
    /// Too short to tell.
    NeedMore,
    /// Nothing of the kind.
    No,
}

/// What the front of some bytes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read<T> {
    /// This.
    Value(T),
    /// So far nothing speaks against it.
    NeedMore,
    /// Something else.
    No,
}

/// Bytes that nobody reads, and whether it is known where the next message begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    skip: u64,
    adrift: bool,
}

impl Place {
    /// Bytes still to be passed over.
    pub(crate) fn to_skip(self) -> Option<u64> {
        (self.skip > 0).then_some(self.skip)
    }

    /// What comes before any look at `bytes`: some are to be passed over, there are none, or framing is lost.
    pub(crate) fn before<M>(self, bytes: &[u8]) -> Option<Step<M>> {
        if let Some(n) = self.to_skip() {
            return Some(Step::Skip(n));
        }
        if bytes.is_empty() {
            return Some(Step::NeedMore);
        }
        self.adrift.then_some(Step::NotThis(Reason::NotAMessage))
    }

    /// The next `n` bytes are nobody's to read.
    pub(crate) fn skip(&mut self, n: u64) {
        self.skip = n;
    }

    pub(crate) fn skipped(&mut self, n: u64) {
        self.skip = self.skip.saturating_sub(n);
    }

    /// Framing is lost.
    pub(crate) fn lose(&mut self) {
        *self = Self { skip: 0, adrift: true };
    }

    /// Framing is lost, for this reason.
    pub(crate) fn refuse<M>(&mut self, reason: Reason) -> Step<M> {
        self.lose();
        Step::NotThis(reason)
    }

    /// A message begins here.
    pub(crate) fn found(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn is_adrift(self) -> bool {
        self.adrift
    }

    /// Passes over the rest of a line, of which `bytes` (some) hold the next part; `in_line` is true up to its end.
    pub(crate) fn pass_line<M>(&mut self, in_line: &mut bool, bytes: &[u8]) -> Step<M> {
        let end = bytes.iter().position(|&byte| byte == b'\n');
        *in_line = end.is_none();
        let size = end.map_or(bytes.len(), |end| end + 1) as u64;
        self.skip(size);
        Step::Skip(size)
    }

    /// `n` bytes were not captured.
    pub(crate) fn gap(&mut self, n: u64) -> Gap {
        if n <= self.skip {
            self.skip -= n;
            return Gap::Inside;
        }
        self.lose();
        Gap::Lost
    }
}
