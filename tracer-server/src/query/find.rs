//! The newest traces that have a span which is asked for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use hashbrown::HashMap;

use super::filter::Filter;
use crate::spans::{SpanId, Spans, TraceId};

/// Matching spans that are named for each trace; further ones are only counted.
const NAMED: usize = 100;

/// When a query has to end, and whether something was left out on the way.
#[derive(Clone, Debug)]
pub struct Deadline {
    end: Instant,
    partial: Arc<AtomicBool>,
}

impl Deadline {
    /// The moment so far from now.
    pub fn after(patience: Duration) -> Self {
        Self { end: Instant::now() + patience, partial: Arc::default() }
    }

    /// Whether time is up.
    pub fn has_passed(&self) -> bool {
        self.left().is_zero()
    }

    /// How much time is left.
    pub fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// Notes that the answer lacks something, unless it is complete. Returns whether it is.
    pub(crate) fn note(&self, complete: bool) -> bool {
        if !complete {
            self.partial.store(true, Relaxed);
        }
        complete
    }

    /// Whether an answer so far may lack something.
    pub fn is_partial(&self) -> bool {
        self.partial.load(Relaxed)
    }
}

/// A search for traces.
#[derive(Clone, Debug)]
pub struct Search {
    /// What one of their spans is.
    pub filter: Filter,
    /// Most traces that are named.
    pub limit: usize,
    /// Whether all matching traces are counted, which looks at everything in the range of time.
    pub count: bool,
}

/// The answer to a search.
#[derive(Debug, Default)]
pub struct Found {
    /// The newest matching traces, the newest first.
    pub traces: Vec<FoundTrace>,
    /// Matching traces seen, at least as many as are named.
    pub total: usize,
    /// Whether everything in the range of time was looked at.
    pub counted: bool,
    /// Whether the search ran out of time or memory, so that traces may be missing.
    pub partial: bool,
    /// Spans looked at.
    pub inspected: u64,
    /// Blocks of which columns were read; others were left out by what is known of them.
    pub blocks: usize,
}

/// A trace that was found.
#[derive(Clone, Debug)]
pub struct FoundTrace {
    /// Its id.
    pub trace_id: TraceId,
    /// When the newest matching span started, nanoseconds since 1970.
    pub newest_ns: u64,
    /// The first matching spans.
    pub spans: Vec<SpanId>,
    /// How many match.
    pub matched: usize,
}

/// Collects matches, source by source, the newest source first.
pub(crate) struct Finder<'a> {
    search: &'a Search,
    traces: HashMap<TraceId, FoundTrace>,
    /// Traces that were found and forgotten again because newer ones filled the answer.
    forgotten: usize,
    pub(crate) inspected: u64,
    pub(crate) blocks: usize,
    pub(crate) partial: bool,
    pub(crate) counted: bool,
}

/// Traces kept while the search goes on, at least.
const KEPT: usize = 4096;

impl<'a> Finder<'a> {
    pub(crate) fn new(search: &'a Search) -> Self {
        Self {
            search,
            traces: HashMap::new(),
            forgotten: 0,
            inspected: 0,
            blocks: 0,
            partial: false,
            counted: true,
        }
    }

    /// What is asked for.
    pub(crate) fn filter(&self) -> &'a Filter {
        &self.search.filter
    }

    /// Looks through spans in memory.
    pub(crate) fn look(&mut self, spans: &Spans) {
        self.inspected += spans.len() as u64;
        for span in spans.iter() {
            if self.search.filter.matches(span) {
                self.add(span.row().trace_id, span.row().span_id, span.row().start_ns);
            }
        }
    }

    /// Notes a match.
    pub(crate) fn add(&mut self, trace_id: TraceId, span_id: SpanId, start_ns: u64) {
        let trace = self.traces.entry(trace_id).or_insert_with(|| FoundTrace {
            trace_id,
            newest_ns: start_ns,
            spans: Vec::new(),
            matched: 0,
        });
        trace.newest_ns = trace.newest_ns.max(start_ns);
        trace.matched += 1;
        if trace.spans.len() < NAMED {
            trace.spans.push(span_id);
        }
        if self.traces.len() > KEPT.max(4 * self.search.limit) {
            self.forget();
        }
    }

    /// Whether no span that starts before `start_ns` can change which traces are named.
    pub(crate) fn is_settled(&self, start_ns: u64) -> bool {
        if self.search.count || self.traces.len() < self.search.limit {
            return false;
        }
        let newer = self.traces.values().filter(|trace| trace.newest_ns >= start_ns).count();
        newer >= self.search.limit
    }

    fn forget(&mut self) {
        let mut times: Vec<u64> = self.traces.values().map(|trace| trace.newest_ns).collect();
        let keep = self.search.limit.max(1);
        times.select_nth_unstable_by(keep - 1, |a, b| b.cmp(a));
        let oldest = times[keep - 1];
        let before = self.traces.len();
        self.traces.retain(|_, trace| trace.newest_ns >= oldest);
        self.forgotten += before - self.traces.len();
    }

    pub(crate) fn finish(self) -> Found {
        let total = self.traces.len() + self.forgotten;
        let mut traces: Vec<FoundTrace> = self.traces.into_values().collect();
        traces.sort_by(|a, b| b.newest_ns.cmp(&a.newest_ns).then(a.trace_id.cmp(&b.trace_id)));
        traces.truncate(self.search.limit);
        Found {
            traces,
            total,
            counted: self.counted && self.forgotten == 0 && !self.partial,
            partial: self.partial,
            inspected: self.inspected,
            blocks: self.blocks,
        }
    }
}
