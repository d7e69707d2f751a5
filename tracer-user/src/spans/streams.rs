//! The streams of one HTTP/2 connection that are in flight.
//!
//! Streams are told apart by their number, so that nothing that is lost on one shifts another. An answer may be noticed before
//! its request: the thread that reads is not the one that writes, and whose record is made first is a matter of scheduling.

use std::collections::BTreeMap;

use tracer_protocols::http2::StreamId;

use super::{
    exchange::{Exchange, ExchangeId, Failure, Response},
    headers::Captured,
};

/// Streams of one connection at a time. Servers allow 100 to 1000 (`SETTINGS_MAX_CONCURRENT_STREAMS`).
const MAX_STREAMS: usize = 4096;

/// Answers of one connection that are kept until their requests are noticed.
const MAX_EARLY: usize = 256;

/// Streams in flight, by number. A client counts them up (RFC 9113, section 5.1.1), in odd numbers.
#[derive(Debug, Default)]
pub(super) struct Streams {
    by_id: BTreeMap<StreamId, Stream>,
    /// How many of them lack their request.
    early: usize,
    /// The first and the last stream whose request was seen.
    seen: Option<(StreamId, StreamId)>,
}

/// A stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The request, once it was noticed.
    exchange: Option<Exchange>,
    /// The answer so far.
    pub(super) response: Option<Response>,
    /// Its headers that the configuration asks for.
    pub(super) response_headers: Captured,
    /// Bytes of the request's content.
    pub(super) sent: Count,
    /// Bytes of the response's content.
    pub(super) received: Count,
    /// When something of the answer was last seen, CLOCK_MONOTONIC nanoseconds; 0 before.
    pub(super) last_ns: u64,
    /// Something may be missing.
    pub(super) incomplete: bool,
    /// Frames may have been lost: the end may never be seen.
    lossy: bool,
    request_over: bool,
    over: bool,
    failure: Option<Failure>,
}

/// A number of bytes that may become unknown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count(Option<u64>);

impl Default for Count {
    fn default() -> Self {
        Self(Some(0))
    }
}

impl Count {
    pub(super) fn add(&mut self, bytes: Option<u64>) {
        self.0 = self.0.zip(bytes).map(|(sum, bytes)| sum.saturating_add(bytes));
    }
}

/// What a request found when it was noticed.
#[derive(Debug, Default)]
pub(super) struct Begun {
    /// It was over before.
    pub(super) over: Option<Exchange>,
    /// Answers that no request can come for any more.
    pub(super) orphans: u64,
}

impl Streams {
    /// Whether no request is in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.by_id.len() == self.early
    }

    /// Whether there is no room for another request.
    pub(super) fn is_full(&self) -> bool {
        self.by_id.len() >= MAX_STREAMS
    }

    /// Whether the request of this stream was seen before.
    pub(super) fn knows(&self, id: StreamId) -> bool {
        self.seen.is_some_and(|(_, last)| id <= last)
    }

    /// Whether the stream's request was sent before the connection was looked at.
    pub(super) fn began_before(&self, id: StreamId) -> bool {
        self.seen.is_some_and(|(first, _)| id < first)
    }

    /// A request is noticed.
    pub(super) fn begin(&mut self, id: StreamId, exchange: Exchange) -> Begun {
        self.seen = Some((self.seen.map_or(id, |(first, _)| first), id));
        let mut begun = Begun::default();
        if self.early > 0 {
            let before = self.by_id.len();
            self.by_id.retain(|&other, stream| other >= id || stream.exchange.is_some());
            begun.orphans = (before - self.by_id.len()) as u64;
            self.early -= before - self.by_id.len();
        }
        let stream = self.by_id.entry(id).or_insert_with(|| {
            self.early += 1;
            Stream::default()
        });
        self.early -= 1;
        stream.exchange = Some(exchange);
        if stream.over {
            begun.over = self.by_id.remove(&id).and_then(Stream::close);
        }
        begun
    }

    /// The exchange of a stream in flight.
    pub(super) fn exchange(&self, id: StreamId) -> Option<ExchangeId> {
        Some(self.by_id.get(&id)?.exchange.as_ref()?.id)
    }

    /// A stream whose request is in flight.
    pub(super) fn get_mut(&mut self, id: StreamId) -> Option<&mut Stream> {
        self.by_id.get_mut(&id).filter(|stream| stream.exchange.is_some())
    }

    /// A stream of whose answer something is noticed: in flight, or about to be.
    pub(super) fn answering(&mut self, id: StreamId) -> Option<&mut Stream> {
        let is_pushed = id.is_multiple_of(2);
        if !self.by_id.contains_key(&id) && !self.knows(id) && !is_pushed && self.early < MAX_EARLY {
            self.early += 1;
            self.by_id.insert(id, Stream::default());
        }
        self.by_id.get_mut(&id).filter(|stream| !stream.over)
    }

    /// The answer is over.
    pub(super) fn end(&mut self, id: StreamId, now_ns: u64) -> Option<Exchange> {
        let stream = self.answering(id)?;
        stream.last_ns = now_ns;
        self.finish(id)
    }

    /// Either side gave the stream up.
    pub(super) fn reset(&mut self, id: StreamId, code: u32, now_ns: u64) -> Option<Exchange> {
        let stream = self.by_id.get_mut(&id).filter(|stream| !stream.over)?;
        stream.last_ns = now_ns;
        stream.failure = Some(Failure::StreamReset(code));
        self.finish(id)
    }

    fn finish(&mut self, id: StreamId) -> Option<Exchange> {
        let stream = self.by_id.get_mut(&id)?;
        if stream.exchange.is_none() {
            stream.over = true;
            return None;
        }
        self.by_id.remove(&id).and_then(Stream::close)
    }

    /// Frames were lost.
    pub(super) fn lose(&mut self) {
        for stream in self.by_id.values_mut() {
            stream.incomplete = true;
            stream.lossy = true;
        }
    }

    /// Requests in flight, which end now.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Exchange> + use<> {
        self.early = 0;
        std::mem::take(&mut self.by_id).into_values().filter_map(Stream::close)
    }

    /// Requests on streams behind `last`.
    pub(super) fn take_beyond(&mut self, last: StreamId) -> impl Iterator<Item = Exchange> + use<> {
        let beyond = self.by_id.split_off(&last.saturating_add(1));
        self.early -= beyond.values().filter(|stream| stream.exchange.is_none()).count();
        beyond.into_values().filter_map(Stream::close)
    }

    /// Requests that began before `before_ns` and have no answer yet, or one whose end was perhaps lost.
    pub(super) fn take_expired(&mut self, before_ns: u64) -> Vec<Exchange> {
        let expired: Vec<StreamId> = self
            .by_id
            .iter()
            .filter(|(_, stream)| {
                let old = stream.exchange.as_ref().is_some_and(|exchange| exchange.start_ns < before_ns);
                old && (stream.response.is_none() || stream.lossy)
            })
            .map(|(&id, _)| id)
            .collect();
        expired.into_iter().filter_map(|id| self.by_id.remove(&id).and_then(Stream::close)).collect()
    }
}

impl Stream {
    /// The request is over, and its size known.
    pub(super) fn request_over(&mut self) {
        self.request_over = true;
    }

    /// The exchange as it is by now.
    fn close(self) -> Option<Exchange> {
        let mut exchange = self.exchange?;
        exchange.incomplete |= self.incomplete;
        exchange.last_ns = exchange.last_ns.max(self.last_ns);
        if self.request_over {
            exchange.request.body_bytes = self.sent.0;
        }
        exchange.response = self.response;
        exchange.response_headers = self.response_headers;
        if let Some(response) = &mut exchange.response {
            response.body_bytes = self.received.0;
        }
        if let Some(failure) = self.failure {
            exchange.fail(failure);
        }
        Some(exchange)
    }
}
