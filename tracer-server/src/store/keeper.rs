//! The thread that keeps house: it writes blocks, merges small ones, and sees to it that old ones leave.

use std::{
    fs, io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use parquet::errors::ParquetError;

use super::{
    Shared,
    block::{self, Block, BlockError, Place},
    clickhouse::ClickHouseError,
    merge,
    tiers::Tiers,
};
use crate::spans::Spans;

/// How often it looks for what is old, and tries again what failed.
const LOOK: Duration = Duration::from_secs(1);

/// Longest rest after something failed; the first is [`LOOK`], and each is twice the one before.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// A block was not made; what it was to be made of is still there.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeepError {
    #[error("a block cannot be written: {0}")]
    Write(#[from] ParquetError),
    #[error("a block cannot be put in place: {0}")]
    Place(#[from] io::Error),
    #[error("a block that was just written cannot be used: {0}")]
    Use(#[from] BlockError),
    #[error("{0}; what waits for it stays in memory and in the log")]
    ClickHouse(#[from] ClickHouseError),
}

/// Works until the writer is gone; what is sealed by then becomes blocks first.
pub(super) fn run(shared: &Arc<Shared>, told: &Receiver<()>) {
    let mut tiers = Tiers::default();
    let (mut rest, mut again) = (LOOK, Instant::now());
    loop {
        let stop = matches!(told.recv_timeout(LOOK), Err(RecvTimeoutError::Disconnected));
        if stop && shared.clickhouse.is_some() {
            // The log has it all, and ClickHouse may take its time.
            return;
        }
        if stop || Instant::now() >= again {
            match keep(shared, &mut tiers) {
                Ok(()) => rest = LOOK,
                Err(error) => {
                    tracing::warn!(%error, "the store goes on with what it has, and tries again");
                    again = Instant::now() + rest;
                    rest = (rest * 2).min(LONGEST_REST);
                }
            }
        }
        if stop {
            return;
        }
    }
}

fn keep(shared: &Shared, tiers: &mut Tiers) -> Result<(), KeepError> {
    tiers.keep(shared);
    while write_next(shared)? {}
    loop {
        // On a line of its own: the lock is not held while blocks are merged.
        let chosen = merge::choose(&shared.read().blocks, shared.limits.block_spans);
        let Some(chosen) = chosen else { break };
        merge_blocks(shared, &chosen)?;
        // What came in meanwhile has no room but memory.
        while write_next(shared)? {}
    }
    Ok(())
}

/// Writes the oldest sealed spans as a block, or to ClickHouse. False if there are none.
fn write_next(shared: &Shared) -> Result<bool, KeepError> {
    let next = shared.read().sealed.first().map(|sealed| (sealed.log, Arc::clone(&sealed.spans)));
    let Some((log, spans)) = next else { return Ok(false) };
    if spans.is_empty() {
        shared.write().sealed.retain(|sealed| sealed.log != log);
    } else if let Some(clickhouse) = &shared.clickhouse {
        clickhouse.insert(&spans)?;
        shared.write().sealed.retain(|sealed| sealed.log != log);
    } else {
        // A copy in the order of the block: queries go on with the original.
        let mut sorted = Spans::default();
        for span in spans.iter() {
            sorted.copy(span);
        }
        drop(spans);
        make(shared, sorted, (log, log))?;
    }
    shared.keeper_was_there();
    // Its block says that it is done with, should it stay; ClickHouse knows a batch that comes again.
    if let Err(error) = fs::remove_file(shared.directory.log(log)) {
        tracing::warn!(log, %error, "a log that is in a block cannot be removed");
    }
    Ok(true)
}

fn merge_blocks(shared: &Shared, chosen: &[Arc<Block>]) -> Result<(), KeepError> {
    let (Some(first), Some(last)) = (chosen.first(), chosen.last()) else { return Ok(()) };
    let mut spans = Spans::default();
    for block in chosen {
        block.read(true, &mut spans)?;
    }
    make(shared, spans, (first.logs.0, last.logs.1))
}

/// Makes a block of spans and puts it in the place of what they were in.
fn make(shared: &Shared, mut spans: Spans, logs: (u64, u64)) -> Result<(), KeepError> {
    spans.sort();
    spans.dedup();
    let temporary = shared.directory.block(logs).with_extension("new");
    if let Err(error) = block::write(&spans, &temporary) {
        // Where there is no room, half a block would take it.
        let _ = fs::remove_file(&temporary);
        return Err(error.into());
    }
    shared.directory.finish(&temporary, logs)?;
    let block = Arc::new(Block::open(Place::Hot(shared.directory.block(logs)), logs)?);
    shared.write().publish(block);
    Ok(())
}
