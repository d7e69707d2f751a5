//! The finished span: what stages 5 to 8 hand on.

use std::{borrow::Cow, sync::Arc};

/// Which half of a call a span describes (OTel `SpanKind`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// The side that received the request.
    Server,
    /// The side that sent the request.
    Client,
    /// The side that published messages.
    Producer,
    /// The side that received or handled messages.
    Consumer,
}

impl SpanKind {
    /// Whether something came in: a request, or messages.
    pub const fn is_inbound(self) -> bool {
        matches!(self, Self::Server | Self::Consumer)
    }
}

/// Why a span has the parent that it has. No evidence, no parent.
///
/// Ordered from the strongest to the weakest. `Goroutine` and `Task` are produced once their runtimes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Evidence {
    /// A trace header on the wire names the parent.
    Header,
    /// Both ends of one TCP connection on this host, matched by the sequence number of the request's first byte.
    TcpSeq,
    /// Both ends of one socket on this host, matched by request order.
    Socket,
    /// The identity of a message: the name that its sender gave to the place for answers, or its offset in a partition.
    Message,
    /// The goroutine (or one of its ancestors) that handles the request made the call.
    Goroutine,
    /// The runtime task (asyncio, tokio, Node, JVM) that handles the request made the call.
    Task,
    /// A thread made the call in the turn that the request began, and answered the request in the turn that the answer to the
    /// call began, where a turn is what a thread does between two reads.
    Turn,
    /// The thread that handles the request, and nothing else, made the call.
    Thread,
    /// The call carries an id that came with the request, and with no other one: see `context.request_ids`.
    Value,
    /// The thread that handles the request, and nothing else, started the program that made the call.
    Process,
}

impl Evidence {
    /// Stable lower-case name, as shown to users and exported in `tracer.parent.evidence`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::TcpSeq => "tcp-seq",
            Self::Socket => "socket",
            Self::Message => "message",
            Self::Goroutine => "goroutine",
            Self::Task => "task",
            Self::Turn => "turn",
            Self::Thread => "thread",
            Self::Value => "value",
            Self::Process => "process",
        }
    }
}

/// OTel span status: unset unless the exchange failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing went wrong as far as the protocol says.
    Unset,
    /// The exchange failed; `error.type` says how.
    Error,
}

/// An attribute value. Strings come in three ownerships because most are shared or constant.
#[derive(Clone, Debug)]
pub enum Value {
    /// Owned text.
    Str(Box<str>),
    /// Text shared by many spans (addresses of a connection, a route).
    Shared(Arc<str>),
    /// Text known when the daemon was built.
    Static(&'static str),
    /// A signed integer.
    Int(i64),
    /// A truth value.
    Bool(bool),
    /// A list of texts, such as the values of a header.
    List(Box<[Box<str>]>),
}

impl Value {
    /// The text, where the value is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            Self::Shared(text) => Some(text),
            Self::Static(text) => Some(text),
            Self::Int(_) | Self::Bool(_) | Self::List(_) => None,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            _ => matches!((self.as_str(), other.as_str()), (Some(a), Some(b)) if a == b),
        }
    }
}

/// The first attribute of every database call.
pub(super) const DATABASE_SYSTEM: &str = "db.system.name";
/// The first attribute of everything that is done with messages.
pub(super) const MESSAGING_SYSTEM: &str = "messaging.system";

/// A key among the attributes of a resource: a constant of the semantic conventions, or named by the user.
pub type Key = Cow<'static, str>;

/// The entity that made a span: one process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    /// `service.name`, also among `attributes`.
    pub service_name: Arc<str>,
    /// Every resource attribute, `service.name` included, keys unique.
    pub attributes: Vec<(Key, Value)>,
}

/// 16-byte trace id (W3C trace context), never all zero.
pub type TraceId = [u8; 16];
/// 8-byte span id (W3C trace context), never all zero.
pub type SpanId = [u8; 8];

/// A parent together with the reason to believe in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// The parent's span id.
    pub span_id: SpanId,
    /// Why this is the parent.
    pub evidence: Evidence,
}

/// A span elsewhere, by what can be told of it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its trace.
    pub trace_id: TraceId,
    /// Itself.
    pub span_id: SpanId,
    /// Why it has to do with the span that links to it.
    pub evidence: Evidence,
}

impl Link {
    /// To a span that a header on the wire names.
    pub(super) const fn by_header(trace_id: TraceId, span_id: SpanId) -> Self {
        Self { trace_id, span_id, evidence: Evidence::Header }
    }
}

/// A finished span, ready for sampling and export.
#[derive(Clone, Debug)]
pub struct Span {
    /// The trace that it belongs to.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
    /// Its parent, or none for a root.
    pub parent: Option<Parent>,
    /// `tracestate` of the request; sampling keeps its `ot` member true of this tracer.
    pub trace_state: Option<Box<str>>,
    /// W3C trace flags (bit 0 sampled, bit 1 random).
    pub flags: u8,
    /// What it describes.
    pub kind: SpanKind,
    /// Low-cardinality name by the semantic conventions.
    pub name: Arc<str>,
    /// Start, nanoseconds since the Unix epoch.
    pub start_ns: u64,
    /// End, nanoseconds since the Unix epoch; never before `start_ns`.
    pub end_ns: u64,
    /// Unset or error.
    pub status: Status,
    /// Attributes, keys unique and constants of the semantic conventions.
    pub attributes: Vec<(&'static str, Value)>,
    /// The process that it describes.
    pub resource: Arc<Resource>,
    /// Kernel events of this exchange were lost: attributes or end time may be off.
    pub incomplete: bool,
    /// Spans that it has to do with beyond its parent. Of a CLIENT span the SERVER span on another host, if that is traced (`tcp-seq`); of received messages
    /// those that published them.
    pub links: Vec<Link>,
}

impl Span {
    /// The value of an attribute.
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        self.attributes.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// Whether a database was called, so that HTTP's conventions do not apply.
    pub fn is_database_call(&self) -> bool {
        self.attributes.first().is_some_and(|(key, _)| *key == DATABASE_SYSTEM)
    }

    /// Whether messages were published, received or handled, so that HTTP's conventions do not apply.
    pub fn is_messaging(&self) -> bool {
        self.attributes.first().is_some_and(|(key, _)| *key == MESSAGING_SYSTEM)
    }

    /// Duration in nanoseconds.
    pub fn duration_ns(&self) -> u64 {
        self.end_ns.saturating_sub(self.start_ns)
    }
}
