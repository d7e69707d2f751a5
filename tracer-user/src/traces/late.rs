//! Server ends that were answered before their client end was seen.
//!
//! The send tracepoint fires after the bytes were delivered: a quick server may have read, answered and finished the request
//! before the client's record is made. Such a server end stays joinable for a moment.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;

use super::{groups::GroupId, joins::Key};
use crate::spans::{exchange::ExchangeId, span::SpanId};

/// How long, nanoseconds: a client that is preempted between sending and reporting runs again within this.
const WAIT_NS: u64 = 100_000_000;

/// A server end that is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct LateServer {
    /// Its trace in the making.
    pub(super) group: GroupId,
    /// Its span, in that group.
    pub(super) span_id: SpanId,
    /// When it began.
    pub(super) start_ns: u64,
    key: Key,
}

/// The server ends that wait.
#[derive(Debug, Default)]
pub(super) struct LateServers {
    by_id: HashMap<ExchangeId, LateServer, RandomState>,
    /// In the order of their ends.
    due: VecDeque<(u64, ExchangeId)>,
}

impl LateServers {
    /// Keeps a server end that ended at `now_ns`.
    pub(super) fn keep(
        &mut self,
        exchange: ExchangeId,
        group: GroupId,
        span_id: SpanId,
        start_ns: u64,
        key: Key,
        now_ns: u64,
    ) {
        self.by_id.insert(exchange, LateServer { group, span_id, start_ns, key });
        self.due.push_back((now_ns + WAIT_NS, exchange));
    }

    /// Its client end was seen after all.
    pub(super) fn take(&mut self, exchange: ExchangeId) -> Option<LateServer> {
        self.by_id.remove(&exchange)
    }

    /// Whether the end still waits.
    pub(super) fn contains(&self, exchange: ExchangeId) -> bool {
        self.by_id.contains_key(&exchange)
    }

    /// The next end that has waited in vain for long enough at `now_ns`: its group, and what to forget of it.
    pub(super) fn next_due(&mut self, now_ns: u64) -> Option<(GroupId, Key, ExchangeId)> {
        while let Some(&(due_ns, exchange)) = self.due.front()
            && due_ns <= now_ns
        {
            self.due.pop_front();
            if let Some(late) = self.by_id.remove(&exchange) {
                return Some((late.group, late.key, exchange));
            }
        }
        None
    }
}
