//! The bounded queue between the caller's thread and the delivery thread.

use crate::{
    backlog::{Backlog, Refused, Ticket},
    batch::{Batch, Leftover, Rejected},
    settings::QueueBounds,
    stats::{DropReason, Stats},
};
use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tokio::sync::Notify;

/// What is waiting, and how much is held in memory in all: waiting or in flight.
#[derive(Default)]
struct Contents {
    /// For the backend or, where there is a queue on disk, to be written there.
    waiting: VecDeque<Batch>,
    held_batches: usize,
    held_bytes: usize,
    closed: bool,
    /// Nothing more will be written to the disk.
    written_out: bool,
    abandoned: Leftover,
}

/// The part of a queue that is on disk.
struct Disk {
    /// Locked while a batch is written or read, which may take as long as the disk likes: never while `contents` is.
    backlog: Mutex<Backlog>,
    /// Something is to be written, or all is.
    changed: Condvar,
}

/// Many producers, one consumer. Producers wait for nothing but the lock of `contents`, which is held for moments.
pub(crate) struct Queue {
    contents: Mutex<Contents>,
    disk: Option<Disk>,
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
    /// With a backlog, [`Queue::write`] has to be run by a thread of its own.
    pub(crate) fn new(bounds: QueueBounds, backlog: Option<Backlog>, stats: Arc<Stats>) -> Queue {
        let disk = backlog.map(|backlog| Disk { backlog: Mutex::new(backlog), changed: Condvar::new() });
        Queue { contents: Mutex::default(), disk, ready: Notify::new(), bounds, stats }
    }

    pub(crate) fn offer(&self, batch: Batch) -> Result<(), Rejected> {
        let mut contents = self.lock();
        if contents.closed {
            self.stats.count_drop(DropReason::Shutdown, batch.spans.into());
            return Err(Rejected::Stopped);
        }
        let bytes = contents.held_bytes.saturating_add(batch.payload.len());
        if contents.held_batches >= self.bounds.batches || bytes > self.bounds.bytes {
            let reason = if self.disk.is_some() { DropReason::StorageSlow } else { DropReason::QueueFull };
            self.stats.count_drop(reason, batch.spans.into());
            return Err(Rejected::QueueFull);
        }
        contents.held_batches += 1;
        contents.held_bytes = bytes;
        contents.waiting.push_back(batch);
        self.show(&contents);
        drop(contents);
        match &self.disk {
            Some(disk) => disk.changed.notify_all(),
            None => self.ready.notify_one(),
        }
        Ok(())
    }

    /// Writes to the disk what is offered, until the queue is closed and all is written.
    pub(crate) fn write(&self) {
        let Some(disk) = &self.disk else { return };
        while let Some(batch) = self.to_write(disk) {
            let appended = disk.lock().append(&batch);
            self.written(&batch, appended);
        }
        disk.lock().sync();
        self.lock().written_out = true;
        disk.changed.notify_all();
        self.ready.notify_one();
    }

    /// The oldest batch that is not written; it stays where it is until it is. `None` when no more can come.
    fn to_write(&self, disk: &Disk) -> Option<Batch> {
        let contents = self.lock();
        let wait = |contents: &mut Contents| contents.waiting.is_empty() && !contents.closed;
        let contents = disk.changed.wait_while(contents, wait).unwrap_or_else(PoisonError::into_inner);
        contents.waiting.front().cloned()
    }

    fn written(&self, batch: &Batch, appended: Result<(), Refused>) {
        let reason = match appended {
            Ok(()) => None,
            Err(Refused::Full) => Some(DropReason::QueueFull),
            Err(Refused::Io(error)) => {
                let text = format!("A batch cannot be written to the queue on disk: {error}");
                if self.stats.note_error(&text) {
                    tracing::warn!("{text}");
                }
                Some(DropReason::StorageFailed)
            }
        };
        let mut contents = self.lock();
        // If the end did not wait for it, it is counted already.
        if contents.waiting.pop_front().is_some() {
            if let Some(reason) = reason {
                self.stats.count_drop(reason, batch.spans.into());
            }
            self.release(&mut contents, batch);
        }
        drop(contents);
        self.ready.notify_one();
    }

    /// Waits, but not beyond `until`, for what was offered to be on disk; returns whether it is, so that the thread that writes has ended or is about to.
    pub(crate) fn wait_written(&self, until: Instant) -> bool {
        let Some(disk) = &self.disk else { return true };
        let left = until.saturating_duration_since(Instant::now());
        let is_behind = |contents: &mut Contents| !contents.written_out;
        let waited = disk.changed.wait_timeout_while(self.lock(), left, is_behind);
        waited.unwrap_or_else(PoisonError::into_inner).0.written_out
    }

    /// The oldest waiting batch; `None` when the queue is closed and empty.
    pub(crate) async fn next(self: &Arc<Self>) -> Option<Held> {
        loop {
            let (found, over) = self.look();
            if let Some((batch, ticket)) = found {
                return Some(Held { batch, ticket, queue: Arc::clone(self), settled: false });
            }
            if over {
                return None;
            }
            self.ready.notified().await;
        }
    }

    /// The oldest waiting batch, and whether none can come any more if there is none.
    fn look(&self) -> (Option<(Batch, Option<Ticket>)>, bool) {
        if let Some(disk) = &self.disk {
            // Asked first: what is written after that is found.
            let over = self.lock().written_out;
            return (disk.lock().next().map(|(batch, ticket)| (batch, Some(ticket))), over);
        }
        let mut contents = self.lock();
        let found = contents.waiting.pop_front().map(|batch| (batch, None));
        if contents.waiting.is_empty() {
            // A queue that was long once does not keep its memory.
            contents.waiting.shrink_to_fit();
        }
        (found, contents.closed)
    }

    /// Refuses batches from now on.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_one();
        if let Some(disk) = &self.disk {
            disk.changed.notify_all();
        }
    }

    /// Nobody delivers any more: what waits in memory for the backend is given up.
    pub(crate) fn abandon(&self) {
        self.close();
        match &self.disk {
            // Whoever has the lock is writing, and forces it to the disk in the end.
            Some(disk) => {
                if let Ok(backlog) = disk.backlog.try_lock() {
                    backlog.sync();
                }
            }
            None => drop(self.finish()),
        }
    }

    /// Gives up what is still waiting, to be written too, and tells how much was given up in all, batches in flight included.
    pub(crate) fn finish(&self) -> Leftover {
        let mut contents = self.lock();
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
        self.show(contents);
    }

    fn show(&self, contents: &Contents) {
        let (batches, bytes) = (contents.held_batches, contents.held_bytes);
        match &self.disk {
            Some(_) => self.stats.set_unwritten(batches, bytes),
            None => self.stats.set_queue(batches, bytes),
        }
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
        if let (Some(ticket), Some(disk)) = (self.ticket, &self.queue.disk) {
            if self.settled {
                disk.lock().settle(ticket);
            }
            return;
        }
        let mut contents = self.queue.lock();
        if self.settled {
            self.queue.release(&mut contents, &self.batch);
        } else {
            self.queue.give_up(&mut contents, &self.batch);
        }
    }
}

impl Disk {
    fn lock(&self) -> MutexGuard<'_, Backlog> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
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
        queue.abandon();
        assert_eq!(queue.finish(), Leftover { batches: 2, spans: 14 });
        assert_eq!(queue.offer(batch(1)), Err(Rejected::Stopped));
        let snapshot = stats.snapshot();
        assert_eq!((snapshot.queued_batches, snapshot.queued_bytes), (0, 0));
        assert_eq!(snapshot.dropped(DropReason::Shutdown), 21);
    }

    /// A queue on disk whose writer is not running.
    fn stored(batches: usize, directory: &std::path::Path) -> (Arc<Queue>, Arc<Stats>) {
        let stats = Arc::new(Stats::default());
        let storage = crate::settings::Storage { directory: directory.to_owned(), bytes: 1 << 20 };
        let backlog = Backlog::open(storage, Arc::clone(&stats)).unwrap();
        let bounds = QueueBounds { batches, bytes: 1000 };
        (Arc::new(Queue::new(bounds, Some(backlog), Arc::clone(&stats))), stats)
    }

    #[test]
    fn nobody_who_offers_waits_for_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let (queue, stats) = stored(2, directory.path());
        let busy = queue.disk.as_ref().unwrap().lock();
        assert_eq!((queue.offer(batch(1)), queue.offer(batch(2))), (Ok(()), Ok(())));
        assert_eq!(queue.offer(batch(3)), Err(Rejected::QueueFull));
        assert_eq!(stats.dropped(DropReason::StorageSlow), 7);
        assert_eq!((stats.snapshot().queued_batches, stats.snapshot().queued_bytes), (2, 3));
        drop(busy);
        queue.close();
        queue.write();
        assert_eq!((stats.snapshot().queued_batches, stats.snapshot().queued_bytes), (2, 3));
        assert_eq!(next(&queue).batch().payload.len(), 1);
        assert_eq!(queue.finish(), Leftover::default());
        assert_eq!(queue.offer(batch(1)), Err(Rejected::Stopped));
    }

    #[test]
    fn what_could_not_be_written_in_time_is_counted() {
        let directory = tempfile::tempdir().unwrap();
        let (queue, stats) = stored(9, directory.path());
        queue.offer(batch(1)).unwrap();
        queue.close();
        assert!(!queue.wait_written(Instant::now()));
        queue.abandon();
        assert_eq!(queue.finish(), Leftover { batches: 1, spans: 7 });
        assert_eq!(stats.dropped(DropReason::Shutdown), 7);
        assert_eq!(stats.snapshot().queued_batches, 0);
        // The writer comes too late: there is nothing left for it.
        queue.write();
        assert_eq!(stats.snapshot().queued_batches, 0);
    }

    #[test]
    fn what_is_offered_is_handed_out_once_it_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let (queue, stats) = stored(1000, directory.path());
        let writer = {
            let queue = Arc::clone(&queue);
            std::thread::spawn(move || queue.write())
        };
        for bytes in 0..40 {
            queue.offer(batch(bytes)).unwrap();
            assert_eq!(next(&queue).batch().payload.len(), bytes);
        }
        queue.close();
        writer.join().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert!(runtime.block_on(queue.next()).is_none(), "all was handed out");
        assert_eq!(stats.snapshot().queued_batches, 40, "and nothing settled");
    }
}
