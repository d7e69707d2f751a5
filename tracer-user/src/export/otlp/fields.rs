//! What OTLP says about a span beyond what the span holds: shared by the protobuf and the JSON encoding.

use crate::spans::span::{Evidence, Link, Span, SpanKind, Status, Value};

/// Name of the instrumentation scope of every span.
pub const SCOPE_NAME: &str = "tracer";

/// Schema of every attribute: OpenTelemetry semantic conventions 1.44.0. The form of the URL is from the OTel
/// specification, "Telemetry Schemas".
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.44.0";

/// Attribute that names the evidence of a span's parent. Our own invention: OTel has no name for it.
const EVIDENCE_KEY: &str = "tracer.parent.evidence";

/// The attribute of a link.
pub(in crate::export) const fn link_evidence(link: &Link) -> (&'static str, Value) {
    (EVIDENCE_KEY, Value::Static(link.evidence.name()))
}

/// Attribute of a span that lost kernel events. Our own invention: OTel has no name for it.
const INCOMPLETE_KEY: &str = "tracer.incomplete";

/// `SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK` of trace.proto: bit 9 means something.
const HAS_IS_REMOTE: u32 = 0x100;
/// `SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK` of trace.proto: the parent is in another process.
const IS_REMOTE: u32 = 0x200;

/// `Span.SpanKind` of trace.proto.
pub(in crate::export) const fn kind_number(kind: SpanKind) -> u32 {
    match kind {
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

/// `Status.StatusCode` of trace.proto.
pub(in crate::export) const fn status_number(status: Status) -> u32 {
    match status {
        Status::Unset => 0,
        Status::Error => 2,
    }
}

/// `Span.flags` of trace.proto: the W3C flags, and whether the parent is remote where that is known.
///
/// A root has no parent to describe. A CLIENT span named by a header may be the child of a span of its own
/// process or of one whose header the process passed on: unknown.
pub(in crate::export) fn flags(span: &Span) -> u32 {
    let remote = match (span.parent.map(|parent| parent.evidence), span.kind) {
        (
            Some(Evidence::Goroutine | Evidence::Task | Evidence::Turn | Evidence::Thread | Evidence::Value),
            _,
        ) => HAS_IS_REMOTE,
        (Some(Evidence::Process | Evidence::Message), _) => HAS_IS_REMOTE | IS_REMOTE,
        (Some(Evidence::Header | Evidence::TcpSeq | Evidence::Socket), kind) if kind.is_inbound() => {
            HAS_IS_REMOTE | IS_REMOTE
        }
        (Some(Evidence::Header | Evidence::TcpSeq | Evidence::Socket) | None, _) => 0,
    };
    u32::from(span.flags) | remote
}

/// The attributes that export adds to those of the span.
pub(in crate::export) fn added_attributes(span: &Span) -> impl Iterator<Item = (&'static str, Value)> {
    let evidence = span.parent.map(|parent| (EVIDENCE_KEY, Value::Static(parent.evidence.name())));
    let incomplete = span.incomplete.then_some((INCOMPLETE_KEY, Value::Bool(true)));
    evidence.into_iter().chain(incomplete)
}
