//! The bounded queue between the caller's thread and the delivery thread.

use crate::{
    backlog::{Backlog, Refused, Ticket},
    batch::{Batch, Leftover, Rejected},
    settings::QueueBounds,
    stats::{DropReason, Stats},
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// What is waiting, and how much is held in all: waiting or in flight.
#[derive(Default)]
struct Contents {
    waiting: VecDeque<Batch>,
    /// Where everything waits instead, if that is on disk.
    backlog: Option<Backlog>,
    held_batches: usize,
    held_bytes: usize,
    closed: bool,
    abandoned: Leftover,
}

/// Many producers, one consumer. Nothing blocks longer than the lock, which is never held across an await.
pub(crate) struct Queue {
    contents: Mutex<Contents>,
    ready: Notify,
    bounds: QueueBounds,
    stats: Arc<Stats>,
}

/// A batch in flight. It counts against the bounds until it is dropped. If it is dropped without having been settled, it stays on disk, or else its
/// spans count as lost by shutdown: no batch can vanish uncounted.
pub(crate) struct Held {
    batch: Batch,
    ticket: Option<Ticket>,
    queue: Arc<Queue>,
    settled: bool,
}

impl Queue {
    pub(crate) fn new(bounds: QueueBounds, backlog: Option<Backlog>, stats: Arc<Stats>) -> Queue {
        let contents = Mutex::new(Contents { backlog, ..Contents::default() });
        Queue { contents, ready: Notify::new(), bounds, stats }
    }

    pub(crate) fn offer(&self, batch: Batch) -> Result<(), Rejected> {
        let mut contents = self.lock();
        if contents.closed {
            self.stats.count_drop(DropReason::Shutdown, batch.spans.into());
            return Err(Rejected::Stopped);
        }
        if let Some(backlog) = &mut contents.backlog {
            let appended = backlog.append(&batch);
            drop(contents);
            return self.stored(appended, &batch);
        }
        let bytes = contents.held_bytes.saturating_add(batch.payload.len());
        if contents.held_batches >= self.bounds.batches || bytes > self.bounds.bytes {
            self.stats.count_drop(DropReason::QueueFull, batch.spans.into());
            return Err(Rejected::QueueFull);
        }
        contents.held_batches += 1;
        contents.held_bytes = bytes;
        contents.waiting.push_back(batch);
        self.stats.set_queue(contents.held_batches, contents.held_bytes);
        drop(contents);
        self.ready.notify_one();
        Ok(())
    }

    fn stored(&self, appended: Result<(), Refused>, batch: &Batch) -> Result<(), Rejected> {
        let (reason, rejected) = match appended {
            Ok(()) => {
                self.ready.notify_one();
                return Ok(());
            }
            Err(Refused::Full) => (DropReason::QueueFull, Rejected::QueueFull),
            Err(Refused::Io(error)) => {
                let text = format!("A batch cannot be written to the queue on disk: {error}");
                if self.stats.note_error(&text) {
                    tracing::warn!("{text}");
                }
                (DropReason::StorageFailed, Rejected::Storage)
            }
        };
        self.stats.count_drop(reason, batch.spans.into());
        Err(rejected)
    }

    /// The oldest waiting batch; `None` when the queue is closed and empty.
    pub(crate) async fn next(self: &Arc<Self>) -> Option<Held> {
        loop {
            {
                let mut contents = self.lock();
                if let Some((batch, ticket)) = contents.backlog.as_mut().and_then(Backlog::next) {
                    let ticket = Some(ticket);
                    return Some(Held { batch, ticket, queue: Arc::clone(self), settled: false });
                }
                if let Some(batch) = contents.waiting.pop_front() {
                    if contents.waiting.is_empty() {
                        // A queue that was long once does not keep its memory.
                        contents.waiting.shrink_to_fit();
                    }
                    return Some(Held { batch, ticket: None, queue: Arc::clone(self), settled: false });
                }
                if contents.closed {
                    return None;
                }
            }
            self.ready.notified().await;
        }
    }

    /// Refuses batches from now on.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_one();
    }

    /// Gives up what is still waiting and tells how much was given up in all, batches in flight included.
    pub(crate) fn abandon(&self) -> Leftover {
        let mut contents = self.lock();
        contents.closed = true;
        if let Some(backlog) = &contents.backlog {
            backlog.sync();
        }
        while let Some(batch) = contents.waiting.pop_front() {
            self.give_up(&mut contents, &batch);
        }
        contents.abandoned
    }

    fn give_up(&self, contents: &mut Contents, batch: &Batch) {
        contents.abandoned.batches += 1;
        contents.abandoned.spans += u64::from(batch.spans);
        self.stats.count_drop(DropReason::Shutdown, batch.spans.into());
        self.release(contents, batch);
    }

    fn release(&self, contents: &mut Contents, batch: &Batch) {
        contents.held_batches -= 1;
        contents.held_bytes -= batch.payload.len();
        self.stats.set_queue(contents.held_batches, contents.held_bytes);
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    pub(crate) fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Whether it is kept on disk until it is settled.
    pub(crate) fn is_stored(&self) -> bool {
        self.ticket.is_some()
    }

    /// The batch's spans have been counted by the caller.
    pub(crate) fn settle(mut self) {
        self.settled = true;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut contents = self.queue.lock();
        if let (Some(ticket), Some(backlog)) = (self.ticket, &mut contents.backlog) {
            if self.settled {
                backlog.settle(ticket);
            }
        } else if self.settled {
            self.queue.release(&mut contents, &self.batch);
        } else {
            self.queue.give_up(&mut contents, &self.batch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn queue(batches: usize, bytes: usize) -> (Arc<Queue>, Arc<Stats>) {
        let stats = Arc::new(Stats::default());
        (Arc::new(Queue::new(QueueBounds { batches, bytes }, None, Arc::clone(&stats))), stats)
    }

    fn batch(bytes: usize) -> Batch {
        Batch { payload: Bytes::from(vec![0; bytes]), spans: 7 }
    }

    fn next(queue: &Arc<Queue>) -> Held {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(queue.next()).unwrap()
    }

    #[test]
    fn both_bounds_hold_and_count() {
        let (queue, stats) = queue(2, 10);
        assert_eq!(queue.offer(batch(6)), Ok(()));
        assert_eq!(queue.offer(batch(6)), Err(Rejected::QueueFull));
        assert_eq!(queue.offer(batch(4)), Ok(()));
        assert_eq!(queue.offer(batch(0)), Err(Rejected::QueueFull));
        let snapshot = stats.snapshot();
        assert_eq!((snapshot.queued_batches, snapshot.queued_bytes), (2, 10));
        assert_eq!(snapshot.dropped(DropReason::QueueFull), 14);
    }

    #[test]
    fn a_batch_in_flight_still_counts_against_the_bounds() {
        let (queue, stats) = queue(1, 10);
        queue.offer(batch(1)).unwrap();
        let held = next(&queue);
        assert_eq!(queue.offer(batch(1)), Err(Rejected::QueueFull));
        held.settle();
        assert_eq!(queue.offer(batch(1)), Ok(()));
        assert_eq!(stats.dropped(DropReason::Shutdown), 0);
    }

    #[test]
    fn unsettled_and_waiting_batches_are_counted_once() {
        let (queue, stats) = queue(3, 10);
        for _ in 0..3 {
            queue.offer(batch(1)).unwrap();
        }
        drop(next(&queue));
        next(&queue).settle();
        assert_eq!(queue.abandon(), Leftover { batches: 2, spans: 14 });
        assert_eq!(queue.offer(batch(1)), Err(Rejected::Stopped));
        let snapshot = stats.snapshot();
        assert_eq!((snapshot.queued_batches, snapshot.queued_bytes), (0, 0));
        assert_eq!(snapshot.dropped(DropReason::Shutdown), 21);
    }
}
