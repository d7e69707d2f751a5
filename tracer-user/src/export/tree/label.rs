//! What a row says, before it is fitted into columns.

use super::{
    Paint, Style,
    forest::{Item, Row},
    text::{clean, duration, width},
};
use crate::spans::span::{Span, SpanKind, Status, Value};

/// Attributes that hold a protocol's own status, in the order they are looked for (OTel semantic conventions
/// 1.44.0: HTTP, RPC, database).
const STATUS_KEYS: [&str; 4] =
    ["http.response.status_code", "rpc.response.status_code", "rpc.status_code", "db.response.status_code"];

/// One row in pieces.
#[derive(Debug)]
pub(super) struct Line {
    /// Left: guides, service, direction, name, evidence.
    pub(super) label: Vec<(Paint, String)>,
    /// Right: what the protocol said and what went wrong.
    pub(super) status: (Paint, String),
    /// Right: how long it took.
    pub(super) duration: String,
    /// Start and end in nanoseconds since the Unix epoch, for the bar; none for what is not one span.
    pub(super) times: Option<(u64, u64)>,
}

impl Line {
    pub(super) fn of(row: &Row, spans: &[&Span], style: &Style) -> Self {
        let label = vec![(Paint::Dim, row.guides.clone())];
        match row.item {
            Item::Span(at) => Self::of_span(label, spans[at], style),
            Item::More { like, count, slowest_ns } => Self::of_more(label, spans[like], count, slowest_ns),
            Item::Elsewhere => Self::heading(label, "(parent elsewhere)".to_owned()),
            Item::Circle => Self::heading(label, "(parents in a circle)".to_owned()),
            Item::Rest(count) => Self::heading(label, format!("… {count} more spans")),
        }
    }

    fn heading(mut label: Vec<(Paint, String)>, text: String) -> Self {
        label.push((Paint::Dim, text));
        Self { label, status: (Paint::Plain, String::new()), duration: String::new(), times: None }
    }

    fn of_more(mut label: Vec<(Paint, String)>, like: &Span, count: usize, slowest_ns: u64) -> Self {
        label.push((Paint::Dim, format!("… {count} more ")));
        name(&mut label, like);
        let mark = if like.status == Status::Error { "✗" } else { "" };
        Self {
            label,
            status: (Paint::Error, mark.to_owned()),
            duration: format!("≤ {}", duration(slowest_ns)),
            times: None,
        }
    }

    fn of_span(mut label: Vec<(Paint, String)>, span: &Span, style: &Style) -> Self {
        name(&mut label, span);
        if style.evidence
            && let Some(parent) = span.parent
        {
            label.push((Paint::Dim, format!(" [{}]", parent.evidence.name())));
        }
        Self {
            label,
            status: status(span),
            duration: duration(span.duration_ns()),
            times: Some((span.start_ns, span.end_ns)),
        }
    }

    /// Columns of the label.
    pub(super) fn label_width(&self) -> usize {
        self.label.iter().map(|(_, text)| width(text)).sum()
    }
}

/// Service, direction and name.
fn name(label: &mut Vec<(Paint, String)>, span: &Span) {
    let service = clean(&span.resource.service_name);
    label.push((Paint::of_service(&service), service.into_owned()));
    let direction = match span.kind {
        SpanKind::Server | SpanKind::Consumer => " ← ",
        SpanKind::Client | SpanKind::Producer => " → ",
    };
    label.push((Paint::Dim, direction.to_owned()));
    label.push((Paint::Plain, clean(&span.name).into_owned()));
}

/// The protocol's status; for an error marked, with its type unless that is the status again; for a span that lost
/// events marked too.
fn status(span: &Span) -> (Paint, String) {
    let text = |value: &Value| match value {
        Value::Int(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::List(texts) => clean(&texts.join(", ")).into_owned(),
        text => clean(text.as_str().unwrap_or_default()).into_owned(),
    };
    let code = STATUS_KEYS.iter().find_map(|key| span.attribute(key)).map(text);
    let error = span.status == Status::Error;
    let error_type =
        span.attribute("error.type").filter(|_| error).map(text).filter(|kind| code.as_ref() != Some(kind));
    let marks = [error.then(|| "✗".to_owned()), code, error_type, span.incomplete.then(|| "~".to_owned())];
    let words: Vec<String> = marks.into_iter().flatten().collect();
    let paint = if error { Paint::Error } else { Paint::Plain };
    (paint, words.join(" "))
}
