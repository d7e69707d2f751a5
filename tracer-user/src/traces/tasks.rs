//! Which request a runtime's task is handling: known when the task has written the answer.
//!
//! A task that answered a request made every call of its own since that request was read for it, and so did the tasks that it
//! started since, unless it served another request in between. So the parent of such a call is decided late, and the call's trace
//! waits for that. Where a task that was started since hands the answer to another one, it counts as the one that answered.

use std::collections::{HashMap, hash_map::Entry};

use foldhash::fast::RandomState;
use smallvec::SmallVec;
use tracer_common::{event::Lineage, runtime::BY_PLACE};

use super::late_calls::{Calls, Decided};
use crate::{
    connections::Work,
    spans::exchange::{Exchange, ExchangeId},
};

/// Tasks remembered at a time.
const MAX_TASKS: usize = 65_536;
/// Calls of one task that wait for their parent at a time.
const MAX_CALLS: usize = 64;
/// Tasks that one started, remembered at a time.
const MAX_CHILDREN: usize = 256;
/// Generations that are looked through.
const MAX_DEPTH: usize = 8;
/// How long a task is remembered after it was last heard of, nanoseconds.
const MEMORY_NS: u64 = 60_000_000_000;
/// How long a task is not believed after it answered two requests that were in hand together, nanoseconds: it makes calls for others.
/// Where tasks are told apart by their place alone, which is soon another one's, no task of the process is.
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
    /// When it was started; 0 where that was not seen.
    created_ns: u64,
    parent: u32,
    children: SmallVec<[u32; 2]>,
    /// Calls with their start.
    calls: SmallVec<[(ExchangeId, u64); 2]>,
    /// When it last answered.
    answered_ns: u64,
    distrusted_until_ns: u64,
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
    /// A task was started by another one.
    pub(super) fn started(&mut self, lineage: &Lineage) {
        let (tgid, now_ns) = (lineage.header.tgid, lineage.header.time_ns);
        let Some(child) = self.known(tgid, lineage.task) else { return };
        child.created_ns = lineage.created_ns;
        child.parent = lineage.parent;
        child.seen_ns = now_ns;
        let Some(parent) = self.known(tgid, lineage.parent) else { return };
        parent.seen_ns = now_ns;
        if parent.children.len() < MAX_CHILDREN {
            parent.children.push(lineage.task);
        }
    }

    /// A call was made. Returns whether it waits for its parent.
    pub(super) fn called(&mut self, call: &Exchange) -> bool {
        let now_ns = call.start_ns;
        let Some(task) = task(call.by.work) else { return false };
        if self.distrusts(call.by.tgid, task, now_ns) {
            return false;
        }
        let Some(known) = self.known(call.by.tgid, task) else { return false };
        if known.calls.len() >= MAX_CALLS {
            return false;
        }
        known.calls.push((call.id, now_ns));
        known.seen_ns = now_ns;
        true
    }

    fn distrusts(&self, tgid: u32, task: u32, now_ns: u64) -> bool {
        if task & BY_PLACE != 0 {
            self.distrusted.get(&tgid).is_some_and(|&until_ns| now_ns < until_ns)
        } else {
            self.by_task.get(&(tgid, task)).is_some_and(|known| now_ns < known.distrusted_until_ns)
        }
    }

    /// A request was answered by a task.
    pub(super) fn answered(&mut self, request: &Exchange) -> Decided {
        let mut decided = Decided::default();
        let Some(task) = request.response.and_then(|response| task(response.by.work)) else {
            return decided;
        };
        let (tgid, head_ns) = (request.by.tgid, request.head_ns);
        let Some(known) = self.known(tgid, task) else { return decided };
        let serves_several = head_ns < known.answered_ns;
        known.answered_ns = request.last_ns;
        known.seen_ns = request.last_ns;
        if serves_several {
            known.distrusted_until_ns = request.last_ns + DISTRUST_NS;
            if task & BY_PLACE != 0 {
                self.distrusted.insert(tgid, request.last_ns + DISTRUST_NS);
            }
        }
        let top = self.first_since(tgid, task, head_ns);
        self.collect(tgid, top, head_ns, MAX_DEPTH, &mut decided);
        if serves_several {
            decided.stand_alone.append(&mut decided.belong);
        }
        decided
    }

    /// The oldest ancestor of `task` that was started since, or itself.
    fn first_since(&self, tgid: u32, mut task: u32, since_ns: u64) -> u32 {
        for _ in 0..MAX_DEPTH {
            let Some(known) = self.by_task.get(&(tgid, task)) else { break };
            let parent = self.by_task.get(&(tgid, known.parent));
            if known.created_ns == 0 || parent.is_none_or(|parent| parent.created_ns < since_ns) {
                break;
            }
            task = known.parent;
        }
        task
    }

    /// Takes the calls of a task, and of those that it started since.
    fn collect(&mut self, tgid: u32, task: u32, since_ns: u64, depth: usize, decided: &mut Decided) {
        let Some(known) = self.by_task.get_mut(&(tgid, task)) else { return };
        for (call, start_ns) in known.calls.drain(..) {
            if start_ns >= since_ns {
                decided.belong.push(call);
            } else {
                decided.stand_alone.push(call);
            }
        }
        if depth == 0 || known.children.is_empty() {
            return;
        }
        for child in known.children.clone() {
            if self.by_task.get(&(tgid, child)).is_some_and(|known| known.created_ns >= since_ns) {
                self.collect(tgid, child, since_ns, depth - 1, decided);
            }
        }
    }

    /// What is known of a task; `None` where there are too many to remember another one.
    fn known(&mut self, tgid: u32, task: u32) -> Option<&mut Known> {
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
