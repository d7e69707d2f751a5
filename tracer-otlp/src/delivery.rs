//! The delivery thread's work: take a batch, send it until there is a verdict, count the verdict.

use crate::{
    backoff::Backoff,
    endpoint::Endpoint,
    gate::Gate,
    outcome::{Acceptance, Outcome},
    probe::Probe,
    queue::{Held, Queue},
    sender::Sender,
    settings::RetryBounds,
    stats::{DropReason, Stats},
};
use std::{sync::Arc, time::Instant};
use tokio::{sync::watch, task::JoinSet, time};

/// When shutdown has begun: the moment at which it ends.
pub(crate) type Closing = watch::Receiver<Option<Instant>>;

/// What all deliveries of one exporter share.
pub(crate) struct Delivery {
    pub(crate) endpoint: Endpoint,
    pub(crate) sender: Sender,
    pub(crate) retry: RetryBounds,
    pub(crate) gate: Gate,
    pub(crate) probe: Probe,
    pub(crate) stats: Arc<Stats>,
    pub(crate) closing: Closing,
}

/// Delivers until the queue is closed and empty, `concurrency` batches at a time.
pub(crate) async fn run(delivery: Arc<Delivery>, queue: Arc<Queue>, concurrency: usize) {
    let mut under_way = JoinSet::new();
    loop {
        while under_way.len() >= concurrency {
            // A delivery that panicked has counted its batch when it was dropped.
            let _ = under_way.join_next().await;
        }
        let Some(held) = queue.next().await else { break };
        under_way.spawn(Arc::clone(&delivery).deliver(held));
    }
    while under_way.join_next().await.is_some() {}
}

/// Returns when shutdown has begun and its time is over, or the exporter is gone.
pub(crate) async fn deadline(mut closing: Closing) {
    let deadline = closing.wait_for(Option::is_some).await.ok().and_then(|deadline| *deadline);
    if let Some(deadline) = deadline {
        time::sleep_until(deadline.into()).await;
    }
}

impl Delivery {
    async fn deliver(self: Arc<Self>, held: Held) {
        let body = match self.sender.body(&held.batch().payload) {
            Ok(body) => body,
            Err(error) => {
                let text = format!("A batch for {} could not be compressed: {error}", self.endpoint);
                return self.give_up(held, DropReason::Rejected, &text);
            }
        };
        let mut backoff = None;
        loop {
            let turn = self.probe.turn().await;
            if let Some(opens_at) = self.gate.closed_until(Instant::now()) {
                drop(turn);
                if !self.rest(opens_at, false).await {
                    return;
                }
                continue;
            }
            if backoff.is_some() {
                self.stats.count_retry();
            }
            let backoff = backoff.get_or_insert_with(|| Backoff::new(self.retry, Instant::now()));
            let outcome = self.sender.send(body.clone()).await;
            self.probe.found(!matches!(outcome, Outcome::Unavailable { .. }));
            let (text, retry_after) = match outcome {
                Outcome::Accepted(acceptance) => return self.accept(held, &acceptance),
                Outcome::Refused(text) => return self.refuse(held, &self.failure(&text)),
                Outcome::Unavailable { text, retry_after } => (self.failure(&text), retry_after),
            };
            self.note_unavailable(&text);
            let now = Instant::now();
            if let Some(pause) = retry_after {
                self.gate.close(now, pause);
            }
            drop(turn);
            let delay = backoff.delay(now, retry_after).or_else(|| {
                // What is kept on disk waits for as long as it takes.
                *backoff = Backoff::new(self.retry, now);
                held.is_stored().then_some(self.retry.longest)
            });
            let Some(delay) = delay else {
                return self.give_up(held, DropReason::RetriesExhausted, &text);
            };
            // Dropping `held` leaves it on disk, or counts it as lost by shutdown.
            if !self.rest(now + delay, retry_after.is_none()).await {
                return;
            }
        }
    }

    /// Waits until `until`; false means that shutdown will end before. If `hurry`, the beginning of a shutdown ends the
    /// wait: one more attempt at once is better than none.
    async fn rest(&self, until: Instant, hurry: bool) -> bool {
        let mut closing = self.closing.clone();
        if closing.borrow().is_none() {
            let begun = async { closing.wait_for(Option::is_some).await.is_ok() };
            match time::timeout_at(until.into(), begun).await {
                Err(_) => return true,
                Ok(true) if hurry => return true,
                Ok(true) => {}
                Ok(false) => return false,
            }
        }
        let ends = *closing.borrow();
        if ends.is_none_or(|ends| until > ends) {
            return false;
        }
        time::sleep_until(until.into()).await;
        true
    }

    fn accept(&self, held: Held, acceptance: &Acceptance) {
        self.note_available();
        let spans = u64::from(held.batch().spans);
        let rejected = acceptance.rejected_spans.min(spans);
        self.stats.count_export(spans - rejected, held.batch().payload.len() as u64);
        if rejected > 0 {
            self.stats.count_drop(DropReason::PartialSuccess, rejected);
        }
        let message = &acceptance.message;
        if rejected > 0 {
            let text = format!("{} rejected {rejected} of {spans} spans: {message}", self.endpoint);
            self.complain(&text);
        } else if !message.is_empty() {
            let text = format!("{} accepted a batch with a warning: {message}", self.endpoint);
            self.complain(&text);
        }
        held.settle();
    }

    fn refuse(&self, held: Held, text: &str) {
        self.note_available();
        self.give_up(held, DropReason::Rejected, text);
    }

    fn failure(&self, text: &str) -> String {
        format!("Sending to {} failed: {text}", self.endpoint)
    }

    fn give_up(&self, held: Held, reason: DropReason, text: &str) {
        self.stats.count_drop(reason, held.batch().spans.into());
        self.complain(text);
        held.settle();
    }

    /// Keeps `text` and logs it, unless the same was logged last: a backend that refuses everything fills no log.
    fn complain(&self, text: &str) {
        if self.stats.note_error(text) {
            tracing::warn!("{text}");
        }
    }

    fn note_available(&self) {
        if self.stats.set_failing(false) {
            tracing::info!("{} is available again.", self.endpoint);
        }
    }

    fn note_unavailable(&self, text: &str) {
        self.stats.note_error(text);
        if !self.stats.set_failing(true) {
            tracing::warn!("{text}. Spans are kept within the queue's bounds and sent again.");
        }
    }
}
