//! Stages 4 and 5 for databases: runs of bytes of both directions become exchanges.
//!
//! Where the end of an answer cannot be seen (the kernel side copies the front of each segment and its last bytes), the answer is *adrift*:
//! it is over when the next request is sent, or when nothing has come for a while.

use tracer_protocols::{
    contract::{Follows, Gap, Side, Step},
    http1::End,
};

use super::{
    call::{Act, Call},
    speech::Speech,
};
use crate::{
    connections::{At, Ends, Way},
    spans::{
        exchange::{Exchange, ExchangeId, ExchangeSink, Failure, Request, Response},
        flight::{InFlight, Order},
        request::Requests,
        span::SpanKind,
    },
    telemetry::drops::Drop,
};

/// How long nothing has to come for an answer that is adrift to be over, nanoseconds.
const QUIET_NS: u64 = 500_000_000;

/// What the kernel side is to be told of its guess at the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It is right.
    Confirmed,
    /// It is wrong, or what it says is of no interest.
    Refused,
}

/// Both directions of a connection to a database.
#[derive(Debug)]
pub(crate) struct Dialogue {
    protocol: Box<dyn Speech>,
    requests: Way,
    in_flight: InFlight,
    heads: Requests,
    /// The answer's framing is lost.
    adrift: bool,
    /// Records of answers were just lost: what comes is the beginning of an answer.
    fresh: bool,
    /// The connection is looked at no more.
    left: bool,
    confirmed: bool,
    judgement: Option<Judgement>,
}

/// A [`Dialogue`] together with what it needs to work.
pub(in crate::spans) struct Drive<'a, S> {
    pub(in crate::spans) dialogue: &'a mut Dialogue,
    pub(in crate::spans) way: Way,
    pub(in crate::spans) ends: &'a Ends,
    pub(in crate::spans) sink: &'a mut S,
}

impl Dialogue {
    /// `requests`: the way in which the client's bytes go.
    pub(in crate::spans) fn new(protocol: Box<dyn Speech>, requests: Way) -> Self {
        Self {
            protocol,
            requests,
            in_flight: InFlight::default(),
            heads: Requests::default(),
            adrift: false,
            fresh: false,
            left: false,
            confirmed: false,
            judgement: None,
        }
    }

    /// Whether no request waits for its answer.
    pub(in crate::spans) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Whether this end is the server.
    pub(in crate::spans) fn is_server(&self) -> bool {
        self.requests == Way::Received
    }

    /// What the kernel side has not been told yet.
    pub(in crate::spans) fn take_judgement(&mut self) -> Option<Judgement> {
        self.judgement.take()
    }

    /// The exchange of which bytes are being received.
    pub(in crate::spans) fn receiving(&self) -> Option<ExchangeId> {
        if self.is_server() { None } else { self.in_flight.front().map(|exchange| exchange.id) }
    }

    /// Nothing more comes in `way`.
    pub(in crate::spans) fn ended<S: ExchangeSink>(
        &mut self,
        way: Way,
        now_ns: u64,
        ends: &Ends,
        sink: &mut S,
    ) {
        if way != self.requests {
            self.finish_adrift(u64::MAX, ends, sink);
            self.abort(Failure::ConnectionClosed, now_ns, ends, sink);
        }
    }

    /// Every request in flight ends without a whole answer.
    pub(in crate::spans) fn abort<S: ExchangeSink>(
        &mut self,
        failure: Failure,
        now_ns: u64,
        ends: &Ends,
        sink: &mut S,
    ) {
        while let Some(exchange) = self.in_flight.aborted(failure, now_ns) {
            sink.closed(exchange, ends);
        }
    }

    /// Requests that began before `before_ns` end as unanswered; answers that are adrift and silent are over.
    pub(in crate::spans) fn expire<S: ExchangeSink>(
        &mut self,
        before_ns: u64,
        now_ns: u64,
        ends: &Ends,
        sink: &mut S,
    ) {
        self.finish_adrift(now_ns.saturating_sub(QUIET_NS), ends, sink);
        while let Some(exchange) = self.in_flight.expired(before_ns, now_ns) {
            sink.closed(exchange, ends);
        }
    }

    /// Nothing of this connection is to be shown after all.
    pub(in crate::spans) fn retract<S: ExchangeSink>(&mut self, ends: &Ends, sink: &mut S) {
        while let Some(exchange) = self.in_flight.given_up() {
            sink.retracted(exchange, ends);
        }
    }

    /// Answers that are adrift and of which nothing came since `quiet_since_ns` are over.
    fn finish_adrift<S: ExchangeSink>(&mut self, quiet_since_ns: u64, ends: &Ends, sink: &mut S) {
        if !self.adrift {
            return;
        }
        while let Some(exchange) = self.in_flight.front()
            && exchange.response.is_some()
            && exchange.last_ns <= quiet_since_ns
        {
            let Some(exchange) = self.in_flight.finished(SEEN_ENOUGH, quiet_since_ns) else { break };
            sink.closed(exchange, ends);
        }
    }
}

/// The end of an answer that was told by its end.
const SEEN: End = End { body_bytes: None, certain: true };
/// The end of an answer that was told by what came behind.
const SEEN_ENOUGH: End = End { body_bytes: None, certain: false };

impl<S: ExchangeSink> Drive<'_, S> {
    fn side(&self) -> Side {
        if self.way == self.dialogue.requests { Side::Request } else { Side::Response }
    }

    pub(in crate::spans) fn run(&mut self, bytes: &[u8], follows: Follows, at: &At) -> usize {
        if self.dialogue.left {
            return bytes.len();
        }
        let side = self.side();
        let mut used = 0;
        // Once is enough: what was found and refused again is not there.
        let mut found = false;
        match side {
            Side::Request => {
                if self.dialogue.adrift && at.segment_start {
                    self.settle();
                }
                self.dialogue.protocol.run_begins();
            }
            Side::Response => {
                self.touch(at.last_ns);
                if self.dialogue.adrift {
                    match self.found_again(bytes, at) {
                        Some(passed) => (used, found) = (passed, true),
                        None => return bytes.len(),
                    }
                }
            }
        }
        loop {
            let rest = &bytes[used..];
            match self.dialogue.protocol.step(side, rest, follows) {
                Step::Message { message, consumed } => {
                    self.act(message, at, at.position.wrapping_add(used as u32));
                    used += consumed;
                    if self.dialogue.left {
                        return bytes.len();
                    }
                }
                Step::NeedMore => return used,
                Step::Skip(count) => {
                    let skipped = count.min(rest.len() as u64);
                    self.dialogue.protocol.skipped(side, skipped);
                    used += skipped as usize;
                    if skipped == 0 {
                        return used;
                    }
                }
                Step::NotThis(_) => match self.dialogue.protocol.resync(side, rest) {
                    Some(passed) if used == 0 && !found => (used, found) = (passed, true),
                    _ => {
                        self.framing_lost(side);
                        return bytes.len();
                    }
                },
            }
        }
    }

    pub(in crate::spans) fn gap(&mut self, bytes: u64, at: &At) {
        if self.dialogue.left {
            return;
        }
        let side = self.side();
        if side == Side::Response {
            self.touch(at.last_ns);
        }
        if self.dialogue.protocol.gap(side, bytes) == Gap::Lost {
            self.framing_lost(side);
        } else {
            self.run(&[], Follows::Maybe, &At { segment_start: false, ..*at });
        }
    }

    /// Bytes of an answer that is adrift: where it ends among them, if that can be told.
    fn found_again(&mut self, bytes: &[u8], at: &At) -> Option<usize> {
        if self.dialogue.protocol.answers().is_none() {
            self.answer(0, at);
            // Of several answers others may have ended unseen.
            if self.dialogue.in_flight.len() > 1 {
                return None;
            }
        }
        let passed = self.dialogue.protocol.resync(Side::Response, bytes)?;
        self.dialogue.adrift = false;
        Some(passed)
    }

    /// It is not known where messages of this side begin.
    fn framing_lost(&mut self, side: Side) {
        let fresh = std::mem::take(&mut self.dialogue.fresh);
        match side {
            Side::Request => {
                if !self.dialogue.protocol.requests_lost() {
                    self.dialogue.adrift = true;
                }
            }
            Side::Response if fresh => self.dialogue.protocol.settle(),
            Side::Response => self.dialogue.adrift = true,
        }
    }

    /// A request is sent: what is adrift is over.
    fn settle(&mut self) {
        self.dialogue.finish_adrift(u64::MAX, self.ends, self.sink);
        if self.dialogue.in_flight.is_empty() {
            self.dialogue.adrift = false;
            self.dialogue.protocol.settle();
        }
    }

    pub(in crate::spans) fn lost(&mut self, records: u32) {
        let side = self.side();
        let (dialogue, sink, ends) = (&mut *self.dialogue, &mut *self.sink, self.ends);
        let order = match side {
            Side::Response => {
                dialogue.in_flight.answers_lost(records, |exchange| sink.closed(exchange, ends))
            }
            Side::Request => dialogue.in_flight.requests_lost(),
        };
        if order == Order::Lost {
            self.abandon(Drop::OrderLost);
        } else if side == Side::Response {
            self.dialogue.fresh =
                self.dialogue.in_flight.front().is_some_and(|exchange| exchange.response.is_none());
        }
    }

    /// What is in flight ends without its answer, and what comes is not looked at.
    fn abandon(&mut self, reason: Drop) {
        self.sink.drops().count(reason);
        while let Some(exchange) = self.dialogue.in_flight.given_up() {
            self.sink.closed(exchange, self.ends);
        }
        self.leave();
    }

    fn leave(&mut self) {
        self.dialogue.left = true;
        self.dialogue.judgement = Some(Judgement::Refused);
        self.dialogue.retract(self.ends, self.sink);
    }

    /// Bytes of the answer at hand went through.
    fn touch(&mut self, now_ns: u64) {
        self.dialogue.in_flight.touch(now_ns);
    }

    fn act(&mut self, act: Act, at: &At, position: u32) {
        self.dialogue.fresh = false;
        if self.side() == Side::Response
            && let Some(number) = self.dialogue.protocol.answers()
            && !self.dialogue.in_flight.bring_forward(|call| call.number == number)
        {
            // What it answers is no call, or was given up.
            return;
        }
        match act {
            Act::Nothing => {}
            Act::Begin(call) => self.begin(Request::of_call(), Some(call), at, position),
            Act::Ask(asked) => {
                let head = asked.head();
                let request = Request {
                    https: asked.https,
                    body_bytes: head.content_length,
                    ..self.dialogue.heads.keep(&head, self.sink)
                };
                self.begin(request, None, at, position);
            }
            Act::Revise(call) => {
                if let Some(exchange) = self.dialogue.in_flight.newest_mut() {
                    exchange.call = Some(call);
                }
            }
            Act::Answer => self.answer(0, at),
            Act::Status(status) => self.answer(status.unwrap_or(0), at),
            Act::Refused => {
                let answering =
                    self.dialogue.in_flight.front_mut().filter(|exchange| exchange.response.is_some());
                if let Some(exchange) = answering {
                    exchange.fail(Failure::Refused);
                }
                self.done(at);
            }
            Act::Error(code) => {
                self.answer(0, at);
                self.oldest(|call| {
                    call.error.get_or_insert(code);
                });
            }
            Act::Did(operation) => {
                self.answer(0, at);
                self.oldest(|call| {
                    call.operation.get_or_insert_with(|| operation.into());
                });
            }
            Act::Done => self.done(at),
            Act::Leave => self.leave(),
            Act::Decline => self.abandon(Drop::FormNotRead),
            Act::Sent(call) => self.sent(call, at, position),
        }
    }

    fn oldest(&mut self, change: impl FnOnce(&mut Call)) {
        if let Some(call) = self.dialogue.in_flight.front_mut().and_then(|exchange| exchange.call.as_mut()) {
            change(call);
        }
    }

    fn begin(&mut self, request: Request, call: Option<Box<Call>>, at: &At, position: u32) {
        let exchange = self.open(request, call, at, position);
        if let Some(exchange) = self.dialogue.in_flight.push(exchange) {
            self.sink.retracted(exchange, self.ends);
            self.abandon(Drop::TooManyInFlight);
        }
    }

    /// A call that nobody answers is over once it is sent.
    fn sent(&mut self, call: Box<Call>, at: &At, position: u32) {
        let exchange = self.open(Request::of_call(), Some(call), at, position);
        self.sink.closed(exchange, self.ends);
    }

    fn open(&mut self, request: Request, call: Option<Box<Call>>, at: &At, position: u32) -> Exchange {
        let kind = if self.way == Way::Received { SpanKind::Server } else { SpanKind::Client };
        let mut exchange = Exchange::of_request(kind, request, at, position, self.ends, self.sink);
        exchange.call = call;
        self.sink.opened(&exchange, self.ends);
        exchange
    }

    /// The oldest request's answer begins, or goes on. `status`: 0 where there is none, or it is not known.
    fn answer(&mut self, status: u16, at: &At) {
        if self.dialogue.in_flight.front().is_some_and(|exchange| exchange.response.is_some()) {
            return;
        }
        let response = Response { status, grpc: None, body_bytes: None, by: at.by };
        if self.dialogue.in_flight.answered(response, at.last_ns).is_none() {
            self.sink.drops().count(Drop::ResponseWithoutRequest);
        }
    }

    fn done(&mut self, at: &At) {
        if !self.dialogue.confirmed {
            self.dialogue.confirmed = true;
            self.dialogue.judgement = Some(Judgement::Confirmed);
        }
        // What ends an answer may be all of it.
        if !self.dialogue.in_flight.is_empty() {
            self.answer(0, at);
        }
        if let Some(exchange) = self.dialogue.in_flight.finished(SEEN, at.last_ns) {
            self.sink.closed(exchange, self.ends);
        }
    }
}
