//! Questions to the store.

use std::{
    collections::{BTreeSet, HashSet},
    ops::{ControlFlow, Range},
    sync::Arc,
};

use serde::Serialize;
use tokio::sync::broadcast::Receiver;

use super::{LiveBatch, Store, block::Block};
use crate::{
    query::{Deadline, Field, Filter, Finder, Found, Search},
    spans::{Kind, SpanRef, Spans, TraceId},
};

/// What a service does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation {
    /// Its name.
    pub service: String,
    /// What it does.
    pub name: String,
    /// As what.
    pub kind: Kind,
}

/// Spans of one answer, at most, give or take those of one block.
const MOST_SPANS: usize = 200_000;

/// Hosts that a trace is followed to, one behind the other, at most.
const MOST_HOSTS: usize = 16;
/// Calls to other hosts that are followed at a time, at most.
const MOST_LINKS: usize = 1000;

/// Traces that were asked for.
pub struct Fetched {
    /// Their spans, those of a trace side by side.
    pub spans: Spans,
    /// Whether some may be missing: time ran out, there were too many, or a block could not be read.
    pub partial: bool,
}

/// How much a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Spans that are not yet in a block.
    pub spans_in_memory: usize,
    /// Blocks.
    pub blocks: usize,
    /// Spans in blocks.
    pub spans_in_blocks: usize,
    /// Bytes of all blocks, wherever they are.
    pub bytes_of_blocks: u64,
    /// Blocks in the cold tier.
    pub cold_blocks: usize,
    /// Bytes of them.
    pub bytes_of_cold_blocks: u64,
}

impl Store {
    /// The newest traces that have a span which is searched for.
    pub fn find(&self, search: &Search, deadline: Deadline) -> Found {
        let mut finder = Finder::new(search);
        let mut blocks = self.memory(|spans| finder.look(spans));
        blocks.sort_by_key(|block| std::cmp::Reverse(block.starts.1));
        for block in blocks {
            if finder.is_settled(block.starts.1) {
                finder.counted = false;
                break;
            }
            if deadline.has_passed() {
                finder.partial = true;
                break;
            }
            if let Err(error) = block.find(&mut finder) {
                finder.partial = true;
                tracing::warn!(block = %block.place(), %error, "a block cannot be searched");
            }
        }
        finder.finish()
    }

    /// Every span of these traces, and of those that they go on in on other hosts.
    pub fn traces(&self, ids: &[TraceId], deadline: Deadline) -> Fetched {
        let ids: HashSet<TraceId> = ids.iter().copied().collect();
        let mut found = Spans::default();
        let mut partial = self.collect(&ids, &mut found, deadline);
        let (mut fetched, mut followed) = (ids.clone(), HashSet::new());
        for _ in 0..MOST_HOSTS {
            let ends: Vec<_> = found
                .far_ends(&ids)
                .into_iter()
                .filter(|end| followed.insert(*end))
                .take(MOST_LINKS)
                .collect();
            let new: HashSet<_> =
                ends.iter().map(|end| end.far_trace).filter(|trace| fetched.insert(*trace)).collect();
            partial |= self.collect(&new, &mut found, deadline);
            if !found.join(&ends) {
                break;
            }
        }
        found.keep(&ids);
        found.sort();
        found.dedup();
        Fetched { spans: found, partial }
    }

    /// Adds every span of these traces. Returns whether some may be missing.
    fn collect(&self, ids: &HashSet<TraceId>, found: &mut Spans, deadline: Deadline) -> bool {
        let mut partial = false;
        if ids.is_empty() {
            return partial;
        }
        let blocks = self.memory(|spans| {
            for span in spans.iter().filter(|span| ids.contains(&span.row().trace_id)) {
                found.copy(span);
            }
        });
        for block in blocks.iter().rev() {
            if deadline.has_passed() || found.len() >= MOST_SPANS {
                partial = true;
                break;
            }
            if let Err(error) = block.traces(ids, found) {
                partial = true;
                tracing::warn!(block = %block.place(), %error, "a block cannot be searched");
            }
        }
        partial
    }

    /// How much there is.
    pub fn size(&self) -> Size {
        let mut size = Size::default();
        let blocks = self.memory(|spans| size.spans_in_memory += spans.len());
        size.blocks = blocks.len();
        size.spans_in_blocks = blocks.iter().map(|block| block.rows).sum();
        size.bytes_of_blocks = blocks.iter().map(|block| block.bytes).sum();
        let cold = || blocks.iter().filter(|block| block.object().is_some());
        size.cold_blocks = cold().count();
        size.bytes_of_cold_blocks = cold().map(|block| block.bytes).sum();
        size
    }

    /// Spans from now on; none if as many watch already as may.
    pub fn watch(&self, most: usize) -> Option<Receiver<Arc<LiveBatch>>> {
        let live = &self.shared.live;
        (live.watchers() < most).then(|| live.watch())
    }

    /// Every operation of every service, in order.
    pub fn operations(&self) -> Vec<Operation> {
        let mut operations = BTreeSet::new();
        let blocks = self.memory(|spans| {
            // Far fewer than spans.
            let distinct: HashSet<_> =
                spans.rows().iter().map(|row| (row.service, row.name, row.kind)).collect();
            operations.extend(distinct.into_iter().map(|(service, name, kind)| Operation {
                service: spans.texts().get(service).to_owned(),
                name: spans.texts().get(name).to_owned(),
                kind,
            }));
        });
        for block in &blocks {
            operations.extend(block.operations.iter().cloned());
        }
        operations.into_iter().collect()
    }

    /// Shows `look` every batch that may hold spans of a range of time, with ids, times, service, name, kind and status. False
    /// if time ran out or a block could not be read.
    pub fn visit(&self, range: &Range<u64>, deadline: Deadline, mut look: impl FnMut(&Spans)) -> bool {
        let blocks = self.memory(&mut look);
        let mut complete = true;
        for block in blocks.iter().rev().filter(|block| block.overlaps(range)) {
            if deadline.has_passed() {
                return false;
            }
            let mut spans = Spans::default();
            match block.read(false, &mut spans) {
                Ok(()) => look(&spans),
                Err(error) => {
                    complete = false;
                    tracing::warn!(block = %block.place(), %error, "a block cannot be read");
                }
            }
        }
        complete
    }

    /// Shows `look` every span that is asked for, with these fields, ids and times, until it has seen enough; the newest block
    /// first. False if time ran out or a block could not be read.
    pub fn select(
        &self,
        filter: &Filter,
        fields: &[Field],
        deadline: Deadline,
        mut look: impl FnMut(SpanRef<'_>) -> ControlFlow<()>,
    ) -> bool {
        let mut done = false;
        let mut blocks = self.memory(|spans| {
            let mut matching = spans.iter().rev().filter(|span| filter.matches(*span));
            done = done || matching.any(|span| look(span).is_break());
        });
        blocks.sort_by_key(|block| std::cmp::Reverse(block.starts.1));
        let mut complete = true;
        for block in blocks {
            if done {
                break;
            }
            if deadline.has_passed() {
                return false;
            }
            let mut spans = Spans::default();
            match block.select(filter, fields, &mut spans) {
                Ok(()) => done = spans.iter().any(|span| look(span).is_break()),
                Err(error) => {
                    complete = false;
                    tracing::warn!(block = %block.place(), %error, "a block cannot be read");
                }
            }
        }
        complete
    }

    /// The names of the attributes that spans in a range of time have.
    pub fn attribute_names(&self, range: &Range<u64>) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let blocks = self.memory(|spans| {
            let keys = spans.iter().filter(|span| range.contains(&span.row().start_ns));
            // Far fewer than spans.
            let distinct: HashSet<&str> =
                keys.flat_map(|span| span.attributes().map(|(key, _)| key)).collect();
            names.extend(distinct.into_iter().map(str::to_owned));
        });
        for block in blocks.iter().filter(|block| block.overlaps(range)) {
            names.extend(block.attribute_names().map(str::to_owned));
        }
        names
    }

    /// Shows `look` the spans in memory and returns the blocks of the same moment.
    fn memory(&self, mut look: impl FnMut(&Spans)) -> Vec<Arc<Block>> {
        let state = self.shared.read();
        look(&state.active);
        let sealed: Vec<Arc<Spans>> =
            state.sealed.iter().rev().map(|sealed| Arc::clone(&sealed.spans)).collect();
        let blocks = state.blocks.clone();
        drop(state);
        for spans in sealed {
            look(&spans);
        }
        blocks
    }
}
