//! What the parser hands out. Everything borrows from the bytes handed in.

use super::headers::Headers;
use super::method::Method;

/// One thing recognised in a direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A request head. An [`End`] follows.
    Request(RequestHead<'a>),
    /// An interim answer, 1xx but 101. No [`End`] follows; the final answer does.
    Informational(u16),
    /// A final response head. An [`End`] follows.
    Response(ResponseHead<'a>),
    /// The message whose head came last is over.
    End(End),
}

/// The version of a start line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2, which has no start line.
    Http2,
    /// None of HTTP's: a web server passes the request on by FastCGI 1.0.
    FastCgi,
}

impl Version {
    /// As the attribute `network.protocol.name` wants it: `None` where that is `http`, which goes without saying.
    pub fn protocol(self) -> Option<&'static str> {
        (self == Self::FastCgi).then_some("fastcgi")
    }

    /// As the attribute `network.protocol.version` wants it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http10 | Self::FastCgi => "1.0",
            Self::Http11 => "1.1",
            Self::Http2 => "2",
        }
    }
}

/// What of trace context and baggage a head carries, as sent. [`crate::context::Extractor`] reads it.
///
/// `traceparent` is at hand because most requests with a context have it. Of the others only their presence is noted, so
/// that heads without any of them cost no more; whoever wants a value takes it from [`Headers`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContextHeaders<'a> {
    /// The value of the `traceparent` header; of the first where there are several.
    pub traceparent: Option<&'a str>,
    /// The value of the first `tracestate` header. Several are to be joined in order:
    /// [`Headers::get_all`] has the rest.
    pub tracestate: Option<&'a str>,
    /// More than one `traceparent` was sent: receivers drop such a context, and so must we.
    pub ambiguous: bool,
    /// A bit for each [`ContextHeader`] that was seen.
    others: u8,
}

/// A header that carries trace context or baggage in another format than `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ContextHeader {
    /// `b3`
    B3 = 1 << 0,
    /// `X-B3-TraceId`, without which the other `X-B3-*` say nothing.
    B3Multi = 1 << 1,
    /// `uber-trace-id`
    Jaeger = 1 << 2,
    /// `X-Amzn-Trace-Id`
    Xray = 1 << 3,
    /// `baggage`
    Baggage = 1 << 4,
    /// One of [`crate::context::REQUEST_IDS`], which names no trace.
    RequestId = 1 << 5,
}

impl ContextHeaders<'_> {
    /// Whether a header was seen.
    pub fn has(&self, header: ContextHeader) -> bool {
        self.others & header as u8 != 0
    }

    /// Whether no header was seen that can carry a trace context.
    pub fn is_empty(&self) -> bool {
        const NO_CONTEXT: u8 = ContextHeader::Baggage as u8 | ContextHeader::RequestId as u8;
        self.traceparent.is_none() && self.others & !NO_CONTEXT == 0
    }

    pub(super) fn note(&mut self, header: ContextHeader) {
        self.others |= header as u8;
    }
}

/// The head of a request (RFC 9112 section 3), or what [`crate::http2`] makes of a header block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead<'a> {
    /// The method, [`Method::Other`] where it is none of the known ones.
    pub method: Method,
    /// The method as sent.
    pub method_text: &'a str,
    /// The request target as sent ([`Target::parse`](super::Target::parse) takes it apart).
    pub target: &'a str,
    /// `target` lacks its end: the capture ended within it, or it went on with bytes that are not UTF-8.
    pub target_cut: bool,
    /// The version of the request line; HTTP/1.1 where the capture ended before it.
    pub version: Version,
    /// The `Host` header.
    pub host: Option<&'a str>,
    /// The `User-Agent` header.
    pub user_agent: Option<&'a str>,
    /// The `Content-Type` header.
    pub content_type: Option<&'a str>,
    /// Trace context as sent.
    pub context: ContextHeaders<'a>,
    /// Bytes of the body as the `Content-Length` header gives them. None when absent, contradictory, or overruled by
    /// Transfer-Encoding.
    pub content_length: Option<u64>,
    /// The body comes in chunks (Transfer-Encoding ends in `chunked`).
    pub chunked: bool,
    /// `Expect: 100-continue`: the client may wait for an interim answer before it sends the body.
    pub expects_continue: bool,
    /// The client asks for another protocol (`Connection: upgrade` with an `Upgrade` header).
    pub upgrade: bool,
    /// The connection outlives this exchange as far as the client says (RFC 9112 section 9.3).
    pub keep_alive: bool,
    /// Not the whole head was seen: absent headers may have been sent.
    pub truncated: bool,
    /// Bytes of the head that were seen, the empty line included.
    pub head_bytes: usize,
    /// All header fields that were seen.
    pub headers: Headers<'a>,
}

/// The head of a final response (RFC 9112 section 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead<'a> {
    /// The status code, 101 or 200 to 999.
    pub status: u16,
    /// The version of the status line.
    pub version: Version,
    /// As the `Content-Length` header gives it, also where no body follows (HEAD, 304). None when absent,
    /// contradictory, or overruled by Transfer-Encoding.
    pub content_length: Option<u64>,
    /// The body comes in chunks (Transfer-Encoding ends in `chunked`).
    pub chunked: bool,
    /// The connection outlives this exchange as far as the server's headers say (RFC 9112 section 9.3).
    pub keep_alive: bool,
    /// The connection cannot carry another exchange: the server said so, or the body runs until it closes.
    pub ends_connection: bool,
    /// Another protocol takes over after this head: 101, or 2xx to CONNECT. The caller tells the request direction
    /// through [`Parser::tunnel`](super::Parser::tunnel).
    pub upgraded: bool,
    /// Not the whole head was seen: absent headers may have been sent.
    pub truncated: bool,
    /// Bytes of the head that were seen, the empty line included.
    pub head_bytes: usize,
    /// All header fields that were seen.
    pub headers: Headers<'a>,
}

/// The end of the message whose head came last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct End {
    /// Bytes of content, chunk framing not counted; None when bytes of unknown length were lost.
    pub body_bytes: Option<u64>,
    /// The framing says that the message ends here. False when the end was inferred: the tail of a chunked body after
    /// a gap, the next head after lost framing (the end was then at the last byte before it at the latest), or the
    /// length headers of a response of which it is not known whether it answers HEAD.
    pub certain: bool,
}
