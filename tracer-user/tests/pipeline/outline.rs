//! Traces as text for comparing.

use std::fmt::Write;

use tracer_user::spans::span::{Span, SpanKind, Status, Value};

/// Traces as text, ordered by start: a line for each span, indented below its parent:
/// service, `<` (server) or `>` (client), name, status code of HTTP or gRPC, error, evidence for the parent, `~` where it is incomplete.
/// The lines of `details` follow each span's.
///
/// What holds for any trace is checked on the way.
pub(crate) fn outline(spans: &[Span], details: impl Fn(&Span) -> Vec<String>) -> String {
    let mut spans: Vec<&Span> = spans.iter().collect();
    spans.sort_by_key(|span| (span.start_ns, span.kind == SpanKind::Server));
    let mut text = String::new();
    for root in &spans {
        let parent = root.parent.and_then(|parent| spans.iter().find(|span| span.span_id == parent.span_id));
        match parent {
            Some(parent) => {
                assert_eq!(
                    parent.trace_id, root.trace_id,
                    "parent and child are in different traces: {spans:#?}"
                );
                assert!(parent.start_ns <= root.start_ns, "a child starts before its parent: {spans:#?}");
            }
            None => write(&mut text, root, &spans, 0, &details),
        }
    }
    text
}

fn write(
    text: &mut String,
    span: &Span,
    spans: &[&Span],
    depth: usize,
    details: &impl Fn(&Span) -> Vec<String>,
) {
    let (arrow, indent) = (if span.kind == SpanKind::Server { '<' } else { '>' }, depth * 2);
    let _ = write!(text, "{:indent$}{} {arrow} {}", "", span.resource.service_name, span.name);
    if let Some(Value::Int(status)) = span.attribute("http.response.status_code") {
        let _ = write!(text, " {status}");
    }
    if let Some(status) = span.attribute("rpc.status_code").and_then(Value::as_str) {
        let _ = write!(text, " {status}");
    }
    if let Some(status) = span.attribute("db.response.status_code").and_then(Value::as_str) {
        let _ = write!(text, " {status}");
    }
    if let Some(error) = span.attribute("error.type").and_then(Value::as_str) {
        let _ = write!(text, " !{error}");
        assert_eq!(span.status, Status::Error);
    }
    if let Some(parent) = span.parent {
        let known = spans.iter().any(|other| other.span_id == parent.span_id);
        let _ = write!(text, " [{}{}]", parent.evidence.name(), if known { "" } else { ", elsewhere" });
    }
    text.push_str(if span.incomplete { " ~\n" } else { "\n" });
    for line in details(span) {
        let _ = writeln!(text, "{:indent$}    {line}", "");
    }
    for child in
        spans.iter().filter(|child| child.parent.is_some_and(|parent| parent.span_id == span.span_id))
    {
        write(text, child, spans, depth + 1, details);
    }
}
