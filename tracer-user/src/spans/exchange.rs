//! A request and its response, as one end of a connection saw them.

use std::{net::IpAddr, sync::Arc};

use tracer_protocols::{
    context::{Extractor, TraceContext},
    grpc::Status,
    http1::{Method, Version},
};

use super::{
    database::{Call, Judgement},
    headers::{Captured, Wanted},
    messaging::{Message, Reading},
    network::Network,
    span::{SpanId, SpanKind},
};
use crate::{
    connections::{At, By, Ends},
    telemetry::drops::Drops,
    traces::{far, ids::Ids},
};

/// Identity of an exchange within the daemon.
pub type ExchangeId = u64;

/// A request on its way to becoming a span.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Identity.
    pub id: ExchangeId,
    /// The id of the span that it will be.
    pub span_id: SpanId,
    /// Trace context that the kernel side wrote into the request, on behalf of this span. The receiver is bound by it.
    pub written: Option<TraceContext>,
    /// Whether this end received or sent the request: `Server` or `Client`, whatever the kind of its span.
    pub kind: SpanKind,
    /// Who read or wrote the request.
    pub by: By,
    /// Position of the request's first byte in its stream, modulo 2^32: the same number at both ends of a TCP connection.
    pub position: u32,
    /// The first thing seen on its connection was a request. Where an answer came first, the connection was in use before the
    /// tracer looked at it, and positions that are mere byte counts are not those of the other end.
    pub from_start: bool,
    /// A TLS library carried it; its position is not that of the socket's bytes then (`tracer_common::event::flags::TLS`).
    pub secure: bool,
    /// First byte of the request, CLOCK_MONOTONIC nanoseconds.
    pub start_ns: u64,
    /// The request's head was read or written up to its end.
    pub head_ns: u64,
    /// Last byte of the response so far, or the first of the request.
    pub last_ns: u64,
    /// The request; where `call` or `message` says what it is, it has nothing in it but trace context.
    pub request: Request,
    /// What a database was asked.
    pub call: Option<Box<Call>>,
    /// Messages that were published, received or delivered. One that is delivered is a request that the consumer received.
    pub message: Option<Box<Message>>,
    /// What it is, if it is neither a request nor a call.
    pub network: Option<Box<Network>>,
    /// The response, once its head was seen.
    pub response: Option<Response>,
    /// Its headers that the configuration asks for.
    pub response_headers: Captured,
    /// Why there is no whole response.
    pub failure: Option<Failure>,
    /// Records were lost while it was open.
    pub incomplete: bool,
}

impl Exchange {
    /// A request that begins with the bytes at `position`. Its span has the id that was written into it, or one that its caller can tell too, where there
    /// may be one on another host.
    pub(super) fn of_request<S: ExchangeSink>(
        kind: SpanKind,
        request: Request,
        at: &At,
        position: u32,
        ends: &Ends,
        sink: &mut S,
    ) -> Self {
        let id = sink.ids().exchange();
        let written = at.written_at(position);
        let own =
            if kind == SpanKind::Server { far::server_of(kind, ends, position, at.secure) } else { None };
        let span_id = written.map(|written| written.span_id).or(own.map(|own| own.span_id));
        let span_id = span_id.unwrap_or_else(|| sink.ids().span());
        Self { written, ..Self::new((id, span_id), kind, request, at, position) }
    }

    /// One that is none of HTTP, and begins with the bytes at `position`.
    pub(super) fn of_call<S: ExchangeSink>(kind: SpanKind, at: &At, position: u32, sink: &mut S) -> Self {
        let ids = (sink.ids().exchange(), sink.ids().span());
        Self::new(ids, kind, Request::of_call(), at, position)
    }

    fn new(
        (id, span_id): (ExchangeId, SpanId),
        kind: SpanKind,
        request: Request,
        at: &At,
        position: u32,
    ) -> Self {
        Self {
            id,
            span_id,
            written: None,
            kind,
            by: at.by,
            position,
            start_ns: at.first_ns,
            head_ns: at.last_ns,
            last_ns: at.last_ns,
            request,
            call: None,
            message: None,
            network: None,
            response: None,
            response_headers: Captured::default(),
            failure: None,
            from_start: true,
            secure: at.secure,
            incomplete: false,
        }
    }

    /// Whether this end of the connection is the server's: a consumer serves what is delivered to it, on a connection of the broker's.
    pub(crate) fn is_at_server(&self) -> bool {
        self.kind == SpanKind::Server && self.has_other_end()
    }

    /// Whether the other end of its connection has an exchange of its own.
    pub(crate) fn has_other_end(&self) -> bool {
        self.message.as_ref().is_none_or(|message| message.has_server)
    }

    /// It ended without a whole response. One of which records were lost may have had its answer: that is no failure of the
    /// service.
    pub(super) fn fail(&mut self, failure: Failure) {
        let may_be_ours = matches!(failure, Failure::ConnectionClosed | Failure::NoResponse);
        if !(self.incomplete && may_be_ours) {
            self.failure = Some(failure);
        }
    }
}

/// What is kept of a request head.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Its text, where it is none of the known ones.
    pub other_method: Option<Box<str>>,
    /// The request target as sent.
    pub target: Box<str>,
    /// HTTP version.
    pub version: Version,
    /// It came to a web server over TLS, which passes it on without.
    pub https: bool,
    /// `Host`
    pub host: Option<Arc<str>>,
    /// `User-Agent`
    pub user_agent: Option<Arc<str>>,
    /// The id that it came with and that may be passed on: see `context.request_ids`.
    pub id: Option<Arc<str>>,
    /// Valid trace context that the request carries.
    pub context: Option<TraceContext>,
    /// Its `tracestate`, valid and not empty.
    pub trace_state: Option<Box<str>>,
    /// Values of the baggage keys that the configuration asks for, each with its place among those.
    pub baggage: Box<[(usize, Box<str>)]>,
    /// Headers that the configuration asks for.
    pub headers: Captured,
    /// It has the header that asks for its trace to be kept.
    pub forced: bool,
    /// It is a gRPC call (or one of gRPC-Web), by its content type.
    pub grpc: bool,
    /// Content bytes, once the request is over.
    pub body_bytes: Option<u64>,
}

impl Request {
    /// Of a call that is none of HTTP.
    pub(super) fn of_call() -> Self {
        Self {
            method: Method::Other,
            other_method: None,
            target: Box::default(),
            version: Version::Http11,
            https: false,
            host: None,
            user_agent: None,
            id: None,
            context: None,
            trace_state: None,
            baggage: Box::default(),
            headers: Captured::default(),
            forced: false,
            grpc: false,
            body_bytes: None,
        }
    }
}

/// What is kept of a response.
#[derive(Clone, Copy, Debug)]
pub struct Response {
    /// Status code, 0 where the protocol has none.
    pub status: u16,
    /// What a gRPC call ended with, once its trailers were seen.
    pub grpc: Option<Status>,
    /// Content bytes, once the response is over and if no byte of unknown length was lost.
    pub body_bytes: Option<u64>,
    /// Who wrote its head, or read it.
    pub by: By,
}

/// Why an exchange ended without a whole response; `error.type` of its span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The peer reset the connection (ECONNRESET, EPIPE).
    ConnectionReset,
    /// The connection ended.
    ConnectionClosed,
    /// The network gave up (ETIMEDOUT, EHOSTUNREACH and the like).
    NetworkTimeout,
    /// No answer within `max_request_age`.
    NoResponse,
    /// The server said that it will not look at the request (FastCGI: `protocolStatus` of `END_REQUEST`).
    Refused,
    /// One side gave up the exchange and not the connection, for a reason by its code (RFC 9113, section 7).
    StreamReset(u32),
}

/// HTTP/2 error codes by number (RFC 9113, section 7).
const STREAM_ERRORS: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

/// `REFUSED_STREAM`: the server has not looked at the request.
const REFUSED_STREAM: u32 = 7;

impl Failure {
    /// The server said that it will not look at the request.
    pub const REFUSED: Self = Self::StreamReset(REFUSED_STREAM);

    /// `error.type`: low-cardinality, by the wording of errno names where there is one. Of streams, the code's name.
    pub fn error_type(self) -> &'static str {
        match self {
            Self::ConnectionReset => "connection_reset",
            Self::ConnectionClosed => "connection_closed",
            Self::NetworkTimeout => "network_timeout",
            Self::NoResponse => "timeout",
            Self::Refused => "refused",
            // RFC 9113, section 7: unknown codes are no more than INTERNAL_ERROR.
            Self::StreamReset(code) => STREAM_ERRORS.get(code as usize).copied().unwrap_or("INTERNAL_ERROR"),
        }
    }

    /// Reads the error of a socket (errno(3), Linux numbers), 0 where there is none.
    pub const fn from_errno(error: u32) -> Self {
        match error {
            0 => Self::ConnectionClosed,
            // ETIMEDOUT, EHOSTUNREACH, ENETUNREACH
            110 | 113 | 101 => Self::NetworkTimeout,
            _ => Self::ConnectionReset,
        }
    }
}

/// What takes exchanges: stage 6.
pub trait ExchangeSink {
    /// Ids for new exchanges.
    fn ids(&mut self) -> &mut Ids;
    /// Reads the trace context of requests.
    fn extractor(&self) -> &Extractor;
    /// The header of requests that ask for their traces to be kept, if there is one.
    fn force_header(&self) -> Option<&str>;
    /// The headers that the configuration asks for.
    fn wanted(&self) -> &Wanted;
    /// What messages are made sense of with.
    fn reading(&mut self) -> Reading<'_>;
    /// Where losses are counted.
    fn drops(&mut self) -> &mut Drops;
    /// Bytes of an exchange, a request or an answer, were read at `now_ns`; `None` for one that is not known.
    fn read(&mut self, exchange: Option<ExchangeId>, by: By, now_ns: u64);
    /// A request was seen. Its parent may be decided now or later.
    fn opened(&mut self, exchange: &Exchange, ends: &Ends);
    /// The exchange is over.
    fn closed(&mut self, exchange: Exchange, ends: &Ends);
    /// The kernel side's guess at the protocol of a connection is right or wrong.
    fn judged(&mut self, conn: u64, judgement: Judgement);
    /// Process `tgid` was told that `name` has this address, for so many seconds.
    fn resolved(&mut self, tgid: u32, address: IpAddr, name: &Arc<str>, seconds: u32, now_ns: u64);
    /// The name by which process `tgid` knows an address.
    fn name_of(&mut self, tgid: u32, address: IpAddr, now_ns: u64) -> Option<Arc<str>>;
    /// The exchange is not to be shown after all.
    fn retracted(&mut self, exchange: Exchange, ends: &Ends);
}
