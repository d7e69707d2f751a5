//! Spans on their way to the backends, a batch at a time.

use std::time::Duration;

use super::target::{Encoders, Target};
use crate::spans::span::Span;

/// Most spans in one request: half of what gRPC servers take by default (4 MiB), a span being well under 2 KiB.
const MAX_BATCH_SPANS: usize = 1024;

/// Gathers spans for all backends.
pub struct Batches {
    targets: Vec<Target>,
    encoders: Encoders,
    waiting: Vec<Span>,
    waiting_since_ns: u64,
    batch_spans: usize,
    batch_delay_ns: u64,
}

impl Batches {
    /// For these backends.
    pub fn new(targets: Vec<Target>, batch_spans: u32, batch_delay: Duration) -> Self {
        let mut batches = Self {
            targets,
            encoders: Encoders::new(),
            waiting: Vec::new(),
            waiting_since_ns: 0,
            batch_spans: 1,
            batch_delay_ns: 0,
        };
        batches.set_size(batch_spans, batch_delay);
        batches
    }

    /// Makes batches of another size from now on.
    pub fn set_size(&mut self, batch_spans: u32, batch_delay: Duration) {
        self.batch_spans = (batch_spans as usize).clamp(1, MAX_BATCH_SPANS);
        self.batch_delay_ns = batch_delay.as_nanos() as u64;
    }

    /// Whether a batch is waiting for its delay.
    pub fn pending(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The backends.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    pub(super) fn take(&mut self, spans: Vec<Span>, now_ns: u64) {
        if self.targets.is_empty() {
            return;
        }
        if self.waiting.is_empty() {
            self.waiting_since_ns = now_ns;
        }
        self.waiting.extend(spans);
        while self.waiting.len() >= self.batch_spans {
            self.send(self.batch_spans);
        }
    }

    pub(super) fn tick(&mut self, now_ns: u64) {
        if !self.waiting.is_empty() && now_ns >= self.waiting_since_ns + self.batch_delay_ns {
            self.send_all();
        }
    }

    fn send_all(&mut self) {
        while !self.waiting.is_empty() {
            self.send(self.waiting.len().min(self.batch_spans));
        }
    }

    fn send(&mut self, count: usize) {
        self.encoders.begin();
        for target in &mut self.targets {
            target.take(&self.waiting[..count], &mut self.encoders);
        }
        self.waiting.drain(..count);
    }

    /// Sends what is left, all backends at once, for at most `deadline`. Returns their last counters.
    pub(super) fn finish(mut self, deadline: Duration) -> Vec<(String, tracer_otlp::Snapshot)> {
        self.send_all();
        let targets = self.targets;
        std::thread::scope(|scope| {
            let ends: Vec<_> =
                targets.into_iter().map(|target| scope.spawn(move || target.finish(deadline))).collect();
            ends.into_iter().filter_map(|end| end.join().ok()).collect()
        })
    }
}
