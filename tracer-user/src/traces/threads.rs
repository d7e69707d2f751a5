//! Which request a thread is handling: evidence for the calls that it makes.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use smallvec::SmallVec;

use crate::{
    connections::{By, Work},
    spans::exchange::ExchangeId,
};

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
    /// How many, by process.
    in_hand: HashMap<u32, u32, RandomState>,
    /// Processes whose threads hand requests over, with the time until which that counts: of any kind, and those that threads
    /// read which serve one connection at a time.
    handing_over: HashMap<u32, [u64; 2], RandomState>,
}

#[derive(Debug, Default)]
struct Thread {
    /// Requests, with how they were read.
    in_hand: SmallVec<[(ExchangeId, By); 2]>,
    distrusted_until_ns: u64,
}

impl Threads {
    /// A thread read a request.
    pub(super) fn begin(&mut self, by: By, exchange: ExchangeId, now_ns: u64) {
        *self.in_hand.entry(by.tgid).or_default() += 1;
        let thread = self.by_tid.entry(by.tid).or_default();
        thread.in_hand.push((exchange, by));
        if thread.in_hand.len() > 1 {
            thread.distrusted_until_ns = now_ns + DISTRUST_NS;
        }
    }

    /// The threads of `tgid` turn out to wait for many connections at a time.
    pub(super) fn polls(&mut self, tgid: u32) {
        for thread in self.by_tid.values_mut() {
            for (_, by) in thread.in_hand.iter_mut().filter(|(_, by)| by.tgid == tgid) {
                by.polled = true;
            }
        }
    }

    /// Whether process `tgid` has requests in hand.
    pub(super) fn serve(&self, tgid: u32) -> bool {
        self.in_hand.contains_key(&tgid)
    }

    /// How many requests `tgid` has in hand.
    pub(super) fn in_hand(&self, tgid: u32) -> u32 {
        self.in_hand.get(&tgid).copied().unwrap_or(0)
    }

    /// A request that a thread read is answered.
    pub(super) fn end(&mut self, by: By, exchange: ExchangeId) {
        if let Some(count) = self.in_hand.get_mut(&by.tgid) {
            *count -= 1;
            if *count == 0 {
                self.in_hand.remove(&by.tgid);
            }
        }
        // The thread stays until it is swept: it will soon read another one.
        if let Some(thread) = self.by_tid.get_mut(&by.tid) {
            thread.in_hand.retain(|(other, _)| *other != exchange);
        }
    }

    /// Another thread answered a request than the one that read it, which is in `by`.
    ///
    /// Where that one polls many connections for others, it says nothing of those that serve one at a time.
    pub(super) fn hands_over(&mut self, by: By, now_ns: u64) {
        let until_ns = now_ns + HANDOVER_NS;
        let known = self.handing_over.entry(by.tgid).or_default();
        known[0] = until_ns;
        if !by.polled {
            known[1] = until_ns;
        }
    }

    /// The one request that the thread of `by` is handling, if it is handling one and nothing else.
    ///
    /// A thread whose connections are in an epoll set may be an event loop: what it does now may be for a timer, or for a request
    /// that was answered before, unless it is still running the task that read the request.
    pub(super) fn handling(&self, by: By, now_ns: u64) -> Option<ExchangeId> {
        if self.handing_over.get(&by.tgid).is_some_and(|until_ns| now_ns < until_ns[1]) {
            return None;
        }
        let thread = self.by_tid.get(&by.tid)?;
        match thread.in_hand[..] {
            [(only, read)]
                if (!read.polled || matches!(read.work, Work::Task(_)) && read.work == by.work)
                    && thread.distrusted_until_ns <= now_ns =>
            {
                Some(only)
            }
            _ => None,
        }
    }

    /// Whether threads of `tgid` are known to hand requests over.
    pub(super) fn hands_over_at(&self, tgid: u32, now_ns: u64) -> bool {
        self.handing_over.get(&tgid).is_some_and(|until_ns| now_ns < until_ns[0])
    }

    /// Forgets threads that have nothing in hand and are believed again.
    pub(super) fn sweep(&mut self, now_ns: u64) {
        self.handing_over.retain(|_, until_ns| until_ns[0] > now_ns);
        self.by_tid.retain(|_, thread| !thread.in_hand.is_empty() || thread.distrusted_until_ns > now_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(tgid: u32, tid: u32) -> By {
        By { tgid, tid, polled: false, work: Work::Unknown }
    }

    #[test]
    fn one_request_in_hand_is_evidence() {
        let mut threads = Threads::default();
        threads.begin(by(1, 7), 1, 0);
        assert_eq!(threads.handling(by(1, 7), 1), Some(1));
        assert_eq!(threads.handling(by(1, 8), 1), None);
        threads.end(by(1, 7), 1);
        assert_eq!(threads.handling(by(1, 7), 3), None);
        threads.sweep(3);
        assert!(threads.by_tid.is_empty());
    }

    #[test]
    fn a_process_that_hands_requests_over_is_not_believed() {
        let mut threads = Threads::default();
        threads.begin(by(1, 7), 1, 0);
        threads.hands_over(By { polled: true, ..by(1, 9) }, 5);
        assert!(threads.hands_over_at(1, 6));
        assert_eq!(
            threads.handling(by(1, 7), 6),
            Some(1),
            "a thread that polls for others says nothing of this one"
        );
        threads.hands_over(by(1, 9), 5);
        assert_eq!(threads.handling(by(1, 7), 6), None);
        assert_eq!(threads.handling(by(2, 7), 6), Some(1), "another process is");
        assert_eq!(threads.handling(by(1, 7), 5 + HANDOVER_NS), Some(1));
        threads.sweep(5 + HANDOVER_NS);
        assert!(threads.handing_over.is_empty());
    }

    #[test]
    fn several_at_once_are_none_and_make_distrusted() {
        let mut threads = Threads::default();
        threads.begin(by(1, 7), 1, 0);
        threads.begin(by(1, 7), 2, 1);
        assert_eq!(threads.handling(by(1, 7), 2), None);
        threads.end(by(1, 7), 1);
        assert_eq!(threads.handling(by(1, 7), 4), None, "the call may still belong to request 1");
        assert_eq!(threads.handling(by(1, 7), 2 + DISTRUST_NS), Some(2));
        threads.end(by(1, 7), 2);
        threads.sweep(5);
        assert_eq!(threads.by_tid.len(), 1);
        threads.sweep(2 + DISTRUST_NS);
        assert!(threads.by_tid.is_empty());
    }

    #[test]
    fn a_thread_that_polls_is_believed_only_while_it_runs_the_task_that_read() {
        let mut threads = Threads::default();
        let polls = |work| By { polled: true, work, ..by(1, 7) };
        for work in [Work::Unknown, Work::Turn(3), Work::Task(3)] {
            threads.begin(polls(work), 1, 0);
            let believed = threads.handling(polls(work), 1);
            assert_eq!(believed, (work == Work::Task(3)).then_some(1), "{work:?}");
            assert_eq!(threads.handling(polls(Work::Task(4)), 1), None);
            threads.end(by(1, 7), 1);
        }
    }
}
