//! Stages 4 and 5 for HTTP/1: runs of bytes of both directions become exchanges.

use std::sync::Arc;

use tracer_protocols::{
    context::Carried,
    contract::{Follows, Side, Step},
    http1::{Detection, End, Message, Method, Parser, RequestHead, ResponseHead, detect},
};

use super::{
    exchange::{Exchange, ExchangeId, ExchangeSink, Failure, Request},
    flight::{InFlight, Order},
    span::SpanKind,
};
use crate::{
    connections::{At, Consumer, Ends, Way},
    telemetry::drops::Drop,
};

/// Both directions of a connection that speaks HTTP/1.
#[derive(Debug, Default)]
pub struct Http1 {
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
    /// Header values repeat on a connection.
    host: Option<Arc<str>>,
    user_agent: Option<Arc<str>>,
}

/// An [`Http1`] together with what it needs to work.
pub(crate) struct Drive<'a, S> {
    pub(crate) http: &'a mut Http1,
    pub(crate) way: Way,
    pub(crate) ends: &'a Ends,
    pub(crate) sink: &'a mut S,
}

impl Http1 {
    /// Whether no request waits for its response.
    pub fn is_idle(&self) -> bool {
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
    pub fn is_server(&self) -> Option<bool> {
        Some(self.requests? == Way::Received)
    }

    /// Nothing more comes in `way`: ends a body that runs until then.
    pub(crate) fn ended<S: ExchangeSink>(&mut self, way: Way, now_ns: u64, ends: &Ends, sink: &mut S) {
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
    pub(crate) fn abort<S: ExchangeSink>(
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
    pub(crate) fn expire<S: ExchangeSink>(&mut self, before_ns: u64, now_ns: u64, ends: &Ends, sink: &mut S) {
        while let Some(exchange) = self.in_flight.expired(before_ns, now_ns) {
            sink.closed(exchange, ends);
        }
    }

    /// Nothing of this connection is to be shown after all.
    pub(crate) fn retract<S: ExchangeSink>(&mut self, ends: &Ends, sink: &mut S) {
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
        let extractor = self.sink.extractor();
        let (context, trace_state) = match extractor.context(head) {
            Some(Carried { context, trace_state, .. }) => (Some(context), trace_state),
            None => (None, None),
        };
        let baggage = extractor.baggage(head);
        let forced = self.sink.force_header().is_some_and(|name| head.headers.get_all(name).next().is_some());
        let exchange = Exchange {
            id: self.sink.ids().exchange(),
            span_id: self.sink.ids().span(),
            kind: if self.way == Way::Received { SpanKind::Server } else { SpanKind::Client },
            by: at.by,
            position,
            start_ns: at.first_ns,
            head_ns: at.last_ns,
            last_ns: at.last_ns,
            request: Request {
                method: head.method,
                other_method: (head.method == Method::Other).then(|| head.method_text.into()),
                target: head.target.into(),
                version: head.version,
                host: share(&mut self.http.host, head.host),
                user_agent: share(&mut self.http.user_agent, head.user_agent),
                context,
                trace_state,
                baggage,
                forced,
                body_bytes: None,
            },
            response: None,
            failure: None,
            from_start: self.http.from_start,
            incomplete: false,
        };
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
        if head.upgraded
            && let Some(parser) = &mut self.http.parsers[self.way.other() as usize]
        {
            parser.tunnel();
        }
        if !self.http.in_flight.answered(head.status, at.by, at.last_ns) {
            self.sink.drops().count(Drop::ResponseWithoutRequest);
        }
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

impl<S: ExchangeSink> Consumer for Drive<'_, S> {
    fn run(&mut self, bytes: &[u8], follows: Follows, at: &At) -> usize {
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
                Side::Response => self.http.in_flight.answering(),
            };
            match &parser.step(rest, follows, answering) {
                Step::Message { message, consumed } => {
                    self.message(message, at, at.position.wrapping_add(used as u32));
                    used += consumed;
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

    fn gap(&mut self, bytes: u64, at: &At) {
        let Some(parser) = &mut self.http.parsers[self.way as usize] else { return };
        parser.gap(bytes);
        self.touch(at.last_ns);
        // A message whose last byte lies in the gap is over now, not when the next one comes.
        self.run(&[], Follows::Maybe, at);
    }

    fn lost(&mut self, records: u32) {
        self.sink.drops().add(Drop::LostRecord, u64::from(records));
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

    fn overflow(&mut self) {
        self.sink.drops().count(Drop::HeadOverflow);
    }
}

/// The value as shared text: the same allocation as last time if it is the same text.
fn share(last: &mut Option<Arc<str>>, value: Option<&str>) -> Option<Arc<str>> {
    let value = value?;
    match last {
        Some(known) if **known == *value => {}
        _ => *last = Some(value.into()),
    }
    last.clone()
}
