//! Which request a call was made for, by an id that came with the request and that the application passes on (`X-Request-ID`).
//!
//! An id is believed while exactly one request of the process is known to have come with it: one that comes again, with a retry
//! or because it names something larger than a request, says nothing any more.

use std::sync::Arc;

use foldhash::fast::RandomState;
use lru::LruCache;

use crate::spans::exchange::{Exchange, ExchangeId};

/// Ids remembered at a time; the one that was not heard of for longest makes room.
const MAX_VALUES: usize = 65_536;

/// The ids of all processes' requests.
#[derive(Debug)]
pub(super) struct Values {
    by_value: LruCache<(u32, Arc<str>), Known, RandomState>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    request: ExchangeId,
    in_hand: bool,
    /// Another request came with it, too.
    again: bool,
}

impl Default for Values {
    fn default() -> Self {
        // Not with a capacity: most hosts see no such id.
        Self { by_value: LruCache::unbounded_with_hasher(RandomState::default()) }
    }
}

impl Values {
    /// A request was read.
    pub(super) fn begin(&mut self, request: &Exchange) {
        let Some(id) = &request.request.id else { return };
        let key = (request.by.tgid, id.clone());
        if let Some(known) = self.by_value.get_mut(&key) {
            known.again = true;
            return;
        }
        if self.by_value.len() >= MAX_VALUES {
            self.by_value.pop_lru();
        }
        self.by_value.put(key, Known { request: request.id, in_hand: true, again: false });
    }

    /// A request is answered, or ended without. Its id stays known.
    pub(super) fn end(&mut self, request: &Exchange) {
        let Some(id) = &request.request.id else { return };
        if let Some(known) = self.by_value.get_mut(&(request.by.tgid, id.clone()))
            && known.request == request.id
        {
            known.in_hand = false;
        }
    }

    /// The request in hand that came with the id that a call carries.
    pub(super) fn cause(&mut self, call: &Exchange) -> Option<ExchangeId> {
        let id = call.request.id.as_ref()?;
        let known = self.by_value.get(&(call.by.tgid, id.clone()))?;
        (known.in_hand && !known.again).then_some(known.request)
    }
}
