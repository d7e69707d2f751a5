//! A query asked of a store.

use std::ops::Range;

use hashbrown::HashSet;

use super::{
    ast::Query,
    evaluate::{SpanSet, evaluate},
    needs::needs,
};
use crate::{
    analysis::{Trace, traces},
    query::{Condition, Deadline, Filter, Search},
    spans::TraceId,
    store::Store,
};

/// Candidates that are fetched in one go.
const PAGE: usize = 200;

/// Candidates that are looked at for one query, at most.
const MOST_CANDIDATES: usize = 20_000;

/// The answer to a query.
#[derive(Debug)]
pub struct Hits<T> {
    /// What was made of each trace, the newest first.
    pub hits: Vec<T>,
    /// Candidates looked at.
    pub traces: usize,
    /// Spans looked at to find candidates.
    pub spans: u64,
    /// Whether traces may be missing: time ran out, there were too many candidates, or something could not be read.
    pub partial: bool,
}

/// A trace that is asked for.
pub struct Hit<'a> {
    /// The trace.
    pub trace: &'a Trace<'a>,
    /// Its spans that are asked for.
    pub sets: Vec<SpanSet>,
}

/// The newest traces that a query asks for, with candidate spans that start in a range of time; `make` makes what is kept of each.
pub fn search<T>(
    store: &Store,
    query: &Query,
    range: &Range<u64>,
    limit: usize,
    deadline: &Deadline,
    mut make: impl FnMut(Hit<'_>) -> T,
) -> Hits<T> {
    let alternatives = needs(query);
    let mut hits = Hits { hits: Vec::new(), traces: 0, spans: 0, partial: false };
    let mut seen: HashSet<TraceId> = HashSet::new();
    let mut end = range.end;
    while hits.hits.len() < limit {
        if deadline.has_passed() || seen.len() >= MOST_CANDIDATES {
            hits.partial = true;
            break;
        }
        let page = page(store, &alternatives, range.start..end, deadline, &mut hits);
        let new: Vec<TraceId> = page.ids.into_iter().filter(|id| seen.insert(*id)).collect();
        let fetched = store.traces(&new, deadline);
        hits.partial |= fetched.partial;
        hits.traces += new.len();
        let traces = traces(&fetched.spans);
        for id in &new {
            if deadline.has_passed() {
                hits.partial = true;
                break;
            }
            let Some(trace) = traces.iter().find(|trace| trace.id == *id) else { continue };
            let sets = evaluate(query, trace);
            if !sets.is_empty() && hits.hits.len() < limit {
                hits.hits.push(make(Hit { trace, sets }));
            }
        }
        match page.next {
            None => break,
            // Of traces that start in the same moment some may be on the next page; but it has to be another page.
            Some(next) => end = if new.is_empty() { next } else { next.saturating_add(1).min(end) },
        }
    }
    hits
}

struct Page {
    /// The newest first.
    ids: Vec<TraceId>,
    /// When the oldest of them starts, nanoseconds since 1970; none if there are no older ones.
    next: Option<u64>,
}

/// The newest candidates.
fn page<T>(
    store: &Store,
    alternatives: &[Vec<Condition>],
    range: Range<u64>,
    deadline: &Deadline,
    hits: &mut Hits<T>,
) -> Page {
    let mut found: Vec<(u64, TraceId)> = Vec::new();
    let mut next = None;
    for conditions in alternatives {
        let filter = Filter { start_ns: range.clone(), conditions: conditions.clone() };
        let answer = store.find(&Search { filter, limit: PAGE, count: false }, deadline);
        hits.spans += answer.inspected;
        hits.partial |= answer.partial;
        // A full page says nothing of what is older than its last one.
        if let Some(last) = answer.traces.get(PAGE - 1) {
            next = next.max(Some(last.newest_ns));
        }
        found.extend(answer.traces.iter().map(|trace| (trace.newest_ns, trace.trace_id)));
    }
    found.retain(|(newest, _)| next.is_none_or(|next| *newest >= next));
    found.sort_unstable_by(|a, b| b.cmp(a));
    Page { ids: found.into_iter().map(|(_, id)| id).collect(), next }
}
