//! Questions to the store.

use std::{
    collections::{BTreeSet, HashSet},
    ops::{ControlFlow, Range},
    sync::Arc,
};

use serde::Serialize;
use tokio::sync::broadcast::Receiver;

use super::{
    LiveBatch, Store,
    archive::{Archive, Recent},
    block::Block,
    clickhouse::{self, ClickHouse, ClickHouseState},
};
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
pub(super) const MOST_SPANS: usize = 200_000;

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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
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
    /// What is known of ClickHouse; none where spans become blocks.
    pub clickhouse: Option<ClickHouseState>,
}

impl Store {
    /// The newest traces that have a span which is searched for.
    pub fn find(&self, search: &Search, deadline: &Deadline) -> Found {
        let mut finder = Finder::new(search);
        for archive in self.memory(|spans| finder.look(spans)) {
            archive.find(&mut finder, deadline);
        }
        let found = finder.finish();
        deadline.note(!found.partial);
        found
    }

    /// Every span of these traces, and of those that they go on in on other hosts.
    pub fn traces(&self, ids: &[TraceId], deadline: &Deadline) -> Fetched {
        let ids: HashSet<TraceId> = ids.iter().copied().collect();
        let mut found = Spans::default();
        let mut complete = self.collect(&ids, &mut found, deadline);
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
            complete &= self.collect(&new, &mut found, deadline);
            if !found.join(&ends) {
                break;
            }
        }
        found.keep(&ids);
        found.sort();
        found.dedup();
        Fetched { spans: found, partial: !deadline.note(complete) }
    }

    /// Adds every span of these traces. False if some may be missing.
    fn collect(&self, ids: &HashSet<TraceId>, found: &mut Spans, deadline: &Deadline) -> bool {
        if ids.is_empty() {
            return true;
        }
        let archives = self.memory(|spans| {
            for span in spans.iter().filter(|span| ids.contains(&span.row().trace_id)) {
                found.copy(span);
            }
        });
        let mut complete = true;
        for archive in archives {
            complete &= archive.collect(ids, found, deadline);
        }
        complete
    }

    /// How much there is.
    pub fn size(&self) -> Size {
        let mut size = Size::default();
        let blocks = self.snapshot(|spans| size.spans_in_memory += spans.len());
        size.blocks = blocks.len();
        size.spans_in_blocks = blocks.iter().map(|block| block.rows).sum();
        size.bytes_of_blocks = blocks.iter().map(|block| block.bytes).sum();
        let cold = || blocks.iter().filter(|block| block.object().is_some());
        size.cold_blocks = cold().count();
        size.bytes_of_cold_blocks = cold().map(|block| block.bytes).sum();
        size.clickhouse = self.shared.clickhouse.as_ref().map(ClickHouse::state);
        size
    }

    /// Spans from now on; none if as many watch already as may.
    pub fn watch(&self, most: usize) -> Option<Receiver<Arc<LiveBatch>>> {
        let live = &self.shared.live;
        (live.watchers() < most).then(|| live.watch())
    }

    /// Every operation of every service, in order.
    pub fn operations(&self, deadline: &Deadline) -> Vec<Operation> {
        let mut operations = BTreeSet::new();
        let archives = self.memory(|spans| {
            // Far fewer than spans.
            let distinct: HashSet<_> =
                spans.rows().iter().map(|row| (row.service, row.name, row.kind)).collect();
            operations.extend(distinct.into_iter().map(|(service, name, kind)| Operation {
                service: spans.texts().get(service).to_owned(),
                name: spans.texts().get(name).to_owned(),
                kind,
            }));
        });
        for archive in archives {
            deadline.note(archive.operations(&mut operations, deadline));
        }
        operations.into_iter().collect()
    }

    /// Shows `look` every batch that may hold spans of a range of time, with ids, times, service, name, kind and status. False
    /// if time ran out or something could not be read.
    pub fn visit(&self, range: &Range<u64>, deadline: &Deadline, mut look: impl FnMut(&Spans)) -> bool {
        let mut complete = true;
        for archive in self.memory(&mut look) {
            complete &= archive.visit(range, deadline, &mut look);
        }
        deadline.note(complete)
    }

    /// Shows `look` every span that is asked for, with these fields, ids and times, until it has seen enough; the newest ones
    /// first, about. False if time ran out or something could not be read.
    pub fn select(
        &self,
        filter: &Filter,
        fields: &[Field],
        deadline: &Deadline,
        mut look: impl FnMut(SpanRef<'_>) -> ControlFlow<()>,
    ) -> bool {
        let mut done = false;
        let mut look = |span: SpanRef<'_>| {
            done = done || look(span).is_break();
            if done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let archives = self.memory(|spans| {
            let mut matching = spans.iter().rev().filter(|span| filter.matches(*span));
            let _ = matching.try_for_each(&mut look);
        });
        let mut complete = true;
        for archive in archives {
            complete &= archive.select(filter, fields, deadline, &mut look);
        }
        deadline.note(complete)
    }

    /// The names of the attributes that spans in a range of time have.
    pub fn attribute_names(&self, range: &Range<u64>, deadline: &Deadline) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let archives = self.memory(|spans| {
            let keys = spans.iter().filter(|span| range.contains(&span.row().start_ns));
            // Far fewer than spans.
            let distinct: HashSet<&str> =
                keys.flat_map(|span| span.attributes().map(|(key, _)| key)).collect();
            names.extend(distinct.into_iter().map(str::to_owned));
        });
        for archive in archives {
            deadline.note(archive.attribute_names(range, &mut names, deadline));
        }
        names
    }

    /// Shows `look` the spans in memory and returns where the finished ones of the same moment are.
    fn memory(&self, mut look: impl FnMut(&Spans)) -> Vec<Box<dyn Archive + '_>> {
        let mut recent = Recent::default();
        let clickhouse = self.shared.clickhouse.as_ref();
        let blocks = self.snapshot(|spans| {
            look(spans);
            if clickhouse.is_some() {
                recent.add(spans);
            }
        });
        let mut archives: Vec<Box<dyn Archive + '_>> = Vec::new();
        if let Some(clickhouse) = clickhouse {
            archives.push(Box::new(clickhouse::View::new(clickhouse, recent)));
        }
        // With ClickHouse there are those from before it.
        if !blocks.is_empty() {
            archives.push(Box::new(blocks));
        }
        archives
    }

    /// Shows `look` the spans in memory and returns the blocks of the same moment.
    fn snapshot(&self, mut look: impl FnMut(&Spans)) -> Vec<Arc<Block>> {
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
