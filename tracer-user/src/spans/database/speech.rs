//! What a protocol of databases has to say.

use std::fmt::Debug;

use tracer_protocols::contract::{Follows, Gap, Side, Step};

use super::call::Act;

/// Both directions of a protocol: its parsers, and what their messages mean.
///
/// An implementation says when the oldest call is over, or the one that the answer names.
pub(in crate::spans) trait Speech: Debug + Send {
    /// A run of bytes in the client's direction begins.
    fn run_begins(&mut self) {}
    /// See [`tracer_protocols::contract`].
    fn step(&mut self, side: Side, bytes: &[u8], follows: Follows) -> Step<Act>;
    /// See [`tracer_protocols::contract`].
    fn skipped(&mut self, side: Side, n: u64);
    /// See [`tracer_protocols::contract`].
    fn gap(&mut self, side: Side, n: u64) -> Gap;
    /// See [`tracer_protocols::contract`].
    fn resync(&mut self, side: Side, bytes: &[u8]) -> Option<usize>;
    /// Which call the last of the server's messages belongs to, by [`super::Call::number`], in protocols whose answers name their requests. In others, they
    /// come in the order of the requests.
    fn answers(&self) -> Option<u32> {
        None
    }
    /// Every request before this moment is answered, or never will be: the next answer is that of the next request.
    fn settle(&mut self);
    /// Framing of the requests is lost. Returns whether ends of answers still tell which request is over.
    fn requests_lost(&mut self) -> bool;
}
