//! Stages 4 and 5 for HTTP/2: frames of both directions become exchanges, one for each stream.

use tracer_protocols::{
    contract::{Follows, Gap, Step},
    grpc,
    http1::RequestHead,
    http2::{Block, Message, Parser, ResponseHead, StreamId},
};

use super::{
    exchange::{Exchange, ExchangeId, ExchangeSink, Failure, Response},
    request::Requests,
    span::SpanKind,
    streams::{Stream, Streams},
};
use crate::{
    connections::{At, Ends, Way, Work},
    telemetry::drops::Drop,
};

/// Both directions of a connection that speaks HTTP/2.
#[derive(Debug, Default)]
pub(crate) struct Http2 {
    /// The direction that carries requests, once a head has told.
    requests: Option<Way>,
    parsers: [Parser; 2],
    /// See [`Exchange::from_start`].
    from_start: bool,
    streams: Streams,
    heads: Requests,
}

/// An [`Http2`] together with what it needs to work.
pub(super) struct Drive<'a, S> {
    pub(super) http: &'a mut Http2,
    pub(super) way: Way,
    pub(super) ends: &'a Ends,
    pub(super) sink: &'a mut S,
}

impl Http2 {
    /// A connection that was upgraded with a request, which is stream 1 now (RFC 7540, section 3.2).
    pub(super) fn upgraded(exchange: Exchange, requests: Way) -> Self {
        let mut http = Self { requests: Some(requests), from_start: exchange.from_start, ..Self::default() };
        http.streams.begin(1, exchange);
        http
    }

    /// Whether no request waits for its response.
    pub(super) fn is_idle(&self) -> bool {
        self.streams.is_idle()
    }

    /// Whether this end is the server.
    pub(super) fn is_server(&self) -> Option<bool> {
        Some(self.requests? == Way::Received)
    }

    /// Nothing more comes in `way`.
    pub(super) fn ended<S: ExchangeSink>(&mut self, way: Way, now_ns: u64, ends: &Ends, sink: &mut S) {
        let last = self.parsers[way as usize].connection_end();
        if self.requests != Some(way.other()) {
            return;
        }
        if let Some(exchange) = last.and_then(|stream| self.streams.end(stream, now_ns)) {
            sink.closed(exchange, ends);
        }
        self.abort(Failure::ConnectionClosed, now_ns, ends, sink);
    }

    /// Every request in flight ends without a whole response.
    pub(super) fn abort<S: ExchangeSink>(
        &mut self,
        failure: Failure,
        now_ns: u64,
        ends: &Ends,
        sink: &mut S,
    ) {
        for mut exchange in self.streams.take_all() {
            exchange.fail(failure);
            exchange.last_ns = exchange.last_ns.max(now_ns);
            sink.closed(exchange, ends);
        }
    }

    /// Requests that began before `before_ns` end as unanswered.
    pub(super) fn expire<S: ExchangeSink>(&mut self, before_ns: u64, now_ns: u64, ends: &Ends, sink: &mut S) {
        for mut exchange in self.streams.take_expired(before_ns) {
            if exchange.response.is_none() {
                exchange.fail(Failure::NoResponse);
                exchange.last_ns = now_ns;
            }
            sink.closed(exchange, ends);
        }
    }

    /// Nothing of this connection is to be shown after all.
    pub(super) fn retract<S: ExchangeSink>(&mut self, ends: &Ends, sink: &mut S) {
        for exchange in self.streams.take_all() {
            sink.retracted(exchange, ends);
        }
    }

    /// Records were lost: frames of any stream may have been among them.
    pub(super) fn lost(&mut self) {
        self.streams.lose();
    }
}

impl<S: ExchangeSink> Drive<'_, S> {
    pub(super) fn run(&mut self, bytes: &[u8], follows: Follows, at: &At) -> usize {
        let mut parser = std::mem::take(&mut self.http.parsers[self.way as usize]);
        let used = self.run_with(&mut parser, bytes, follows, at);
        self.http.parsers[self.way as usize] = parser;
        used
    }

    fn run_with(&mut self, parser: &mut Parser, bytes: &[u8], follows: Follows, at: &At) -> usize {
        let mut used = 0;
        loop {
            let rest = &bytes[used..];
            self.http.from_start |= parser.is_from_start();
            match parser.step(rest, follows) {
                Step::Message { message, consumed } => {
                    self.message(message, at, at.position_of(used));
                    used += consumed;
                }
                Step::NeedMore => return used,
                Step::Skip(count) => {
                    let skipped = count.min(rest.len() as u64);
                    if skipped == 0 {
                        return used;
                    }
                    parser.skipped(skipped);
                    used += skipped as usize;
                }
                Step::NotThis(_) => {
                    self.sink.drops().count(Drop::NotHttp);
                    self.http.lost();
                    self.read(None, at);
                    // Frames are found again where a segment begins, and not behind what was just refused.
                    if !(used == 0 && at.segment_start && parser.resync(rest).is_some()) {
                        return bytes.len();
                    }
                }
            }
        }
    }

    pub(super) fn gap(&mut self, bytes: u64, at: &At) {
        if self.http.parsers[self.way as usize].gap(bytes) == Gap::Lost {
            self.http.lost();
            self.read(None, at);
            return;
        }
        // A stream whose last byte lies in the gap is over now, not when the next frame comes.
        self.run(&[], Follows::Maybe, at);
    }

    /// Something of an exchange was read: the turn that the read began is its turn, unless it is others' as well.
    fn read(&mut self, exchange: Option<ExchangeId>, at: &At) {
        if self.way == Way::Received && matches!(at.by.work, Work::Turn(_)) {
            self.sink.read(exchange, at.by, at.last_ns);
        }
    }

    fn message(&mut self, message: Message<'_>, at: &At, position: u32) {
        match message {
            // Told of with the exchange that it begins.
            Message::Request(..) => {}
            // All streams beyond one.
            Message::GoAway(..) => self.read(None, at),
            Message::Informational(stream, _)
            | Message::Response(stream, _)
            | Message::Trailers(stream, _)
            | Message::Data(stream, _)
            | Message::End(stream)
            | Message::Reset(stream, _) => self.read(self.http.streams.exchange(stream), at),
        }
        match message {
            Message::Request(stream, head) => self.request(stream, &head, at, position),
            Message::Response(stream, head) => self.response(stream, &head, at),
            Message::Trailers(stream, block) => self.trailers(stream, &block, at),
            Message::Informational(stream, _) => self.touch(stream, at, |_| {}),
            Message::Data(stream, content) => self.data(stream, content, at),
            Message::End(stream) => self.end(stream, at),
            Message::Reset(stream, code) => {
                if let Some(exchange) = self.http.streams.reset(stream, code, at.last_ns) {
                    self.sink.closed(exchange, self.ends);
                }
            }
            Message::GoAway(last, _) => self.go_away(last, at),
        }
    }

    /// Whether this direction carries the answers, as far as is known.
    fn answers(&self) -> bool {
        self.http.requests == Some(self.way.other())
    }

    fn request(&mut self, stream: StreamId, head: &RequestHead<'_>, at: &At, position: u32) {
        if self.http.requests.is_none() {
            self.http.requests = Some(self.way);
        }
        if self.answers() || self.http.streams.knows(stream) {
            self.sink.drops().count(Drop::NotHttp);
            return;
        }
        let kind = if self.way == Way::Received { SpanKind::Server } else { SpanKind::Client };
        let request = self.http.heads.keep(head, self.sink);
        let mut exchange = Exchange::of_request(kind, request, at, position, self.ends, self.sink);
        exchange.from_start = self.http.from_start;
        exchange.incomplete = head.truncated;
        self.sink.opened(&exchange, self.ends);
        if self.http.streams.is_full() {
            self.sink.drops().count(Drop::TooManyInFlight);
            self.sink.retracted(exchange, self.ends);
            return;
        }
        let begun = self.http.streams.begin(stream, exchange);
        self.sink.drops().add(Drop::ResponseWithoutRequest, begun.orphans);
        if let Some(exchange) = begun.over {
            self.sink.closed(exchange, self.ends);
        }
    }

    fn response(&mut self, stream: StreamId, head: &ResponseHead<'_>, at: &At) {
        if self.http.requests.is_none() {
            self.http.requests = Some(self.way.other());
        }
        let response =
            Response { status: head.status, grpc: grpc_status(&head.block), body_bytes: None, by: at.by };
        if self.http.streams.began_before(stream) {
            self.sink.drops().count(Drop::ResponseWithoutRequest);
        }
        let headers = self.sink.wanted().of_response(head.block.headers);
        self.touch(stream, at, |stream| {
            stream.response = Some(response);
            stream.response_headers = headers;
        });
    }

    fn trailers(&mut self, stream: StreamId, block: &Block<'_>, at: &At) {
        let status = grpc_status(block);
        let unclear = block.truncated && status.is_none();
        self.touch(stream, at, |stream| {
            stream.incomplete |= unclear;
            if let Some(response) = &mut stream.response {
                response.grpc = status.or(response.grpc);
            }
        });
    }

    fn data(&mut self, stream: StreamId, content: Option<u64>, at: &At) {
        if self.answers() {
            self.touch(stream, at, |stream| stream.received.add(content));
        } else if let Some(stream) = self.http.streams.get_mut(stream) {
            stream.sent.add(content);
        }
    }

    fn end(&mut self, stream: StreamId, at: &At) {
        if !self.answers() {
            if let Some(stream) = self.http.streams.get_mut(stream) {
                stream.request_over();
            }
        } else if let Some(exchange) = self.http.streams.end(stream, at.last_ns) {
            self.sink.closed(exchange, self.ends);
        }
    }

    /// Something of an answer went through.
    fn touch(&mut self, stream: StreamId, at: &At, change: impl FnOnce(&mut Stream)) {
        if !self.answers() {
            return;
        }
        if let Some(stream) = self.http.streams.answering(stream) {
            stream.last_ns = at.last_ns;
            change(stream);
        }
    }

    /// The server has not looked at streams beyond `last`, and will not (RFC 9113, section 6.8).
    fn go_away(&mut self, last: StreamId, at: &At) {
        if !self.answers() {
            return;
        }
        for mut exchange in self.http.streams.take_beyond(last) {
            exchange.fail(Failure::REFUSED);
            exchange.last_ns = exchange.last_ns.max(at.last_ns);
            self.sink.closed(exchange, self.ends);
        }
    }
}

fn grpc_status(block: &Block<'_>) -> Option<grpc::Status> {
    block.headers.get("grpc-status").and_then(grpc::Status::parse)
}
