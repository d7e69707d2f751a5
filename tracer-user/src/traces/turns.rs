//! Which request an event loop is handling, by its turns: what a thread does between two reads from sockets.
//!
//! A call that is made in the turn that a request began may be for that request, or for a timer that ran out just then. It is
//! believed if the other end of it agrees: the answer to the call is what the thread read last before it answered
//! that very request. Calls in sequence form a chain: each begins the turn in which the next is made.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;
use tracer_protocols::http1::Version;

use super::late_calls::{Calls, Decided};
use crate::{
    connections::Work,
    spans::exchange::{Exchange, ExchangeId},
};

/// Turns of one thread that are remembered: more than connections become readable while one is being connected.
const MAX_TURNS: usize = 1024;
/// Threads remembered at a time.
const MAX_THREADS: usize = 16_384;
/// Calls of one request that wait for its answer at a time.
const MAX_CALLS: usize = 64;
/// How long a thread is remembered after its last turn, nanoseconds.
const MEMORY_NS: u64 = 60_000_000_000;

/// The turns of all event loops.
#[derive(Debug, Default)]
pub(super) struct Turns {
    threads: HashMap<u32, Thread, RandomState>,
    /// Requests in hand.
    requests: HashMap<ExchangeId, Request, RandomState>,
    calls: HashMap<ExchangeId, Call, RandomState>,
}

#[derive(Debug, Default)]
struct Thread {
    /// What was read at the beginning of a turn, newest last; `None` where it was of several exchanges, or of one that is not known.
    reads: VecDeque<(u32, Option<ExchangeId>)>,
    seen_ns: u64,
}

#[derive(Debug)]
struct Request {
    /// The thread that read it.
    tid: u32,
    calls: Calls,
}

/// A call that waits for the answer to a request.
#[derive(Clone, Copy, Debug)]
struct Call {
    request: ExchangeId,
    /// The call whose answer began the turn in which this one was made.
    after: Option<ExchangeId>,
}

impl Turns {
    /// Bytes of an exchange were read by a thread at the beginning of a turn.
    pub(super) fn read(&mut self, tid: u32, turn: u32, exchange: Option<ExchangeId>, now_ns: u64) {
        if self.threads.len() >= MAX_THREADS && !self.threads.contains_key(&tid) {
            return;
        }
        // What began the turn in which this call was made, if it is one.
        let made_after =
            exchange.and_then(|id| self.calls.get(&id)).map(|call| call.after.unwrap_or(call.request));
        let thread = self.threads.entry(tid).or_default();
        thread.seen_ns = now_ns;
        if let Some(last) = thread.reads.back_mut().filter(|last| last.0 == turn) {
            if last.1 == exchange {
                return;
            }
            // The kernel side takes the answer in TLS to a call for something that is no HTTP, and goes on with the turn that asked.
            // Otherwise, what the thread does now may be for either.
            last.1 = if made_after.is_some() && made_after == last.1 { exchange } else { None };
            return;
        }
        if thread.reads.len() >= MAX_TURNS {
            thread.reads.pop_front();
        }
        thread.reads.push_back((turn, exchange));
    }

    /// A request was read.
    pub(super) fn begin(&mut self, request: &Exchange) {
        if let Work::Turn(turn) = request.by.work {
            let tid = request.by.tid;
            self.read(tid, turn, Some(request.id), request.last_ns);
            self.requests.insert(request.id, Request { tid, calls: Calls::new() });
        }
    }

    /// A call was made. Returns whether it waits for its parent.
    pub(super) fn called(&mut self, call: &Exchange) -> bool {
        let Work::Turn(turn) = call.by.work else { return false };
        let Some(read) = self.read_in(call.by.tid, turn) else { return false };
        let (request, after) = match self.calls.get(&read) {
            Some(earlier) => (earlier.request, Some(read)),
            None => (read, None),
        };
        match self.requests.get_mut(&request) {
            Some(known) if known.tid == call.by.tid && known.calls.len() < MAX_CALLS => {
                known.calls.push(call.id);
                self.calls.insert(call.id, Call { request, after });
                true
            }
            _ => false,
        }
    }

    /// A request was answered, or ended without.
    pub(super) fn answered(&mut self, request: &Exchange) -> Decided {
        let mut decided = Decided::default();
        let Some(known) = self.requests.remove(&request.id) else { return decided };
        if let Some(response) = request.response
            && let Work::Turn(turn) = response.by.work
            && response.by.tid == known.tid
            && let Some(read) = self.read_in(known.tid, turn)
        {
            decided.belong = self.chain(read, request.id);
            if request.request.version == Version::Http2 && decided.belong.len() != known.calls.len() {
                // Answers on a shared connection may wait for each other: this one may have been written with that of
                // another request, in its turn. Where every call is in the chain, nothing is left that it could have waited for.
                decided.belong.clear();
            }
            if let Some(other) = self.calls.get(&read).filter(|call| call.request != request.id).copied() {
                // Made in a turn of one request, it served another: it is of neither for certain.
                self.calls.remove(&read);
                if let Some(other) = self.requests.get_mut(&other.request) {
                    other.calls.retain(|call| *call != read);
                }
                decided.stand_alone.push(read);
            }
        }
        for call in known.calls {
            self.calls.remove(&call);
            if !decided.belong.contains(&call) {
                decided.stand_alone.push(call);
            }
        }
        decided
    }

    /// The call `last` and those before it, back to the turn that `request` began; none if the chain does not lead there.
    fn chain(&self, last: ExchangeId, request: ExchangeId) -> Calls {
        let mut chain = Calls::new();
        let mut next = Some(last);
        while let Some(id) = next {
            match self.calls.get(&id) {
                Some(call) if call.request == request && chain.len() < MAX_CALLS => {
                    chain.push(id);
                    next = call.after;
                }
                _ => return Calls::new(),
            }
        }
        chain
    }

    /// What thread `tid` read at the beginning of `turn`.
    fn read_in(&self, tid: u32, turn: u32) -> Option<ExchangeId> {
        let reads = &self.threads.get(&tid)?.reads;
        // Numbers begin anew where the kernel side has forgotten the thread: the newest counts.
        reads.iter().rev().find(|read| read.0 == turn)?.1
    }

    /// Forgets threads that were not heard of for long.
    pub(super) fn sweep(&mut self, now_ns: u64) {
        self.threads.retain(|_, thread| thread.seen_ns + MEMORY_NS > now_ns);
    }
}
