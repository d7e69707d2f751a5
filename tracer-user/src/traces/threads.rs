//! Which request a thread is handling: evidence for the calls that it makes.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use smallvec::SmallVec;

use crate::spans::exchange::ExchangeId;

/// How long a thread that had several requests in hand at once is not believed: it is an event loop, and a call that it
/// makes may belong to a request that it read earlier.
const DISTRUST_NS: u64 = 1_000_000_000;

/// How long the threads of a process are not believed after one wrote the answer to what another had read. Goroutines and tasks move
/// between threads, pools hand work over: a thread then makes calls for requests that it never read.
const HANDOVER_NS: u64 = 300_000_000_000;

/// Requests in hand, by thread.
#[derive(Debug, Default)]
pub(super) struct Threads {
    by_tid: HashMap<u32, Thread, RandomState>,
    /// How many requests each process has in hand.
    processes: HashMap<u32, u32, RandomState>,
    /// Processes whose threads hand requests over, with the time until which that counts.
    handing_over: HashMap<u32, u64, RandomState>,
}

#[derive(Debug, Default)]
struct Thread {
    /// Requests, with the task of the runtime that the thread was running when it read them (0: none is known).
    in_hand: SmallVec<[(ExchangeId, u32); 2]>,
    distrusted_until_ns: u64,
}

impl Threads {
    /// Thread `tid` of process `tgid`, running `task`, read a request.
    pub(super) fn begin(&mut self, (tgid, tid, task): (u32, u32, u32), exchange: ExchangeId, now_ns: u64) {
        *self.processes.entry(tgid).or_default() += 1;
        let thread = self.by_tid.entry(tid).or_default();
        thread.in_hand.push((exchange, task));
        if thread.in_hand.len() > 1 {
            thread.distrusted_until_ns = now_ns + DISTRUST_NS;
        }
    }

    /// Whether `tid` has requests in hand.
    pub(super) fn serves(&self, tid: u32) -> bool {
        self.by_tid.get(&tid).is_some_and(|thread| !thread.in_hand.is_empty())
    }

    /// How many requests `tgid` has in hand.
    pub(super) fn in_hand(&self, tgid: u32) -> u32 {
        self.processes.get(&tgid).copied().unwrap_or(0)
    }

    /// A request that `tid` of `tgid` read is answered.
    pub(super) fn end(&mut self, (tgid, tid): (u32, u32), exchange: ExchangeId) {
        if let Some(count) = self.processes.get_mut(&tgid) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.processes.remove(&tgid);
            }
        }
        // The thread stays until it is swept: it will soon read another one.
        if let Some(thread) = self.by_tid.get_mut(&tid) {
            thread.in_hand.retain(|(other, _)| *other != exchange);
        }
    }

    /// A thread of `tgid` answered a request that another one had read.
    pub(super) fn hands_over(&mut self, tgid: u32, now_ns: u64) {
        self.handing_over.insert(tgid, now_ns + HANDOVER_NS);
    }

    /// The one request that `tid` of process `tgid` is handling, if it is handling one and nothing else.
    ///
    /// `task` is what it runs now. If that is not what it ran when it read the request, it is an event loop: what it does
    /// now may be for a timer, or for a request that was answered before.
    pub(super) fn handling(&self, tgid: u32, (tid, task): (u32, u32), now_ns: u64) -> Option<ExchangeId> {
        if self.handing_over.get(&tgid).is_some_and(|&until_ns| now_ns < until_ns) {
            return None;
        }
        let thread = self.by_tid.get(&tid)?;
        match thread.in_hand[..] {
            [(only, read_by)] if read_by == task && thread.distrusted_until_ns <= now_ns => Some(only),
            _ => None,
        }
    }

    /// Forgets threads that have nothing in hand and are believed again.
    pub(super) fn sweep(&mut self, now_ns: u64) {
        self.handing_over.retain(|_, until_ns| *until_ns > now_ns);
        self.by_tid.retain(|_, thread| !thread.in_hand.is_empty() || thread.distrusted_until_ns > now_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_in_hand_is_evidence() {
        let mut threads = Threads::default();
        threads.begin((1, 7, 0), 1, 0);
        assert_eq!(threads.handling(1, (7, 0), 1), Some(1));
        assert_eq!(threads.handling(1, (8, 0), 1), None);
        threads.end((1, 7), 1);
        assert_eq!(threads.handling(1, (7, 0), 3), None);
        threads.sweep(3);
        assert!(threads.by_tid.is_empty());
    }

    #[test]
    fn a_process_that_hands_requests_over_is_not_believed() {
        let mut threads = Threads::default();
        threads.begin((1, 7, 0), 1, 0);
        threads.hands_over(1, 5);
        assert_eq!(threads.handling(1, (7, 0), 6), None);
        assert_eq!(threads.handling(2, (7, 0), 6), Some(1), "another process is");
        assert_eq!(threads.handling(1, (7, 0), 5 + HANDOVER_NS), Some(1));
        threads.sweep(5 + HANDOVER_NS);
        assert!(threads.handing_over.is_empty());
    }

    #[test]
    fn several_at_once_are_none_and_make_distrusted() {
        let mut threads = Threads::default();
        threads.begin((1, 7, 0), 1, 0);
        threads.begin((1, 7, 0), 2, 1);
        assert_eq!(threads.handling(1, (7, 0), 2), None);
        threads.end((1, 7), 1);
        assert_eq!(threads.handling(1, (7, 0), 4), None, "the call may still belong to request 1");
        assert_eq!(threads.handling(1, (7, 0), 2 + DISTRUST_NS), Some(2));
        threads.end((1, 7), 2);
        threads.sweep(5);
        assert_eq!(threads.by_tid.len(), 1);
        threads.sweep(2 + DISTRUST_NS);
        assert!(threads.by_tid.is_empty());
    }
}
