//! Which request a runtime's task is handling: known when the task has written the answer.
//!
//! A task that answered a request made every call of its own since that request was read for it, unless it served another
//! one in between. So the parent of such a call is decided late, and the call's trace waits for that.

use std::collections::{HashMap, hash_map::Entry};

use foldhash::fast::RandomState;
use smallvec::SmallVec;

use super::late_calls::{Calls, Decided};
use crate::{
    connections::Work,
    spans::exchange::{Exchange, ExchangeId},
};

/// Tasks remembered at a time.
const MAX_TASKS: usize = 65_536;
/// Calls of one task that wait for their parent at a time.
const MAX_CALLS: usize = 64;
/// How long a task is remembered after it was last heard of, nanoseconds.
const MEMORY_NS: u64 = 60_000_000_000;
/// How long the tasks of a process are not believed after one answered two requests that were in hand together: it makes
/// calls for others. Nanoseconds.
const DISTRUST_NS: u64 = 300_000_000_000;

/// The tasks of all processes.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    by_task: HashMap<(u32, u32), Known, RandomState>,
    /// Processes whose tasks serve several requests at a time, with the time until which that counts.
    distrusted: HashMap<u32, u64, RandomState>,
}

#[derive(Debug, Default)]
struct Known {
    /// Calls with their start.
    calls: SmallVec<[(ExchangeId, u64); 2]>,
    /// When it last answered.
    answered_ns: u64,
    seen_ns: u64,
}

/// The number of a task or goroutine.
fn task(work: Work) -> Option<u32> {
    match work {
        Work::Task(number) | Work::Goroutine(number) => Some(number),
        Work::Unknown | Work::Turn(_) => None,
    }
}

impl Tasks {
    /// A call was made. Returns whether it waits for its parent.
    pub(super) fn called(&mut self, call: &Exchange) -> bool {
        let now_ns = call.start_ns;
        let Some(task) = task(call.by.work) else { return false };
        if self.distrusted.get(&call.by.tgid).is_some_and(|&until_ns| now_ns < until_ns) {
            return false;
        }
        let Some(work) = self.work(call.by.tgid, task) else { return false };
        if work.calls.len() >= MAX_CALLS {
            return false;
        }
        work.calls.push((call.id, now_ns));
        work.seen_ns = now_ns;
        true
    }

    /// A request was answered by a task.
    pub(super) fn answered(&mut self, request: &Exchange) -> Decided {
        let mut decided = Decided::default();
        let Some(task) = request.response.and_then(|response| task(response.by.work)) else {
            return decided;
        };
        let Some(work) = self.work(request.by.tgid, task) else { return decided };
        let serves_several = request.head_ns < work.answered_ns;
        for (call, start_ns) in work.calls.drain(..) {
            if start_ns >= request.head_ns && !serves_several {
                decided.belong.push(call);
            } else {
                decided.stand_alone.push(call);
            }
        }
        work.answered_ns = request.last_ns;
        work.seen_ns = request.last_ns;
        if serves_several {
            self.distrusted.insert(request.by.tgid, request.last_ns + DISTRUST_NS);
        }
        decided
    }

    /// What is known of a task; `None` where there are too many to remember another one.
    fn work(&mut self, tgid: u32, task: u32) -> Option<&mut Known> {
        let full = self.by_task.len() >= MAX_TASKS;
        match self.by_task.entry((tgid, task)) {
            Entry::Occupied(known) => Some(known.into_mut()),
            Entry::Vacant(_) if full => None,
            Entry::Vacant(free) => Some(free.insert(Known::default())),
        }
    }

    /// Forgets tasks that were not heard of for long. Returns the calls that waited for them.
    pub(super) fn sweep(&mut self, now_ns: u64) -> Calls {
        self.distrusted.retain(|_, until_ns| *until_ns > now_ns);
        let mut left = Calls::new();
        self.by_task.retain(|_, work| {
            let stays = work.seen_ns + MEMORY_NS > now_ns;
            if !stays {
                left.extend(work.calls.iter().map(|&(call, _)| call));
            }
            stays
        });
        left
    }
}
