//! Stages 4 and 5 for brokers: runs of bytes of both directions become exchanges.
//!
//! What ends an exchange says which, so that a loss shifts nothing. A message that is handed to the broker, or asked of it, is an exchange of the client; one that
//! the broker hands over is an exchange of which the consumer is the server: it has that message in hand until it acknowledges it.

use std::collections::BTreeMap;

use tracer_protocols::{
    context::Carried,
    contract::{Follows, Gap, Side, Step},
};

use super::{
    act::{Act, Key, Outcome},
    message::Message,
    talk::Talk,
};
use crate::{
    connections::{At, Ends, Way},
    spans::{
        database::Judgement,
        exchange::{Exchange, ExchangeId, ExchangeSink, Failure, Response},
        span::SpanKind,
    },
    telemetry::drops::Drop,
};

/// Exchanges of a connection that are open at a time, and questions. A message that is delivered beyond that is over at once.
const MAX_OPEN: usize = 1024;

/// Both directions of a connection to a broker.
#[derive(Debug)]
pub(crate) struct Session {
    protocol: Box<dyn Talk>,
    requests: Way,
    open: BTreeMap<Key, Exchange>,
    /// Questions that were asked, with where, and the way that they went.
    asked: BTreeMap<Key, (At, Way)>,
    acts: Vec<Act>,
    left: bool,
    confirmed: bool,
    judgement: Option<Judgement>,
}

/// A [`Session`] together with what it needs to work.
pub(in crate::spans) struct Drive<'a, S> {
    pub(in crate::spans) session: &'a mut Session,
    pub(in crate::spans) way: Way,
    pub(in crate::spans) ends: &'a Ends,
    pub(in crate::spans) sink: &'a mut S,
}

impl Session {
    /// `requests`: the way in which the client's bytes go.
    pub(in crate::spans) fn new(protocol: Box<dyn Talk>, requests: Way) -> Self {
        Self {
            protocol,
            requests,
            open: BTreeMap::new(),
            asked: BTreeMap::new(),
            acts: Vec::new(),
            left: false,
            confirmed: false,
            judgement: None,
        }
    }

    /// Whether nothing is open.
    pub(in crate::spans) fn is_idle(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether this end is the broker.
    pub(in crate::spans) fn is_server(&self) -> bool {
        self.requests == Way::Received
    }

    /// What the kernel side has not been told yet.
    pub(in crate::spans) fn take_judgement(&mut self) -> Option<Judgement> {
        self.judgement.take()
    }

    /// The exchange of which bytes are being received: the one call that waits for its answer.
    pub(in crate::spans) fn receiving(&self) -> Option<ExchangeId> {
        let mut calls = self.open.values().filter(|exchange| exchange.kind == SpanKind::Client);
        let only = calls.next()?;
        calls.next().is_none().then_some(only.id)
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
            self.abort(Failure::ConnectionClosed, now_ns, ends, sink);
        }
    }

    /// Everything that is open ends without an answer.
    pub(in crate::spans) fn abort<S: ExchangeSink>(
        &mut self,
        failure: Failure,
        now_ns: u64,
        ends: &Ends,
        sink: &mut S,
    ) {
        self.asked.clear();
        for (key, exchange) in std::mem::take(&mut self.open) {
            sink.closed(unanswered(&key, exchange, failure, now_ns), ends);
        }
    }

    /// What began before `before_ns` ends as unanswered.
    pub(in crate::spans) fn expire<S: ExchangeSink>(
        &mut self,
        before_ns: u64,
        now_ns: u64,
        ends: &Ends,
        sink: &mut S,
    ) {
        self.asked.retain(|_, (at, _)| at.first_ns >= before_ns);
        for (key, exchange) in self.open.extract_if(.., |_, exchange| exchange.start_ns < before_ns) {
            sink.closed(unanswered(&key, exchange, Failure::NoResponse, now_ns), ends);
        }
    }

    /// Nothing of this connection is to be shown after all.
    pub(in crate::spans) fn retract<S: ExchangeSink>(&mut self, ends: &Ends, sink: &mut S) {
        self.asked.clear();
        for exchange in std::mem::take(&mut self.open).into_values() {
            sink.retracted(exchange, ends);
        }
    }
}

/// An exchange that was not ended by what should have. Where nothing has to, it ended with its own bytes.
fn unanswered(key: &Key, mut exchange: Exchange, failure: Failure, now_ns: u64) -> Exchange {
    if key.is_optional() {
        exchange.last_ns = exchange.head_ns;
    } else {
        exchange.fail(failure);
        exchange.last_ns = exchange.last_ns.max(now_ns);
    }
    exchange
}

impl<S: ExchangeSink> Drive<'_, S> {
    fn side(&self) -> Side {
        if self.way == self.session.requests { Side::Request } else { Side::Response }
    }

    pub(in crate::spans) fn run(&mut self, bytes: &[u8], follows: Follows, at: &At) -> usize {
        let side = self.side();
        let mut used = 0;
        // Once is enough: what was found and refused again is not there.
        let mut found = false;
        while !self.session.left {
            let rest = &bytes[used..];
            let mut acts = std::mem::take(&mut self.session.acts);
            let step = {
                let mut reading = self.sink.reading();
                reading.tgid = at.by.tgid;
                self.session.protocol.step(side, rest, follows, &mut reading, &mut acts)
            };
            let position = at.position.wrapping_add(used as u32);
            for act in acts.drain(..) {
                self.act(act, at, position);
            }
            self.session.acts = acts;
            match step {
                Step::Message { consumed, .. } => used += consumed,
                Step::NeedMore => return used,
                Step::Skip(count) => {
                    let skipped = count.min(rest.len() as u64);
                    if skipped == 0 {
                        return used;
                    }
                    self.session.protocol.skipped(side, skipped);
                    used += skipped as usize;
                }
                Step::NotThis(_) => {
                    self.session.protocol.lost(side);
                    match self.session.protocol.resync(side, rest) {
                        Some(passed) if used == 0 && !found && at.segment_start => {
                            (used, found) = (passed, true);
                        }
                        _ => return bytes.len(),
                    }
                }
            }
        }
        bytes.len()
    }

    pub(in crate::spans) fn gap(&mut self, bytes: u64, at: &At) {
        if self.session.left {
            return;
        }
        let side = self.side();
        if self.session.protocol.gap(side, bytes) == Gap::Lost {
            self.session.protocol.lost(side);
        } else {
            self.run(&[], Follows::Maybe, &At { segment_start: false, ..*at });
        }
    }

    pub(in crate::spans) fn lost(&mut self) {
        let side = self.side();
        self.session.protocol.lost(side);
        for exchange in self.session.open.values_mut() {
            exchange.incomplete = true;
        }
    }

    fn act(&mut self, act: Act, at: &At, position: u32) {
        match act {
            Act::Open { message, carried, key } => self.open(message, carried, key, at, position),
            Act::Close(key, outcome) => {
                if let Some(exchange) = self.session.open.remove(&key) {
                    self.close(exchange, outcome, at);
                }
            }
            Act::CloseUpTo(key, outcome) => {
                let Some(first) = key.first_of_channel() else { return };
                let over: Vec<Exchange> = self
                    .session
                    .open
                    .extract_if(first..=key, |_, _| true)
                    .map(|(_, exchange)| exchange)
                    .collect();
                for exchange in over {
                    self.close(exchange, outcome.clone(), at);
                }
            }
            Act::Ask(key) => {
                if self.session.asked.len() >= MAX_OPEN {
                    self.session.asked.pop_first();
                    self.sink.drops().count(Drop::TooManyInFlight);
                }
                self.session.asked.insert(key, (At { position, ..*at }, self.way));
            }
            Act::Tell { message, carried, key } => self.tell(message, carried, &key, at),
            Act::Forget(key) => drop(self.session.asked.remove(&key)),
            Act::Supersede if at.by.polled => {}
            Act::Supersede => {
                let is_unanswered = |key: &Key, exchange: &mut Exchange| {
                    matches!(key, Key::Reply(_)) && exchange.by.tid == at.by.tid
                };
                for (key, exchange) in self.session.open.extract_if(.., is_unanswered) {
                    self.sink.closed(unanswered(&key, exchange, Failure::NoResponse, at.last_ns), self.ends);
                }
            }
            Act::Confirm if self.session.confirmed => {}
            Act::Confirm => {
                self.session.confirmed = true;
                self.session.judgement = Some(Judgement::Confirmed);
            }
            Act::Leave => {
                self.session.left = true;
                self.session.judgement = Some(Judgement::Refused);
                self.session.retract(self.ends, self.sink);
            }
        }
    }

    fn open(
        &mut self,
        message: Box<Message>,
        carried: Option<Carried>,
        key: Option<Key>,
        at: &At,
        position: u32,
    ) {
        let exchange = self.begin(message, carried, at, position, self.way);
        match key {
            Some(key) if self.session.open.len() < MAX_OPEN => {
                if let Some(before) = self.session.open.insert(key.clone(), exchange) {
                    self.sink.closed(unanswered(&key, before, Failure::NoResponse, at.last_ns), self.ends);
                }
            }
            _ => self.sink.closed(exchange, self.ends),
        }
    }

    /// What was asked for came: the exchange began when it was asked for, and is over.
    fn tell(&mut self, message: Box<Message>, carried: Option<Carried>, key: &Key, at: &At) {
        let Some((asked, way)) = self.session.asked.remove(key) else {
            self.sink.drops().count(Drop::ResponseWithoutRequest);
            return;
        };
        let exchange = self.begin(message, carried, &asked, asked.position, way);
        self.close(exchange, Outcome::default(), at);
    }

    fn begin(
        &mut self,
        message: Box<Message>,
        carried: Option<Carried>,
        at: &At,
        position: u32,
        way: Way,
    ) -> Exchange {
        let kind = if way == Way::Received { SpanKind::Server } else { SpanKind::Client };
        let mut exchange = Exchange::of_call(kind, at, position, self.sink);
        if let Some(Carried { context, trace_state, .. }) = carried {
            exchange.request.context = Some(context);
            exchange.request.trace_state = trace_state;
        }
        exchange.message = Some(message);
        self.sink.opened(&exchange, self.ends);
        exchange
    }

    fn close(&mut self, mut exchange: Exchange, outcome: Outcome, at: &At) {
        exchange.response = Some(Response { status: 0, grpc: None, body_bytes: None, by: at.by });
        exchange.last_ns = exchange.last_ns.max(at.last_ns);
        if let Some(message) = &mut exchange.message {
            message.error = outcome.error.or(message.error.take());
            message.published.extend(outcome.published);
            if let [only] = &message.published[..]
                && only.first == only.last
            {
                message.offset = Some(only.first);
            }
        }
        self.sink.closed(exchange, self.ends);
    }
}
