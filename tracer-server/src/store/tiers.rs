//! Which blocks leave the data directory, and which leave the cold tier: those that are too old or too much.

use std::{
    fs, io,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use object_store::path::Path as Key;

use super::{
    Shared,
    block::{Block, BlockError, Place},
    cold::{ColdObject, ColdStore},
};
use crate::counters::Loss;

/// Rest after the cold tier did not answer.
const REST: Duration = Duration::from_secs(30);

/// What the keeper knows of the cold tier.
#[derive(Default)]
pub(super) struct Tiers {
    /// Whether its blocks are known.
    is_listed: bool,
    /// When it is tried again.
    again: Option<Instant>,
}

/// The cold tier does not answer, or not as it should.
#[derive(Debug, thiserror::Error)]
enum TierError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("a block that was just moved cannot be used: {0}")]
    Use(#[from] BlockError),
}

impl Tiers {
    /// Moves and deletes what is due. What fails is tried again.
    pub(super) fn keep(&mut self, shared: &Shared) {
        let Some(cold) = &shared.cold else {
            for block in leaving(shared) {
                block.doom();
                shared.write().remove(&block);
            }
            return;
        };
        if self.again.is_some_and(|again| Instant::now() < again) {
            return;
        }
        self.again = None;
        if let Err(error) = self.keep_cold(shared, cold) {
            self.again = Some(Instant::now() + REST);
            tracing::warn!(%error, "the cold tier cannot be used; blocks stay where they are, and it is tried again");
        }
    }

    fn keep_cold(&mut self, shared: &Shared, cold: &Arc<ColdStore>) -> Result<(), TierError> {
        if !self.is_listed {
            list(shared, cold)?;
            self.is_listed = true;
        }
        for block in leaving(shared) {
            let Place::Hot(path) = block.place() else { continue };
            let object = cold.put(Key::from(shared.directory.key(block.logs)), fs::read(path)?)?;
            let moved = Block::open(Place::Cold(object), block.logs)?;
            shared.write().replace(&block, Arc::new(moved));
        }
        let oldest = ago(shared.limits.cold.as_ref().map_or(Duration::MAX, |tier| tier.age));
        let expired: Vec<Arc<Block>> =
            shared.read().blocks.iter().filter(|block| block.starts.1 < oldest).cloned().collect();
        for block in expired {
            // Those that are on their way there expire there.
            if let Some(object) = block.object() {
                object.delete()?;
                shared.write().remove(&block);
            }
        }
        Ok(())
    }
}

/// The moment so long ago, nanoseconds since 1970.
fn ago(age: Duration) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(age).as_nanos() as u64
}

/// Blocks of the data directory that are too old, or too much together; the oldest spans go first, whenever they came.
fn leaving(shared: &Shared) -> Vec<Arc<Block>> {
    let oldest = ago(shared.limits.age);
    let mut blocks: Vec<Arc<Block>> =
        shared.read().blocks.iter().filter(|block| block.object().is_none()).cloned().collect();
    blocks.sort_by_key(|block| block.starts.1);
    let mut bytes: u64 = blocks.iter().map(|block| block.bytes).sum();
    let stays = |block: &Arc<Block>| {
        let stays = block.starts.1 >= oldest && bytes <= shared.limits.bytes;
        bytes -= block.bytes;
        stays
    };
    let leaving = blocks.iter().position(stays).unwrap_or(blocks.len());
    blocks.truncate(leaving);
    blocks
}

/// Finds the blocks that are there from before.
fn list(shared: &Shared, cold: &Arc<ColdStore>) -> io::Result<()> {
    for object in cold.list()? {
        let Some(logs) = logs_of(&object) else { continue };
        // A move that was cut short: the file of the data directory counts.
        let is_hot = object.key.as_ref() == shared.directory.key(logs)
            && shared.read().blocks.iter().any(|block| block.object().is_none() && covers(block, logs));
        if is_hot {
            object.delete()?;
            continue;
        }
        let name = object.key.to_string();
        match Block::open(Place::Cold(object), logs) {
            Ok(block) => {
                let mut state = shared.write();
                state.blocks.push(Arc::new(block));
                state.blocks.sort_by_key(|block| block.logs);
            }
            Err(error) => {
                shared.counters.lose(Loss::Unreadable, 1);
                tracing::warn!(object = name, %error, "a block of the cold tier is left out");
            }
        }
    }
    Ok(())
}

fn covers(block: &Block, logs: (u64, u64)) -> bool {
    block.logs.0 <= logs.0 && logs.1 <= block.logs.1
}

/// The numbers of the logs in an object's name.
fn logs_of(object: &ColdObject) -> Option<(u64, u64)> {
    let (first, last) = object.key.filename()?.strip_suffix(".parquet")?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}
