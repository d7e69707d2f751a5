//! Stages 4 and 5 for HTTP/1: runs of bytes of both directions become exchanges.

use std::{collections::VecDeque, sync::Arc};

use tracer_protocols::{
    context::{parse_traceparent, parse_tracestate},
    contract::{Follows, Side, Step},
    http1::{Detection, End, Message, Method, Parser, RequestHead, ResponseHead, detect},
};

use super::{
    exchange::{Exchange, ExchangeSink, Failure, Request, Response},
    span::SpanKind,
};
use crate::{
    connections::{At, Consumer, Ends, Way},
    telemetry::drops::Drop,
};

/// Most requests in flight on one connection; no client pipelines more.
const MAX_IN_FLIGHT: usize = 1024;

/// Both directions of a connection that speaks HTTP/1.
#[derive(Debug, Default)]
pub struct Http1 {
    /// The direction that carries requests, once known.
    requests: Option<Way>,
    parsers: [Option<Parser>; 2],
    /// Requests without a whole response, oldest first.
    queue: VecDeque<Exchange>,
    /// The exchange whose request is being read.
    reading: Option<u64>,
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
        self.queue.is_empty()
    }

    /// Start of the oldest request in flight.
    pub fn oldest_ns(&self) -> Option<u64> {
        self.queue.front().map(|exchange| exchange.start_ns)
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
                && self.queue.front().is_some_and(|exchange| exchange.response.is_some())
            {
                self.finish(end, now_ns, ends, sink);
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
        while let Some(mut exchange) = self.queue.pop_front() {
            exchange.failure = Some(failure);
            exchange.last_ns = exchange.last_ns.max(now_ns);
            sink.closed(exchange, ends);
        }
    }

    /// Requests that began before `before_ns` end as unanswered.
    pub(crate) fn expire<S: ExchangeSink>(&mut self, before_ns: u64, now_ns: u64, ends: &Ends, sink: &mut S) {
        while self.oldest_ns().is_some_and(|start| start < before_ns) {
            let Some(mut exchange) = self.queue.pop_front() else { return };
            exchange.failure = Some(Failure::NoResponse);
            exchange.last_ns = now_ns;
            sink.closed(exchange, ends);
        }
    }

    fn finish<S: ExchangeSink>(&mut self, end: End, now_ns: u64, ends: &Ends, sink: &mut S) {
        let Some(mut exchange) = self.queue.pop_front() else { return };
        if end.certain {
            exchange.last_ns = now_ns;
        }
        if let Some(response) = &mut exchange.response {
            response.body_bytes = end.body_bytes;
        }
        sink.closed(exchange, ends);
    }

    /// The oldest request that has no response head yet.
    fn unanswered(&mut self) -> Option<&mut Exchange> {
        self.queue.iter_mut().find(|exchange| exchange.response.is_none())
    }

    fn mark_incomplete(&mut self) {
        for exchange in &mut self.queue {
            exchange.incomplete = true;
        }
    }
}

impl<S: ExchangeSink> Drive<'_, S> {
    fn message(&mut self, message: Message<'_>, at: &At, position: u32) {
        match message {
            Message::Request(head) => self.request(&head, at, position),
            Message::Response(head) => self.response(&head, at),
            Message::Informational(_) => self.touch(at.last_ns),
            Message::End(end) => self.end(end, at),
        }
    }

    fn request(&mut self, head: &RequestHead<'_>, at: &At, position: u32) {
        if self.http.queue.len() >= MAX_IN_FLIGHT {
            self.sink.drops().count(Drop::TooManyInFlight);
            return;
        }
        let context =
            if head.context.ambiguous { None } else { head.context.traceparent.and_then(parse_traceparent) };
        let trace_state =
            context.and(head.context.tracestate).filter(|_| context.is_some()).and_then(|first| {
                let joined = join_tracestate(head, first);
                parse_tracestate(&joined).filter(|state| !state.as_str().is_empty())?;
                Some(joined.into())
            });
        let exchange = Exchange {
            id: self.sink.ids().exchange(),
            span_id: self.sink.ids().span(),
            kind: if self.way == Way::Received { SpanKind::Server } else { SpanKind::Client },
            tgid: at.tgid,
            tid: at.tid,
            position,
            start_ns: at.first_ns,
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
                body_bytes: None,
            },
            response: None,
            failure: None,
            incomplete: false,
        };
        self.http.reading = Some(exchange.id);
        self.sink.opened(&exchange, self.ends);
        self.http.queue.push_back(exchange);
    }

    fn response(&mut self, head: &ResponseHead<'_>, at: &At) {
        if head.upgraded
            && let Some(parser) = &mut self.http.parsers[self.way.other() as usize]
        {
            parser.tunnel();
        }
        match self.http.unanswered() {
            Some(exchange) => {
                exchange.response = Some(Response { status: head.status, body_bytes: None });
                exchange.last_ns = at.last_ns;
            }
            None => self.sink.drops().count(Drop::ResponseWithoutRequest),
        }
    }

    fn end(&mut self, end: End, at: &At) {
        if self.http.side(self.way) == Some(Side::Request) {
            let reading = self.http.reading.take();
            if let Some(exchange) =
                self.http.queue.iter_mut().rev().find(|exchange| Some(exchange.id) == reading)
            {
                exchange.request.body_bytes = end.body_bytes;
            }
        } else if self.http.queue.front().is_some_and(|exchange| exchange.response.is_some()) {
            self.http.finish(end, at.last_ns, self.ends, self.sink);
        }
    }

    /// Bytes of the response at hand went through.
    fn touch(&mut self, now_ns: u64) {
        if self.http.side(self.way) == Some(Side::Response)
            && let Some(exchange) = self.http.queue.front_mut()
        {
            exchange.last_ns = now_ns;
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
            let answering = match side {
                Side::Request => None,
                Side::Response => self.http.unanswered().map(|exchange| exchange.request.method),
            };
            let parser = self.http.parsers[self.way as usize].get_or_insert_with(|| Parser::new(side));
            match parser.step(rest, follows, answering) {
                Step::Message { message, consumed } => {
                    self.message(message, at, at.position.wrapping_add(used as u32));
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
        self.http.mark_incomplete();
    }

    fn overflow(&mut self) {
        self.sink.drops().count(Drop::HeadOverflow);
    }
}

/// All `tracestate` headers in the order sent (W3C trace context section 3.3.1).
fn join_tracestate(head: &RequestHead<'_>, first: &str) -> String {
    let mut all = head.headers.get_all("tracestate");
    match (all.next(), all.next()) {
        (Some(_), Some(second)) => {
            let mut joined = format!("{first},{second}");
            for more in all {
                joined.push(',');
                joined.push_str(more);
            }
            joined
        }
        _ => first.to_owned(),
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
