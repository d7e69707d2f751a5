//! Stages 4 and 5 for HTTP/1: runs of bytes of both directions become exchanges.

use tracer_protocols::{
    contract::{Follows, Side, Step},
    grpc,
    http1::{Detection, End, Message, Parser, RequestHead, ResponseHead, detect},
};

use super::{
    database,
    exchange::{Exchange, ExchangeId, ExchangeSink, Failure, Response},
    flight::{InFlight, Order},
    request::Requests,
    span::SpanKind,
};
use crate::{
    connections::{At, Ends, Way},
    telemetry::drops::Drop,
};

/// Both directions of a connection that speaks HTTP/1.
#[derive(Debug, Default)]
pub(crate) struct Http1 {
    /// The direction that carries requests, once known.
    requests: Option<Way>,
    /// See [`Exchange::from_start`].
    from_start: bool,
    parsers: [Option<Parser>; 2],
    in_flight: InFlight,
    /// Which answer belongs to which request cannot be told any more.
    abandoned: bool,
    /// The exchange whose request is being read.
    reading: Option<ExchangeId>,
    heads: Requests,
    /// The request that HTTP/2 goes on with, as its stream 1, from here (RFC 7540, section 3.2).
    upgraded: Option<Exchange>,
}

/// An [`Http1`] together with what it needs to work.
pub(super) struct Drive<'a, S> {
    pub(super) http: &'a mut Http1,
    pub(super) way: Way,
    pub(super) ends: &'a Ends,
    pub(super) sink: &'a mut S,
}

impl Http1 {
    /// The request with which HTTP/2 takes over, once the server has agreed, and which way it came.
    pub(super) fn take_upgraded(&mut self) -> Option<(Exchange, Way)> {
        Some((self.upgraded.take()?, self.requests?))
    }

    /// Whether no request waits for its response.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// The exchange of which bytes are being received, if it has begun.
    pub(crate) fn receiving(&self) -> Option<ExchangeId> {
        match self.side(Way::Received)? {
            Side::Request => self.reading,
            Side::Response => self.in_flight.front().map(|exchange| exchange.id),
        }
    }

    fn side(&self, way: Way) -> Option<Side> {
        Some(if self.requests? == way { Side::Request } else { Side::Response })
    }

    /// Whether this end is the server.
    pub(super) fn is_server(&self) -> Option<bool> {
        Some(self.requests? == Way::Received)
    }

    /// Nothing more comes in `way`: ends a body that runs until then.
    pub(super) fn ended<S: ExchangeSink>(&mut self, way: Way, now_ns: u64, ends: &Ends, sink: &mut S) {
        let side = self.side(way);
        let end = self.parsers[way as usize].as_mut().and_then(Parser::connection_end);
        if side == Some(Side::Response) {
            if let Some(end) = end
                && let Some(exchange) = self.in_flight.finished(end, now_ns)
            {
                sink.closed(exchange, ends);
            }
            self.abort(Failure::ConnectionClosed, now_ns, ends, sink);
        }
    }

    /// Every request in flight ends without a whole response.
    pub(super) fn abort<S: ExchangeSink>(
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

    /// Requests that began before `before_ns` end as unanswered.
    pub(super) fn expire<S: ExchangeSink>(&mut self, before_ns: u64, now_ns: u64, ends: &Ends, sink: &mut S) {
        while let Some(exchange) = self.in_flight.expired(before_ns, now_ns) {
            sink.closed(exchange, ends);
        }
    }

    /// Nothing of this connection is to be shown after all.
    pub(super) fn retract<S: ExchangeSink>(&mut self, ends: &Ends, sink: &mut S) {
        while let Some(exchange) = self.in_flight.given_up() {
            sink.retracted(exchange, ends);
        }
    }
}

impl<S: ExchangeSink> Drive<'_, S> {
    fn message(&mut self, message: &Message<'_>, at: &At, position: u32) {
        match message {
            Message::Request(head) => self.request(head, at, position),
            Message::Response(head) => self.response(head, at),
            Message::Informational(_) => self.touch(at.last_ns),
            Message::End(end) => self.end(*end, at),
        }
    }

    fn request(&mut self, head: &RequestHead<'_>, at: &At, position: u32) {
        let request = self.http.heads.keep(head, self.sink);
        let kind = if self.way == Way::Received { SpanKind::Server } else { SpanKind::Client };
        let mut exchange = Exchange::of_request(kind, request, at, position, self.ends, self.sink);
        exchange.from_start = self.http.from_start;
        self.http.reading = Some(exchange.id);
        self.sink.opened(&exchange, self.ends);
        if let Some(exchange) = self.http.in_flight.push(exchange) {
            self.sink.retracted(exchange, self.ends);
            self.abandon(Drop::TooManyInFlight);
        }
    }

    /// What is in flight ends without its response, and what comes is not looked at.
    fn abandon(&mut self, reason: Drop) {
        self.sink.drops().count(reason);
        self.http.abandoned = true;
        while let Some(exchange) = self.http.in_flight.given_up() {
            self.sink.closed(exchange, self.ends);
        }
    }

    fn response(&mut self, head: &ResponseHead<'_>, at: &At) {
        if head.status == 101 && head.headers.get("upgrade").is_some_and(|to| to.eq_ignore_ascii_case("h2c"))
        {
            self.http.upgraded = self.http.in_flight.take_answering();
            return;
        }
        if head.upgraded
            && let Some(parser) = &mut self.http.parsers[self.way.other() as usize]
        {
            parser.tunnel();
        }
        let response =
            Response { status: head.status, grpc: self.grpc_status(head), body_bytes: None, by: at.by };
        let headers = self.sink.wanted().of_response(head.headers);
        match self.http.in_flight.answered_with(response, headers, at.last_ns) {
            Some(exchange) if exchange.kind == SpanKind::Client => {
                exchange.call = database::asked(&exchange.request, head.status, &head.headers);
            }
            Some(_) => {}
            None => self.sink.drops().count(Drop::ResponseWithoutRequest),
        }
    }

    fn grpc_status(&self, head: &ResponseHead<'_>) -> Option<grpc::Status> {
        self.http.in_flight.answering().filter(|request| request.grpc)?;
        head.headers.get("grpc-status").and_then(grpc::Status::parse)
    }

    fn end(&mut self, end: End, at: &At) {
        if self.http.side(self.way) == Some(Side::Request) {
            if let Some(id) = self.http.reading.take() {
                self.http.in_flight.request_over(id, end.body_bytes);
            }
        } else if let Some(exchange) = self.http.in_flight.finished(end, at.last_ns) {
            self.sink.closed(exchange, self.ends);
        }
    }

    /// Bytes of the response at hand went through.
    fn touch(&mut self, now_ns: u64) {
        if self.http.side(self.way) == Some(Side::Response) {
            self.http.in_flight.touch(now_ns);
        }
    }

    /// The side of this direction, found out from its first bytes.
    fn detect(&mut self, bytes: &[u8]) -> Result<Side, Detection> {
        if let Some(side) = self.http.side(self.way) {
            return Ok(side);
        }
        match detect(bytes) {
            Detection::Request => {
                self.http.requests = Some(self.way);
                self.http.from_start = true;
                Ok(Side::Request)
            }
            Detection::Response => {
                self.http.requests = Some(self.way.other());
                Ok(Side::Response)
            }
            unclear => Err(unclear),
        }
    }
}

impl<S: ExchangeSink> Drive<'_, S> {
    pub(super) fn run(&mut self, bytes: &[u8], follows: Follows, at: &At) -> usize {
        if self.http.abandoned {
            return bytes.len();
        }
        let side = match self.detect(bytes) {
            Ok(side) => side,
            Err(Detection::NeedMore) if follows == Follows::Maybe => return 0,
            Err(_) => {
                self.sink.drops().count(Drop::NotHttp);
                return bytes.len();
            }
        };
        let mut used = 0;
        loop {
            let rest = &bytes[used..];
            let parser = self.http.parsers[self.way as usize].get_or_insert_with(|| Parser::new(side));
            if rest.is_empty() && !parser.owes_end() {
                return used;
            }
            let answering = match side {
                Side::Request => None,
                Side::Response => self.http.in_flight.answering().map(|request| request.method),
            };
            match &parser.step(rest, follows, answering) {
                Step::Message { message, consumed } => {
                    self.message(message, at, at.position_of(used));
                    used += consumed;
                    if self.http.upgraded.is_some() {
                        return used;
                    }
                }
                Step::NeedMore => return used,
                Step::Skip(count) => {
                    let skipped = (*count).min(rest.len() as u64);
                    parser.skipped(skipped);
                    used += skipped as usize;
                    if skipped == 0 {
                        return used;
                    }
                    self.touch(at.last_ns);
                }
                Step::NotThis(_) => {
                    let found = parser.resync(rest);
                    self.sink.drops().count(Drop::NotHttp);
                    match found {
                        Some(skipped) if at.segment_start => used += skipped,
                        _ => return bytes.len(),
                    }
                }
            }
        }
    }

    pub(super) fn gap(&mut self, bytes: u64, at: &At) {
        if self.http.side(self.way) == Some(Side::Response) {
            self.http.in_flight.unseen();
        }
        let Some(parser) = &mut self.http.parsers[self.way as usize] else { return };
        parser.gap(bytes);
        self.touch(at.last_ns);
        // A message whose last byte lies in the gap is over now, not when the next one comes.
        self.run(&[], Follows::Maybe, at);
    }

    pub(super) fn lost(&mut self, records: u32) {
        let (http, sink, ends) = (&mut *self.http, &mut *self.sink, self.ends);
        let order = match http.side(self.way) {
            Some(Side::Response) => {
                http.in_flight.answers_lost(records, |exchange| sink.closed(exchange, ends))
            }
            Some(Side::Request) => http.in_flight.requests_lost(),
            None => Order::Kept,
        };
        if order == Order::Lost {
            self.abandon(Drop::OrderLost);
        }
    }
}
