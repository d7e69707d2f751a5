//! The state machine of one direction.

use super::message::{End, Message};
use super::method::Method;
use crate::contract::{Follows, Gap, Side, Step};

/// One direction of one connection.
#[derive(Debug)]
pub struct Parser {
    side: Side,
}

impl Parser {
    /// A parser for the bytes of this side, between messages or in mid-stream.
    pub fn new(side: Side) -> Self {
        Self { side }
    }

    /// Reads the front of `bytes`, which start where the last step, skip or gap left off.
    ///
    /// `answering` is, for responses, the method of the request that the next response answers, None where that is not
    /// known; for requests it is ignored.
    pub fn step<'a>(
        &mut self,
        bytes: &'a [u8],
        follows: Follows,
        answering: Option<Method>,
    ) -> Step<Message<'a>> {
        let _ = (bytes, follows, answering, self.side);
        Step::NeedMore
    }

    /// `n` bytes were passed over after [`Step::Skip`], captured or not.
    pub fn skipped(&mut self, n: u64) {
        let _ = n;
    }

    /// The next `n` bytes are missing.
    pub fn gap(&mut self, n: u64) -> Gap {
        let _ = n;
        Gap::Lost
    }

    /// The direction has ended (FIN, close). Ends a body that runs until then (RFC 9112 section 6.3) or whose framing was
    /// lost; None between messages and in the middle of one, which the caller reports as aborted.
    pub fn connection_end(&mut self) -> Option<End> {
        None
    }

    /// Between messages: all bytes so far belong to messages whose end has been reported.
    pub fn is_idle(&self) -> bool {
        true
    }

    /// For requests: the response direction said [`upgraded`](super::ResponseHead::upgraded). What comes next is passed
    /// over.
    pub fn tunnel(&mut self) {}

    /// After [`Step::NotThis`]: the offset of the next plausible head of this side in `bytes`.
    pub fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        let _ = bytes;
        None
    }
}
