//! Traces in the making: sets of exchanges known to belong together.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use smallvec::{SmallVec, smallvec};

use super::ids::Ids;
use crate::spans::{
    exchange::ExchangeId,
    span::{Span, SpanId, TraceId},
};

/// Identity of a group.
pub(super) type GroupId = u64;

/// W3C trace flags: sampled and random (trace context level 2).
const SAMPLED: u8 = 0x01;
const RANDOM: u8 = 0x02;

/// Open exchanges of a group: seldom more than a call's two ends, and what it was made for.
pub(super) type Open = SmallVec<[ExchangeId; 4]>;

/// A trace in the making.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// The trace id, once something fixed it: a header, or an early hand-out.
    pub(super) trace_id: Option<TraceId>,
    /// Requests that may be its root, each with the trace id that a caller on another host can tell.
    pub(super) far: SmallVec<[(SpanId, TraceId); 1]>,
    /// Flags of the header that fixed it.
    pub(super) flags: Option<u8>,
    /// Exchanges that are not over.
    pub(super) open: Open,
    /// Spans that are over and wait for the others; their trace id is not filled in yet.
    pub(super) finished: Vec<Span>,
    /// When the first of `finished` ended.
    pub(super) waiting_since_ns: Option<u64>,
    /// Whether it is queued to be handed out.
    pub(super) queued: bool,
}

impl Group {
    /// A group with one open exchange.
    pub(super) fn of(exchange: ExchangeId) -> Self {
        Self { open: smallvec![exchange], ..Self::default() }
    }
}

/// All groups.
#[derive(Debug, Default)]
pub(super) struct Groups {
    by_id: HashMap<GroupId, Group, RandomState>,
    last: GroupId,
    waiting_spans: usize,
}

impl Groups {
    /// Takes in a group that begins.
    pub(super) fn add(&mut self, group: Group) -> GroupId {
        self.last += 1;
        self.by_id.insert(self.last, group);
        self.last
    }

    /// A group that exists.
    pub(super) fn get_mut(&mut self, id: GroupId) -> Option<&mut Group> {
        self.by_id.get_mut(&id)
    }

    /// Finished spans that wait.
    pub(super) fn waiting_spans(&self) -> usize {
        self.waiting_spans
    }

    /// Whether two groups may be one: not if headers put them into different traces.
    pub(super) fn compatible(&self, a: GroupId, b: GroupId) -> bool {
        let (Some(a), Some(b)) = (self.by_id.get(&a), self.by_id.get(&b)) else { return false };
        a.trace_id.is_none() || b.trace_id.is_none() || a.trace_id == b.trace_id
    }

    /// Makes two compatible groups one. Returns the id that stays and the open exchanges that moved to it.
    pub(super) fn merge(&mut self, a: GroupId, b: GroupId) -> (GroupId, Open) {
        if a == b {
            return (a, Open::new());
        }
        let size =
            |id| self.by_id.get(&id).map_or(0, |group: &Group| group.open.len() + group.finished.len());
        let (stays, goes) = if size(a) >= size(b) { (a, b) } else { (b, a) };
        let Some(gone) = self.by_id.remove(&goes) else { return (stays, Open::new()) };
        if let Some(group) = self.by_id.get_mut(&stays) {
            group.trace_id = group.trace_id.or(gone.trace_id);
            group.far.extend(gone.far);
            group.flags = group.flags.or(gone.flags);
            group.open.extend_from_slice(&gone.open);
            group.finished.extend(gone.finished);
            group.waiting_since_ns = match (group.waiting_since_ns, gone.waiting_since_ns) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        (stays, gone.open)
    }

    /// An exchange of the group became a span. `over`: it no longer counts as open.
    pub(super) fn finish(
        &mut self,
        id: GroupId,
        over: Option<ExchangeId>,
        span: Option<Span>,
        now_ns: u64,
    ) -> Option<&mut Group> {
        let group = self.by_id.get_mut(&id)?;
        group.open.retain(|open| Some(*open) != over);
        if let Some(span) = span {
            if group.finished.is_empty() {
                // Mostly the others that are open are all that will come.
                group.finished.reserve_exact(group.open.len() + 1);
            }
            group.finished.push(span);
            group.waiting_since_ns.get_or_insert(now_ns);
            self.waiting_spans += 1;
        }
        Some(group)
    }

    /// Takes the finished spans of a group, ids filled in; drops the group if nothing is open.
    pub(super) fn take(&mut self, id: GroupId, ids: &mut Ids) -> Vec<Span> {
        let Some(group) = self.by_id.get_mut(&id) else { return Vec::new() };
        let mut spans = std::mem::take(&mut group.finished);
        group.waiting_since_ns = None;
        let trace_id = *group.trace_id.get_or_insert_with(|| {
            let is_root = |id| spans.iter().any(|span| span.span_id == id && span.parent.is_none());
            let far = group.far.iter().find(|(id, _)| is_root(*id));
            far.map_or_else(|| ids.trace(), |&(_, trace_id)| trace_id)
        });
        let flags = group.flags.unwrap_or(SAMPLED | RANDOM);
        if group.open.is_empty() {
            self.by_id.remove(&id);
        }
        self.waiting_spans -= spans.len();
        for span in &mut spans {
            span.trace_id = trace_id;
            span.flags = flags;
        }
        spans
    }

    /// Every group.
    pub(super) fn ids(&self) -> Vec<GroupId> {
        let mut ids: Vec<_> = self.by_id.keys().copied().collect();
        ids.sort_unstable();
        ids
    }
}
