//! The thread that makes spans durable: it writes what has queued up to the log in one go, then shows it to queries, then
//! acknowledges it.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{AppendError, Shared, clickhouse::ClickHouse, log::Log, state::Sealed};
use crate::{
    counters::Loss,
    spans::{self, Refused},
};

/// Bytes of requests that are written in one go.
const ONE_GO: usize = 8 << 20;

/// Memory that the spans which come in may take, in bytes; then they become a block, however few they are.
const ACTIVE_BYTES: usize = 96 << 20;

/// How often the age of what came in is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Sealed spans that wait for the keeper, at most: more have to wait in the queue, and then with their senders.
pub(super) const SEALED: usize = 2;

/// A request on its way.
pub(super) struct Job {
    pub(super) body: Bytes,
    pub(super) request: ExportTraceServiceRequest,
    pub(super) done: oneshot::Sender<Result<Refused, AppendError>>,
    /// Its part of the queue.
    pub(super) _room: OwnedSemaphorePermit,
}

/// See the module.
pub(super) struct Writer {
    shared: Arc<Shared>,
    log: Log,
    number: u64,
    /// When the first span since the last block came in.
    since: Option<Instant>,
    keeper: SyncSender<()>,
}

impl Writer {
    /// A writer whose first log has this number. `keeper` is told when there is something to write as a block.
    pub(super) fn new(shared: Arc<Shared>, number: u64, keeper: SyncSender<()>) -> io::Result<Self> {
        let log = create(&shared, number)?;
        Ok(Self { shared, log, number, since: None, keeper })
    }

    /// Works until every sender is gone.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            match jobs.recv_timeout(LOOK) {
                Ok(first) => self.take(first, jobs),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.seal_if_due();
        }
    }

    fn take(&mut self, first: Job, jobs: &Receiver<Job>) {
        let mut bytes = first.body.len();
        let mut batch = vec![first];
        while bytes < ONE_GO
            && let Ok(job) = jobs.try_recv()
        {
            bytes += job.body.len();
            batch.push(job);
        }
        if let Err(error) = self.write(&batch) {
            for job in batch {
                self.shared.counters.lose(Loss::NotWritten, count(&job.request));
                // A sender that does not wait any more has its answer.
                let _ = job.done.send(Err(AppendError::NotWritten(error.to_string())));
            }
            return;
        }
        self.since.get_or_insert_with(Instant::now);
        let counters = &self.shared.counters;
        let mut state = self.shared.write();
        let first = state.active.len();
        for job in batch {
            let before = state.active.len();
            let refused = spans::append(&mut state.active, &job.request);
            counters.accept((state.active.len() - before) as u64);
            counters.lose(Loss::InvalidIds, refused.invalid_ids);
            let _ = job.done.send(Ok(refused));
        }
        self.shared.live.show(&state.active, first);
        if let Some(listener) = self.shared.listener.get() {
            listener(&state.active, first);
        }
    }

    fn write(&mut self, batch: &[Job]) -> io::Result<()> {
        let limits = &self.shared.limits;
        if self.is_full(2) {
            // The keeper cannot write blocks: what it has stays in memory, and that is bounded.
            let why = match &self.shared.clickhouse {
                Some(_) => "ClickHouse has not taken what waits for it",
                None => "blocks cannot be written",
            };
            return Err(io::Error::other(why));
        }
        if self.shared.directory.free().is_some_and(|free| free < limits.reserve) {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "the file system is almost full"));
        }
        self.log.append(batch.iter().map(|job| &job.body))
    }

    /// Whether as much came in as makes so many blocks.
    fn is_full(&self, blocks: usize) -> bool {
        let state = self.shared.read();
        state.active.len() >= blocks * self.shared.limits.block_spans
            || state.active.memory() >= blocks * ACTIVE_BYTES
    }

    /// Hands what came in to the keeper and begins a new log.
    fn seal_if_due(&mut self) {
        let is_old = self.since.is_some_and(|since| since.elapsed() >= self.shared.limits.block_age);
        if !(is_old || self.is_full(1)) {
            return;
        }
        let is_well = self.shared.clickhouse.as_ref().is_none_or(ClickHouse::is_well);
        if is_well {
            // It will be there in a moment; one that is down will not.
            self.shared.wait_for_keeper();
        }
        if self.shared.read().sealed.len() >= SEALED {
            return;
        }
        let next = match create(&self.shared, self.number + 1) {
            Ok(log) => log,
            Err(error) => {
                tracing::warn!(%error, "a new log cannot be begun; the old one goes on");
                return;
            }
        };
        let mut state = self.shared.write();
        let spans = Arc::new(std::mem::take(&mut state.active));
        state.sealed.push(Sealed { log: self.number, spans });
        drop(state);
        self.log = next;
        self.number += 1;
        self.since = None;
        // A keeper that has been told already will see this too.
        let _ = self.keeper.try_send(());
    }
}

fn create(shared: &Shared, number: u64) -> io::Result<Log> {
    let log = Log::create(&shared.directory.log(number))?;
    shared.directory.sync_logs()?;
    Ok(log)
}

/// Spans of a request.
pub(super) fn count(request: &ExportTraceServiceRequest) -> u64 {
    let scopes = request.resource_spans.iter().flat_map(|group| &group.scope_spans);
    scopes.map(|scope| scope.spans.len() as u64).sum()
}

/// The way to the writer.
pub(super) type Queue = Sender<Job>;
