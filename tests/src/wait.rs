//! Waiting for a condition: polling with a generous deadline, never a bare sleep.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long anything may take before a scenario gives up. Generous: the machine may be busy with other work.
pub const DEADLINE: Duration = Duration::from_secs(30);

const POLL: Duration = Duration::from_millis(5);

/// Polls `condition` until it gives a value, for at most `deadline`.
pub fn wait_for<T>(deadline: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(value) = condition() {
            return Some(value);
        }
        if Instant::now() >= end {
            return None;
        }
        thread::sleep(POLL);
    }
}

/// Polls `condition` until it holds and panics with `what` after [`DEADLINE`].
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    assert!(
        wait_for(DEADLINE, || condition().then_some(())).is_some(),
        "Waited {} s in vain until {what}.",
        DEADLINE.as_secs()
    );
}
