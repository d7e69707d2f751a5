//! Requests in flight on one connection, and which answer belongs to which: HTTP/1 answers in order (RFC 9112 section 9.3.2), and so do
//! databases.
//!
//! Order alone tells, so a lost record must not shift it. On a connection that does not pipeline, a request is sent when
//! the one before it is answered: a request that overtakes an unanswered one shows that the answer was lost. On one that
//! pipelines nothing can be told after a loss.

use std::collections::VecDeque;

use tracer_protocols::http1::End;

use super::{
    database::Call,
    exchange::{Exchange, Failure, Request, Response},
    headers::Captured,
};

/// Most requests in flight on one connection; no client pipelines more.
const MAX_IN_FLIGHT: usize = 1024;

/// What lost records of the answering direction leave of the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// It is known.
    Kept,
    /// It is not; the connection is to be left alone.
    Lost,
}

/// Requests without a whole answer, oldest first.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    queue: VecDeque<Exchange>,
    /// Answers to come for requests that were closed without waiting any longer.
    overdue: u32,
    /// A request was sent before the one in front of it was answered.
    pipelines: bool,
    /// Answers name their requests: losses shift nothing.
    named: bool,
    /// Bytes that went through unseen may have begun the answer to the oldest request.
    unseen: bool,
}

impl InFlight {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// The oldest request.
    pub(super) fn front(&self) -> Option<&Exchange> {
        self.queue.front()
    }

    /// As [`Self::front`].
    pub(super) fn front_mut(&mut self) -> Option<&mut Exchange> {
        self.queue.front_mut()
    }

    /// The newest request.
    pub(super) fn newest_mut(&mut self) -> Option<&mut Exchange> {
        self.queue.back_mut()
    }

    /// Makes the request of this call the oldest: its answer names it. False where it is not in flight.
    pub(super) fn bring_forward(&mut self, is_it: impl Fn(&Call) -> bool) -> bool {
        self.named = true;
        let mut queue = self.queue.iter();
        let Some(at) = queue.position(|exchange| exchange.call.as_deref().is_some_and(&is_it)) else {
            return false;
        };
        if at > 0
            && let Some(exchange) = self.queue.remove(at)
        {
            self.queue.push_front(exchange);
        }
        true
    }

    /// Takes a request; gives it back where there are too many.
    pub(super) fn push(&mut self, exchange: Exchange) -> Option<Exchange> {
        if self.queue.len() >= MAX_IN_FLIGHT {
            return Some(exchange);
        }
        self.queue.push_back(exchange);
        None
    }

    /// The request that the next answer is for.
    pub(super) fn answering(&self) -> Option<&Request> {
        let next = self.queue.iter().find(|exchange| exchange.response.is_none())?;
        (self.overdue == 0).then_some(&next.request)
    }

    /// Takes out the request that the next answer is for: it goes on under another protocol.
    pub(super) fn take_answering(&mut self) -> Option<Exchange> {
        self.answering()?;
        let at = self.queue.iter().position(|exchange| exchange.response.is_none())?;
        self.queue.remove(at)
    }

    /// An answer has begun. `None` where its request is not in flight.
    pub(super) fn answered(&mut self, response: Response, now_ns: u64) -> Option<&mut Exchange> {
        self.answered_with(response, Captured::default(), now_ns)
    }

    /// An answer has begun with headers. `None` where its request is not in flight.
    pub(super) fn answered_with(
        &mut self,
        response: Response,
        headers: Captured,
        now_ns: u64,
    ) -> Option<&mut Exchange> {
        if self.overdue > 0 {
            self.overdue -= 1;
            return None;
        }
        let mut unanswered = self.queue.iter_mut().filter(|exchange| exchange.response.is_none());
        let exchange = unanswered.next()?;
        self.unseen = false;
        exchange.response = Some(response);
        exchange.response_headers = headers;
        exchange.last_ns = now_ns;
        self.pipelines |= unanswered.next().is_some();
        Some(exchange)
    }

    /// The answer at hand is over.
    pub(super) fn finished(&mut self, end: End, now_ns: u64) -> Option<Exchange> {
        self.queue.front()?.response?;
        let mut exchange = self.queue.pop_front()?;
        if end.certain {
            exchange.last_ns = now_ns;
        }
        if let Some(response) = &mut exchange.response {
            response.body_bytes = end.body_bytes;
        }
        Some(exchange)
    }

    /// Bytes of the answer at hand went through.
    pub(super) fn touch(&mut self, now_ns: u64) {
        if let Some(exchange) = self.queue.front_mut() {
            exchange.last_ns = now_ns;
        }
    }

    /// Bytes of the answers went through unseen: the head of the next one may have been among them.
    pub(super) fn unseen(&mut self) {
        self.unseen = self.queue.front().is_some_and(|exchange| exchange.response.is_none());
    }

    /// The request with this id was read to its end.
    pub(super) fn request_over(&mut self, id: u64, body_bytes: Option<u64>) {
        if let Some(exchange) = self.queue.iter_mut().rev().find(|exchange| exchange.id == id) {
            exchange.request.body_bytes = body_bytes;
        }
    }

    /// The next request that began before `before_ns` and has no answer yet. One that is being answered may take its time.
    pub(super) fn expired(&mut self, before_ns: u64, now_ns: u64) -> Option<Exchange> {
        let oldest = self.queue.front()?;
        if oldest.start_ns >= before_ns || oldest.response.is_some() {
            return None;
        }
        let mut exchange = self.queue.pop_front()?;
        exchange.incomplete |= std::mem::take(&mut self.unseen);
        exchange.fail(Failure::NoResponse);
        exchange.last_ns = now_ns;
        self.overdue += u32::from(!self.named);
        Some(exchange)
    }

    /// The next request, which ends without a whole answer.
    pub(super) fn aborted(&mut self, failure: Failure, now_ns: u64) -> Option<Exchange> {
        let mut exchange = self.queue.pop_front()?;
        exchange.incomplete |= std::mem::take(&mut self.unseen);
        exchange.fail(failure);
        exchange.last_ns = exchange.last_ns.max(now_ns);
        Some(exchange)
    }

    /// The next request, of whose answer nothing will be known.
    pub(super) fn given_up(&mut self) -> Option<Exchange> {
        let mut exchange = self.queue.pop_front()?;
        exchange.incomplete = true;
        Some(exchange)
    }

    /// Records of the requests were lost.
    pub(super) fn requests_lost(&mut self) -> Order {
        for exchange in &mut self.queue {
            exchange.incomplete = true;
        }
        if self.pipelines && !self.named && !self.queue.is_empty() { Order::Lost } else { Order::Kept }
    }

    /// `records` of the answers were lost. Requests whose answers were among them go to `close`.
    pub(super) fn answers_lost(&mut self, records: u32, mut close: impl FnMut(Exchange)) -> Order {
        self.overdue = self.overdue.saturating_sub(records);
        if self.named {
            for exchange in &mut self.queue {
                exchange.incomplete = true;
            }
            return Order::Kept;
        }
        if self.queue.is_empty() {
            return Order::Kept;
        }
        if self.pipelines {
            return Order::Lost;
        }
        // At most the oldest is being answered. If others stand behind it, the rest of its answer was lost too.
        let begun = usize::from(self.queue.front().is_some_and(|exchange| exchange.response.is_some()));
        let unanswered = self.queue.len() - begun;
        if begun > 0
            && let Some(exchange) = self.queue.front_mut()
        {
            exchange.incomplete = true;
        }
        // Each but the newest has lost one record at least. If that is all that was lost, the newest lost nothing.
        let newest_is_whole = unanswered > 0 && records as usize == self.queue.len() - 1;
        let keep = begun + usize::from(newest_is_whole);
        while self.queue.len() > keep {
            let Some(mut exchange) = self.queue.remove(begun) else { break };
            // Its answer came before the next request was sent.
            exchange.last_ns = self.queue.get(begun).map_or(exchange.last_ns, |next| next.start_ns);
            exchange.incomplete = true;
            close(exchange);
        }
        Order::Kept
    }
}
