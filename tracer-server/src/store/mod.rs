//! Where spans are: in memory, in the log, in blocks (docs/store.md).

mod archive;
mod block;
mod clickhouse;
mod cold;
mod directory;
mod keeper;
mod limits;
mod live;
mod log;
mod merge;
mod open;
mod queries;
mod state;
mod tiers;
mod writer;

pub use clickhouse::{ClickHouseSettings, ClickHouseState, ClickHouseUrl};
pub use cold::{ColdLocation, ColdTier};
pub use directory::OpenError;
pub use limits::Limits;
pub use live::{LiveBatch, LiveSpan};
use queries::MOST_SPANS;
pub use queries::{Fetched, Operation, Size};

use std::{
    sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use tokio::sync::{Semaphore, oneshot};

use self::{
    clickhouse::ClickHouse,
    cold::ColdStore,
    directory::Directory,
    live::Live,
    state::State,
    writer::{Job, Queue},
};
use crate::{
    counters::{Counters, Loss},
    spans::{Refused, Spans},
};

/// Bytes of requests that may wait to be written. In memory they take some four times that.
const QUEUE_BYTES: usize = 16 << 20;

/// How long a request waits for room in the queue before its sender is told to try again.
const PATIENCE: Duration = Duration::from_secs(5);

/// Spans were not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// Too much is waiting.
    #[error("The server has more to write than it can; try again.")]
    Overloaded,
    /// As on a full disk.
    #[error("The spans cannot be written: {0}. Queries go on, and once there is room spans are taken again.")]
    NotWritten(String),
}

/// Hears of spans as they come in: a batch, and the index of the first new one. Called by the thread that writes.
pub(crate) type Listener = Box<dyn Fn(&Spans, usize) + Send + Sync>;

/// The store of a server.
pub struct Store {
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
    /// Taken when the store is dropped, which ends the writer, which ends the keeper.
    queue: Option<Queue>,
    threads: Vec<JoinHandle<()>>,
}

/// What the threads of a store share.
struct Shared {
    state: RwLock<State>,
    directory: Directory,
    cold: Option<Arc<ColdStore>>,
    /// Where finished spans go instead of into blocks.
    clickhouse: Option<ClickHouse>,
    limits: Limits,
    counters: Arc<Counters>,
    live: Live,
    listener: OnceLock<Listener>,
    /// How many blocks the keeper has written.
    written: Mutex<u64>,
    wrote: Condvar,
}

impl Store {
    /// Takes the spans of a request, of which `body` is the encoded form; returns when they are on disk.
    pub async fn append(
        &self,
        body: Bytes,
        request: ExportTraceServiceRequest,
    ) -> Result<Refused, AppendError> {
        let spans = writer::count(&request);
        if spans == 0 {
            return Ok(Refused::default());
        }
        let overloaded = || {
            self.shared.counters.lose(Loss::Overloaded, spans);
            AppendError::Overloaded
        };
        let bytes = body.len().clamp(1, QUEUE_BYTES) as u32;
        let room = tokio::time::timeout(PATIENCE, Arc::clone(&self.room).acquire_many_owned(bytes)).await;
        let Ok(Ok(room)) = room else { return Err(overloaded()) };
        let (done, is_done) = oneshot::channel();
        let job = Job { body, request, done, _room: room };
        let sent = self.queue.as_ref().map(|queue| queue.send(job));
        if !matches!(sent, Some(Ok(()))) {
            return Err(overloaded());
        }
        // A writer that ended with this job in its queue leaves it unacknowledged.
        is_done.await.unwrap_or_else(|_| Err(overloaded()))
    }

    /// Has `listener` hear of every span from now on. There can be one.
    pub(crate) fn listen(&self, listener: Listener) {
        // A second one would be a mistake of ours, and hears nothing.
        let _ = self.shared.listener.set(listener);
    }

    fn start(shared: Shared, next_log: u64) -> Result<Self, OpenError> {
        let shared = Arc::new(shared);
        let (queue, jobs) = mpsc::channel();
        let (keeper, told) = mpsc::sync_channel(1);
        // What was found in logs is to be written.
        let _ = keeper.try_send(());
        let writer = writer::Writer::new(Arc::clone(&shared), next_log, keeper)
            .map_err(|source| OpenError::Directory { path: shared.directory.log(next_log), source })?;
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new().name(name.to_owned()).spawn(work).map_err(OpenError::Thread)
        };
        let kept = Arc::clone(&shared);
        let threads = vec![
            spawn("store-writer", Box::new(move || writer.run(&jobs)))?,
            spawn("store-keeper", Box::new(move || keeper::run(&kept, &told)))?,
        ];
        Ok(Self { shared, room: Arc::new(Semaphore::new(QUEUE_BYTES)), queue: Some(queue), threads })
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        drop(self.queue.take());
        for thread in self.threads.drain(..) {
            // A panic there has been printed.
            let _ = thread.join();
        }
    }
}

impl Shared {
    // A panic while the lock was held leaves whole rows and whole lists.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until fewer than [`writer::SEALED`] batches wait for the keeper, or for a while.
    fn wait_for_keeper(&self) {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if self.read().sealed.len() >= writer::SEALED {
            let before = *written;
            let waited = self.wrote.wait_timeout_while(written, PATIENCE, |written| *written == before);
            drop(waited);
        }
    }

    /// The keeper has written a block.
    fn keeper_was_there(&self) {
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.wrote.notify_all();
    }
}
