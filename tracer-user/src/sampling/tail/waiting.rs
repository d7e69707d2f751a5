//! Traces that wait until their parts had the time to come.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;

use super::{super::threshold::Threshold, whole::memory_of};
use crate::spans::span::{Span, TraceId};

/// Memory of a trace beside its spans, bytes: its place in the table and in the order.
const OVERHEAD: usize = 128;

/// The traces that wait.
#[derive(Debug)]
pub(super) struct Waiting {
    wait_ns: u64,
    max_bytes: usize,
    by_trace: HashMap<TraceId, Trace, RandomState>,
    /// In the order in which their time comes.
    due: VecDeque<(u64, TraceId)>,
    bytes: usize,
}

#[derive(Debug)]
struct Trace {
    spans: Vec<Span>,
    threshold: Option<Threshold>,
    bytes: usize,
}

/// A trace that waits no longer.
#[derive(Debug)]
pub(super) struct Due {
    /// All of its parts.
    pub(super) spans: Vec<Span>,
    /// What the head sampler judged it by.
    pub(super) threshold: Option<Threshold>,
    /// Memory that it takes.
    pub(super) bytes: usize,
    /// There was no room to let it wait to the end.
    pub(super) early: bool,
}

impl Waiting {
    pub(super) fn new(wait_ns: u64, max_bytes: usize) -> Self {
        Self { wait_ns, max_bytes, by_trace: HashMap::default(), due: VecDeque::new(), bytes: 0 }
    }

    pub(super) fn holds(&self, trace: &TraceId) -> bool {
        self.by_trace.contains_key(trace)
    }

    pub(super) fn add(&mut self, part: Vec<Span>, threshold: Option<Threshold>, now_ns: u64) {
        let Some(id) = part.first().map(|span| span.trace_id) else { return };
        let mut bytes: usize = part.iter().map(memory_of).sum();
        if let Some(trace) = self.by_trace.get_mut(&id) {
            trace.spans.extend(part);
            trace.bytes += bytes;
        } else {
            bytes += OVERHEAD;
            self.by_trace.insert(id, Trace { spans: part, threshold, bytes });
            self.due.push_back((now_ns.saturating_add(self.wait_ns), id));
        }
        self.bytes += bytes;
    }

    /// The oldest trace, if its time has come or there is no room for all that wait.
    pub(super) fn next(&mut self, now_ns: u64) -> Option<Due> {
        let &(due_ns, id) = self.due.front()?;
        let early = due_ns > now_ns;
        if early && self.bytes <= self.max_bytes {
            return None;
        }
        self.due.pop_front();
        let Trace { spans, threshold, bytes } = self.by_trace.remove(&id)?;
        self.bytes -= bytes;
        Some(Due { spans, threshold, bytes, early })
    }

    /// No more parts will come: the time of every trace has come.
    pub(super) fn close(&mut self) {
        self.due.iter_mut().for_each(|(due_ns, _)| *due_ns = 0);
    }

    pub(super) fn len(&self) -> usize {
        self.by_trace.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
