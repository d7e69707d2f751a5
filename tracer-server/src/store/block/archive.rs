//! Blocks as an archive.

use std::{
    collections::{BTreeSet, HashSet},
    ops::{ControlFlow, Range},
    sync::Arc,
};

use super::{Block, BlockError};
use crate::{
    query::{Deadline, Field, Filter, Finder},
    spans::{SpanRef, Spans, TraceId},
    store::{MOST_SPANS, Operation, archive::Archive},
};

impl Archive for Vec<Arc<Block>> {
    fn find(&self, finder: &mut Finder<'_>, deadline: &Deadline) {
        for block in newest_first(self) {
            if finder.is_settled(block.starts.1) {
                finder.counted = false;
                break;
            }
            if deadline.has_passed() {
                finder.partial = true;
                break;
            }
            if !is_read(block, block.find(finder)) {
                finder.partial = true;
            }
        }
    }

    fn collect(&self, ids: &HashSet<TraceId>, found: &mut Spans, deadline: &Deadline) -> bool {
        let mut complete = true;
        for block in self.iter().rev() {
            if deadline.has_passed() || found.len() >= MOST_SPANS {
                return false;
            }
            complete &= is_read(block, block.traces(ids, found));
        }
        complete
    }

    fn visit(&self, range: &Range<u64>, deadline: &Deadline, look: &mut dyn FnMut(&Spans)) -> bool {
        let mut complete = true;
        for block in self.iter().rev().filter(|block| block.overlaps(range)) {
            if deadline.has_passed() {
                return false;
            }
            let mut spans = Spans::default();
            if is_read(block, block.read(false, &mut spans)) {
                look(&spans);
            } else {
                complete = false;
            }
        }
        complete
    }

    fn select(
        &self,
        filter: &Filter,
        fields: &[Field],
        deadline: &Deadline,
        look: &mut dyn FnMut(SpanRef<'_>) -> ControlFlow<()>,
    ) -> bool {
        let mut complete = true;
        for block in newest_first(self) {
            if deadline.has_passed() {
                return false;
            }
            let mut spans = Spans::default();
            if !is_read(block, block.select(filter, fields, &mut spans)) {
                complete = false;
            } else if spans.iter().any(|span| look(span).is_break()) {
                break;
            }
        }
        complete
    }

    fn operations(&self, found: &mut BTreeSet<Operation>, _: &Deadline) -> bool {
        found.extend(self.iter().flat_map(|block| &block.operations).cloned());
        true
    }

    fn attribute_names(&self, range: &Range<u64>, found: &mut BTreeSet<String>, _: &Deadline) -> bool {
        for block in self.iter().filter(|block| block.overlaps(range)) {
            found.extend(block.attribute_names().map(str::to_owned));
        }
        true
    }
}

fn newest_first(blocks: &[Arc<Block>]) -> Vec<&Arc<Block>> {
    let mut blocks: Vec<&Arc<Block>> = blocks.iter().collect();
    blocks.sort_by_key(|block| std::cmp::Reverse(block.starts.1));
    blocks
}

fn is_read(block: &Block, result: Result<(), BlockError>) -> bool {
    result
        .inspect_err(|error| tracing::warn!(block = %block.place(), %error, "a block cannot be read"))
        .is_ok()
}
