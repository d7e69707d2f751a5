//! What a broker's protocol has to say.

use std::fmt::Debug;

use tracer_protocols::contract::{Follows, Gap, Side, Step};

use super::{act::Act, reading::Reading};

/// Both directions of a protocol: its parsers, and what their messages mean.
pub(in crate::spans) trait Talk: Debug + Send {
    /// See [`tracer_protocols::contract`]. What a message means is put into `acts`.
    fn step(
        &mut self,
        side: Side,
        bytes: &[u8],
        follows: Follows,
        reading: &mut Reading<'_>,
        acts: &mut Vec<Act>,
    ) -> Step<()>;
    /// See [`tracer_protocols::contract`].
    fn skipped(&mut self, side: Side, n: u64);
    /// See [`tracer_protocols::contract`].
    fn gap(&mut self, side: Side, n: u64) -> Gap;
    /// See [`tracer_protocols::contract`].
    fn resync(&mut self, side: Side, bytes: &[u8]) -> Option<usize>;
    /// Messages of this side may be missing: what was half said is forgotten.
    fn lost(&mut self, _side: Side) {}
}
