//! Lookups in DNS: questions and answers, matched by their numbers, become exchanges. Servers' ends are left alone.

use std::sync::Arc;

use tracer_protocols::{
    contract::{Follows, Gap, Step},
    dns::{Kind, Message, Parser, rcode, read},
};

use super::{
    database::Judgement,
    exchange::{Exchange, ExchangeSink, Failure, Request, Response},
    headers::Captured,
    network::{Lookup, Network},
    span::SpanKind,
};
use crate::{
    connections::{At, Ends, Way},
    telemetry::drops::Drop,
};

/// Lookups in flight on one socket; resolvers that share one have some hundreds.
const MAX_LOOKUPS: usize = 1024;
/// How long an answer is waited for, nanoseconds: longer than any resolver does.
const PATIENCE_NS: u64 = 15_000_000_000;

/// A socket that DNS goes through.
#[derive(Debug)]
pub(crate) struct Dns {
    /// This end asks.
    asks: bool,
    parsers: [Parser; 2],
    /// Lookups without an answer, oldest first.
    pending: Vec<Exchange>,
    judgement: Option<Judgement>,
}

/// A [`Dns`] together with what it needs to work.
pub(super) struct Drive<'a, S> {
    pub(super) dns: &'a mut Dns,
    pub(super) way: Way,
    pub(super) ends: &'a Ends,
    pub(super) sink: &'a mut S,
}

impl Dns {
    /// `requests`: the way in which questions go.
    pub(super) fn new(requests: Way) -> Self {
        let asks = requests == Way::Sent;
        let judgement = Some(if asks { Judgement::Confirmed } else { Judgement::Refused });
        Self { asks, parsers: Default::default(), pending: Vec::new(), judgement }
    }

    /// What the kernel side is to be told of its guess.
    pub(super) fn take_judgement(&mut self) -> Option<Judgement> {
        self.judgement.take()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }

    pub(super) fn is_server(&self) -> bool {
        !self.asks
    }

    /// Every lookup in flight ends without an answer.
    pub(super) fn abort<S: ExchangeSink>(
        &mut self,
        failure: Failure,
        now_ns: u64,
        ends: &Ends,
        sink: &mut S,
    ) {
        for mut exchange in self.pending.drain(..) {
            exchange.fail(failure);
            exchange.last_ns = exchange.last_ns.max(now_ns);
            sink.closed(exchange, ends);
        }
    }

    /// Lookups that nobody waits for any more end as unanswered.
    pub(super) fn expire<S: ExchangeSink>(&mut self, before_ns: u64, now_ns: u64, ends: &Ends, sink: &mut S) {
        let before_ns = before_ns.max(now_ns.saturating_sub(PATIENCE_NS));
        while self.pending.first().is_some_and(|oldest| oldest.start_ns < before_ns) {
            let mut exchange = self.pending.remove(0);
            exchange.fail(Failure::NoResponse);
            exchange.last_ns = now_ns;
            sink.closed(exchange, ends);
        }
    }

    /// Nothing of this socket is to be shown after all.
    pub(super) fn retract<S: ExchangeSink>(&mut self, ends: &Ends, sink: &mut S) {
        for exchange in self.pending.drain(..) {
            sink.retracted(exchange, ends);
        }
    }

    /// Records were lost: an answer may have been among them.
    pub(super) fn lost(&mut self) {
        for exchange in &mut self.pending {
            exchange.incomplete = true;
        }
    }
}

impl<S: ExchangeSink> Drive<'_, S> {
    /// A datagram, as far as it was captured.
    pub(super) fn datagram(&mut self, bytes: &[u8], at: &At) {
        match read(bytes) {
            Some(message) => self.message(&message, at, at.position, true),
            None => self.sink.drops().count(Drop::NotHttp),
        }
    }

    /// Bytes of a TCP connection.
    pub(super) fn run(&mut self, bytes: &[u8], follows: Follows, at: &At) -> usize {
        if !self.dns.asks {
            return bytes.len();
        }
        let mut used = 0;
        // Once is enough: what was found and refused again is not there.
        let mut found = false;
        loop {
            let rest = &bytes[used..];
            let mut parser = self.dns.parsers[self.way as usize];
            let step = parser.step(rest, follows);
            match step {
                Step::Message { message, consumed } => {
                    if let Some(message) = message {
                        self.message(&message, at, at.position.wrapping_add(used as u32), false);
                    }
                    used += consumed;
                }
                Step::NeedMore => return used,
                Step::Skip(count) => {
                    let skipped = count.min(rest.len() as u64);
                    parser.skipped(skipped);
                    used += skipped as usize;
                    if skipped == 0 {
                        return used;
                    }
                }
                Step::NotThis(_) => match parser.resync(rest) {
                    Some(passed) if used == 0 && !found => (used, found) = (passed, true),
                    _ => {
                        self.sink.drops().count(Drop::NotHttp);
                        self.dns.parsers[self.way as usize] = parser;
                        return bytes.len();
                    }
                },
            }
            self.dns.parsers[self.way as usize] = parser;
        }
    }

    pub(super) fn gap(&mut self, bytes: u64) {
        if self.dns.parsers[self.way as usize].gap(bytes) == Gap::Lost {
            self.dns.lost();
        }
    }

    fn message(&mut self, message: &Message<'_>, at: &At, position: u32, datagram: bool) {
        match (message.kind, self.way) {
            (Kind::Query, Way::Sent) => self.asked(message, at, position, datagram),
            (Kind::Response, Way::Received) => self.answered(message, at),
            (Kind::Query, Way::Received) | (Kind::Response, Way::Sent) => {}
        }
    }

    fn asked(&mut self, message: &Message<'_>, at: &At, position: u32, datagram: bool) {
        if self.find(message).is_some() {
            // Asked again, since no answer came: one lookup.
            return;
        }
        let lookup = Lookup {
            id: message.id,
            name: message.question.name.to_string().into(),
            record: message.question.record_name(),
            datagram,
            error: None,
        };
        let exchange = Exchange {
            id: self.sink.ids().exchange(),
            span_id: self.sink.ids().span(),
            written: None,
            kind: SpanKind::Client,
            by: at.by,
            position,
            start_ns: at.first_ns,
            head_ns: at.last_ns,
            last_ns: at.last_ns,
            request: Request::of_call(),
            call: None,
            network: Some(Box::new(Network::Lookup(lookup))),
            response: None,
            response_headers: Captured::default(),
            failure: None,
            from_start: true,
            secure: at.secure,
            incomplete: false,
        };
        if self.dns.pending.len() >= MAX_LOOKUPS {
            self.sink.drops().count(Drop::TooManyInFlight);
            return;
        }
        self.sink.opened(&exchange, self.ends);
        self.dns.pending.push(exchange);
    }

    /// Where the lookup is that this message is about.
    fn find(&self, message: &Message<'_>) -> Option<usize> {
        let record = message.question.record_name();
        let mut name: Option<Arc<str>> = None;
        self.dns.pending.iter().position(|exchange| match exchange.network.as_deref() {
            Some(Network::Lookup(lookup)) if lookup.id == message.id && lookup.record == record => {
                let name = name.get_or_insert_with(|| message.question.name.to_string().into());
                lookup.name.eq_ignore_ascii_case(name)
            }
            _ => false,
        })
    }

    fn answered(&mut self, message: &Message<'_>, at: &At) {
        let Some(place) = self.find(message) else {
            self.sink.drops().count(Drop::ResponseWithoutRequest);
            return;
        };
        let mut exchange = self.dns.pending.remove(place);
        exchange.response = Some(Response { status: 0, grpc: None, body_bytes: None, by: at.by });
        exchange.last_ns = at.last_ns;
        if let Some(Network::Lookup(lookup)) = exchange.network.as_deref_mut() {
            lookup.error = rcode(message.rcode);
            for (address, seconds) in message.addresses() {
                self.sink.resolved(at.by.tgid, address, &lookup.name, seconds, at.last_ns);
            }
        }
        self.sink.closed(exchange, self.ends);
    }
}
