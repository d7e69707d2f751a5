//! One attempt at a time while the backend is not known to answer: a backend that is coming back is not met by
//! everything at once, and the failure that is reported is that of a real attempt.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tokio::sync::{Mutex, MutexGuard};

/// Whether the backend answers, and whose turn it is to find out.
#[derive(Default)]
pub(crate) struct Probe {
    answers: AtomicBool,
    turn: Mutex<()>,
}

impl Probe {
    /// Waits for the turn, which lasts until the guard is dropped. `None`: the backend answers, so all may go at once.
    pub(crate) async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        if self.answers.load(Relaxed) {
            return None;
        }
        let guard = self.turn.lock().await;
        // Whoever had the turn before may have found out.
        (!self.answers.load(Relaxed)).then_some(guard)
    }

    /// Tells the outcome of an attempt.
    pub(crate) fn found(&self, answers: bool) {
        self.answers.store(answers, Relaxed);
    }
}
