//! What is stored, at one moment: spans in memory, the newest first, and blocks.

use std::sync::Arc;

use super::block::Block;
use crate::spans::Spans;

/// Spans that are on their way into a block.
pub(super) struct Sealed {
    /// The number of their log.
    pub(super) log: u64,
    pub(super) spans: Arc<Spans>,
}

/// See the module.
#[derive(Default)]
pub(super) struct State {
    /// What comes in.
    pub(super) active: Spans,
    /// The oldest first.
    pub(super) sealed: Vec<Sealed>,
    /// In order of their logs.
    pub(super) blocks: Vec<Arc<Block>>,
}

impl State {
    /// Puts a block in the place of what it was made of.
    pub(super) fn publish(&mut self, block: Arc<Block>) {
        let (first, last) = block.logs;
        self.sealed.retain(|sealed| sealed.log < first || sealed.log > last);
        let (replaced, kept): (Vec<_>, Vec<_>) = self
            .blocks
            .drain(..)
            .partition(|old| old.object().is_none() && first <= old.logs.0 && old.logs.1 <= last);
        for block in replaced {
            block.doom();
        }
        self.blocks = kept;
        self.blocks.push(block);
        self.blocks.sort_by_key(|block| block.logs);
    }

    /// Puts a block of the cold tier in the place of one of the data directory.
    pub(super) fn replace(&mut self, old: &Arc<Block>, new: Arc<Block>) {
        old.doom();
        self.remove(old);
        self.blocks.push(new);
        self.blocks.sort_by_key(|block| block.logs);
    }

    /// Leaves a block out from now on.
    pub(super) fn remove(&mut self, block: &Arc<Block>) {
        self.blocks.retain(|other| !Arc::ptr_eq(other, block));
    }
}
