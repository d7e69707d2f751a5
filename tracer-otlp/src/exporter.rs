//! The exporter as its caller sees it: start, offer, shut down.

use crate::{
    backlog::{Backlog, StorageError},
    batch::{Batch, Leftover, Rejected},
    delivery::{self, Delivery},
    gate::Gate,
    probe::Probe,
    queue::Queue,
    sender::Sender,
    settings::Settings,
    stats::Stats,
    tls::CredentialError,
};
use hyper::header::HeaderValue;
use std::{
    io,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use thiserror::Error;
use tokio::{
    runtime::{Builder, Runtime},
    sync::watch,
};

/// Longest shutdown, so that no deadline can overflow.
const LONGEST_SHUTDOWN: Duration = Duration::from_hours(1);

/// What waits to be written to the queue on disk may take this long, whatever the deadline of a shutdown: as a rule it takes milliseconds.
const WRITING: Duration = Duration::from_secs(1);

/// Why an exporter cannot start. An unreachable backend is no reason: that is retried.
#[derive(Debug, Error)]
pub enum StartError {
    /// A certificate or key cannot be used.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The queue on disk cannot be opened.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The user agent holds characters that HTTP does not allow.
    #[error("The user agent {0:?} holds characters that HTTP does not allow in a header.")]
    UserAgent(String),
    /// The runtime cannot be created.
    #[error("The OTLP exporter's event loop cannot be created: {0}.")]
    Runtime(io::Error),
    /// The thread cannot be created.
    #[error("The OTLP exporter's thread cannot be created: {0}.")]
    Thread(io::Error),
}

/// Delivers batches from a thread of its own. Dropping it without [`Exporter::shutdown`] gives up what is left.
pub struct Exporter {
    queue: Arc<Queue>,
    closing: watch::Sender<Option<Instant>>,
    thread: Option<JoinHandle<()>>,
    /// Writes to the queue on disk.
    writer: Option<JoinHandle<()>>,
}

impl Exporter {
    /// Starts the thread. Connecting is left to the first batch, so the backend need not be there yet.
    pub fn start(settings: Settings, stats: Arc<Stats>) -> Result<Exporter, StartError> {
        let user_agent = HeaderValue::try_from(&settings.user_agent)
            .map_err(|_| StartError::UserAgent(settings.user_agent.clone()))?;
        let sender = Sender::new(&settings, user_agent)?;
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            // Name resolution is the only thing that blocks.
            .max_blocking_threads(1)
            .thread_keep_alive(Duration::from_secs(1))
            .thread_name("tracer-otlp-dns")
            .build()
            .map_err(StartError::Runtime)?;
        let backlog =
            settings.storage.map(|storage| Backlog::open(storage, Arc::clone(&stats))).transpose()?;
        let is_stored = backlog.is_some();
        let queue = Arc::new(Queue::new(settings.queue, backlog, Arc::clone(&stats)));
        let (closing, closing_seen) = watch::channel(None);
        let retry = settings.retry.cut();
        let delivery = Arc::new(Delivery {
            endpoint: settings.endpoint,
            sender,
            retry,
            gate: Gate::new(retry.total),
            probe: Probe::default(),
            stats,
            closing: closing_seen,
        });
        let concurrency = settings.concurrency.max(1);
        let work = {
            let queue = Arc::clone(&queue);
            move || work(runtime, delivery, queue, concurrency)
        };
        let thread = |name: &str| thread::Builder::new().name(name.to_owned());
        let writer = if is_stored {
            let queue = Arc::clone(&queue);
            Some(thread("tracer-queue").spawn(move || queue.write()).map_err(StartError::Thread)?)
        } else {
            None
        };
        let thread = thread("tracer-otlp").spawn(work).map_err(|error| {
            queue.close();
            StartError::Thread(error)
        })?;
        Ok(Exporter { queue, closing, thread: Some(thread), writer })
    }

    /// Queues a batch and waits neither for the backend nor for a disk. What is not taken is already counted in [`Stats`].
    pub fn offer(&self, batch: Batch) -> Result<(), Rejected> {
        self.queue.offer(batch)
    }

    /// Sends what is queued for at most `deadline` (an hour at most), then gives up the rest, or leaves it on disk; what is not there yet is
    /// written for at most a second. Returns earlier when all
    /// is sent, or when nothing more can be before the deadline.
    pub fn shutdown(mut self, deadline: Duration) -> Leftover {
        self.stop(deadline)
    }

    fn stop(&mut self, deadline: Duration) -> Leftover {
        let ends = Instant::now() + deadline.min(LONGEST_SHUTDOWN);
        self.closing.send_replace(Some(ends));
        self.queue.close();
        let is_written = self.queue.wait_written(ends.max(Instant::now() + WRITING));
        if let Some(writer) = self.writer.take().filter(|_| is_written) {
            // The next exporter finds the directory free. A disk that hangs is not waited for.
            let _ = writer.join();
        }
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has abandoned the queue on its way out.
            let _ = thread.join();
        }
        self.queue.finish()
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.stop(Duration::ZERO);
        }
    }
}

/// The thread's body.
fn work(runtime: Runtime, delivery: Arc<Delivery>, queue: Arc<Queue>, concurrency: usize) {
    // First in, last out: deliveries that are dropped with the runtime count before the queue is abandoned.
    let _abandon = Abandon(Arc::clone(&queue));
    let closing = delivery.closing.clone();
    runtime.block_on(async {
        tokio::select! {
            () = delivery::run(delivery, queue, concurrency) => {}
            () = delivery::deadline(closing) => {}
        }
    });
    // A name server that does not answer must not delay the end.
    runtime.shutdown_background();
}

/// Refuses further batches when the thread ends, for whatever reason.
struct Abandon(Arc<Queue>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
