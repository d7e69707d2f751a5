//! Calls whose parent is known only when a request is answered.

use smallvec::SmallVec;

use crate::spans::exchange::ExchangeId;

/// Calls that wait.
pub(super) type Calls = SmallVec<[ExchangeId; 2]>;

/// What an answer says of the calls that waited for it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Decided {
    /// Made for the request that was answered.
    pub(super) belong: Calls,
    /// Nobody can tell.
    pub(super) stand_alone: Calls,
}
