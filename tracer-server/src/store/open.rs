//! A store out of what a directory holds.

use std::{
    path::Path,
    sync::{Arc, Condvar, Mutex, OnceLock, RwLock},
};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

use super::{
    Limits, OpenError, Shared, Store,
    block::{Block, Place},
    clickhouse::{self, ClickHouse},
    cold::ColdStore,
    directory::Directory,
    live::Live,
    log::{self, End},
    state::{Sealed, State},
};
use crate::{
    counters::{Counters, Loss},
    spans::{self, Spans},
};

impl Store {
    /// Opens the store in a directory, which is made if it is not there. What was acknowledged before, however the process
    /// ended, is there.
    pub fn open(root: &Path, mut limits: Limits, counters: Arc<Counters>) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Directory { path: root.to_owned(), source };
        let directory = Directory::open(root)?;
        let mut state = State::default();
        let mut last = 0;
        for logs in directory.blocks().map_err(failed)? {
            last = last.max(logs.1);
            match Block::open(Place::Hot(directory.block(logs)), logs) {
                Ok(block) => state.blocks.push(Arc::new(block)),
                Err(error) => {
                    counters.lose(Loss::Unreadable, 1);
                    tracing::warn!(file = %directory.block(logs).display(), %error, "a block is left out");
                }
            }
        }
        for number in directory.logs().map_err(failed)? {
            let path = directory.log(number);
            if number <= last {
                // The block was finished, and the log not yet removed.
                std::fs::remove_file(&path).map_err(failed)?;
                continue;
            }
            let spans = replay(&path, &counters).map_err(failed)?;
            state.sealed.push(Sealed { log: number, spans: Arc::new(spans) });
        }
        let cold = limits.cold.as_ref().map(|tier| {
            let failed = |source| OpenError::Cold { location: tier.location.clone(), source };
            ColdStore::open(&tier.location).map(Arc::new).map_err(failed)
        });
        let clickhouse =
            limits.clickhouse.clone().map(ClickHouse::new).transpose().map_err(OpenError::ClickHouse)?;
        if clickhouse.is_some() {
            limits.block_spans = limits.block_spans.min(clickhouse::BATCH_SPANS);
            limits.block_age = limits.block_age.min(clickhouse::BATCH_AGE);
        }
        let next = state.sealed.last().map_or(last, |sealed| sealed.log) + 1;
        let shared = Shared {
            state: RwLock::new(state),
            directory,
            limits,
            counters,
            cold: cold.transpose()?,
            clickhouse,
            live: Live::default(),
            listener: OnceLock::new(),
            written: Mutex::new(0),
            wrote: Condvar::new(),
        };
        Self::start(shared, next)
    }
}

fn replay(path: &Path, counters: &Counters) -> std::io::Result<Spans> {
    let mut spans = Spans::default();
    let end = log::replay(path, |record| match ExportTraceServiceRequest::decode(&*record) {
        // Those without ids were refused when they came.
        Ok(request) => drop(spans::append(&mut spans, &request)),
        Err(_) => counters.lose(Loss::Unreadable, 1),
    })?;
    if end == End::Damaged {
        counters.lose(Loss::Unreadable, 1);
        tracing::warn!(file = %path.display(), "a log is damaged; what stood behind the damage is lost");
    }
    Ok(spans)
}
