//! The fields of spans, and of the traces, events, links and scopes around them.

use std::fmt;

use super::value::Value;
use crate::{
    analysis::Trace,
    query::{Field as StoreField, Scope},
    spans::{SpanId, SpanRef, TraceId},
};

/// What a query can ask a span for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// `.key`: an attribute of the span, else of its resource.
    Attribute(String),
    /// `span.key`.
    Span(String),
    /// `resource.key`.
    Resource(String),
    /// `event.key`, of any of its events.
    Event(String),
    /// `link.key`, of any of its links.
    Link(String),
    /// `instrumentation.key`.
    Scope(String),
    /// What every span has by itself.
    Intrinsic(Intrinsic),
}

/// What every span has by itself (docs: Tempo, "Intrinsic fields").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the language, listed below as they are written")]
pub enum Intrinsic {
    Name,
    Status,
    StatusMessage,
    Duration,
    Kind,
    Id,
    ParentId,
    ChildCount,
    /// -1 for spans without a parent; the place of the parent otherwise.
    NestedSetParent,
    TraceDuration,
    RootName,
    RootService,
    TraceId,
    EventName,
    EventTime,
    LinkSpanId,
    LinkTraceId,
    ScopeName,
    ScopeVersion,
}

impl Intrinsic {
    /// All, as they are written, with their short forms.
    pub const ALL: [(&'static str, &'static str, Self); 19] = [
        ("span:name", "name", Self::Name),
        ("span:status", "status", Self::Status),
        ("span:statusMessage", "statusMessage", Self::StatusMessage),
        ("span:duration", "duration", Self::Duration),
        ("span:kind", "kind", Self::Kind),
        ("span:id", "", Self::Id),
        ("span:parentID", "", Self::ParentId),
        ("span:childCount", "childCount", Self::ChildCount),
        ("", "nestedSetParent", Self::NestedSetParent),
        ("trace:duration", "traceDuration", Self::TraceDuration),
        ("trace:rootName", "rootName", Self::RootName),
        ("trace:rootService", "rootServiceName", Self::RootService),
        ("trace:id", "", Self::TraceId),
        ("event:name", "", Self::EventName),
        ("event:timeSinceStart", "", Self::EventTime),
        ("link:spanID", "", Self::LinkSpanId),
        ("link:traceID", "", Self::LinkTraceId),
        ("instrumentation:name", "", Self::ScopeName),
        ("instrumentation:version", "", Self::ScopeVersion),
    ];

    /// The field with this name.
    pub fn named(name: &str) -> Option<Self> {
        let entry =
            Self::ALL.iter().find(|(long, short, _)| !name.is_empty() && (*long == name || *short == name));
        entry.map(|(_, _, field)| *field)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute(key) => write!(f, ".{key}"),
            Self::Span(key) => write!(f, "span.{key}"),
            Self::Resource(key) => write!(f, "resource.{key}"),
            Self::Event(key) => write!(f, "event.{key}"),
            Self::Link(key) => write!(f, "link.{key}"),
            Self::Scope(key) => write!(f, "instrumentation.{key}"),
            Self::Intrinsic(intrinsic) => {
                let entry = Intrinsic::ALL.iter().find(|(_, _, other)| other == intrinsic);
                let (long, short) = entry.map_or(("", ""), |(long, short, _)| (*long, *short));
                f.write_str(if short.is_empty() { long } else { short })
            }
        }
    }
}

impl Field {
    /// Its name without its scope, as answers show it.
    pub fn plain_name(&self) -> String {
        match self {
            Self::Attribute(key)
            | Self::Span(key)
            | Self::Resource(key)
            | Self::Event(key)
            | Self::Link(key)
            | Self::Scope(key) => key.clone(),
            Self::Intrinsic(_) => self.to_string(),
        }
    }

    /// The field in the store's terms; none for what no column has.
    pub(crate) fn stored(&self) -> Option<StoreField> {
        Some(match self {
            Self::Attribute(key) => StoreField::Attribute(Scope::Any, key.clone()),
            Self::Span(key) => StoreField::Attribute(Scope::Span, key.clone()),
            Self::Resource(key) => StoreField::Attribute(Scope::Resource, key.clone()),
            Self::Intrinsic(Intrinsic::Name | Intrinsic::RootName) => StoreField::Name,
            Self::Intrinsic(Intrinsic::RootService) => StoreField::Service,
            Self::Intrinsic(Intrinsic::Status) => StoreField::Status,
            Self::Intrinsic(Intrinsic::StatusMessage) => StoreField::StatusMessage,
            Self::Intrinsic(Intrinsic::Kind) => StoreField::Kind,
            Self::Intrinsic(_) | Self::Event(_) | Self::Link(_) | Self::Scope(_) => return None,
        })
    }

    /// Its value on a span of a trace, by the span's place.
    pub(crate) fn of(&self, trace: &Trace<'_>, index: usize) -> Value {
        let span = trace.spans[index];
        let value = |value: Option<_>| value.map_or(Value::Nil, Value::of);
        match self {
            Self::Attribute(key) => value(span.attribute(key).or_else(|| span.resource_attribute(key))),
            Self::Span(key) => value(span.attribute(key)),
            Self::Resource(key) => value(span.resource_attribute(key)),
            Self::Event(key) => each(span.text(span.row().events), |event| attribute(event, key)),
            Self::Link(key) => each(span.text(span.row().links), |link| attribute(link, key)),
            Self::Scope(key) => one(span, |scope| attribute(scope, key)),
            Self::Intrinsic(intrinsic) => intrinsic.of(trace, index),
        }
    }
}

impl Intrinsic {
    fn of(self, trace: &Trace<'_>, index: usize) -> Value {
        let span = trace.spans[index];
        let row = span.row();
        let root = || trace.root();
        let text = |text: &str| Value::Text(text.to_owned());
        match self {
            Self::Name => text(span.name()),
            Self::Status => Value::Status(row.status),
            Self::StatusMessage => text(span.text(row.status_message)),
            Self::Duration => Value::Duration(signed(row.duration_ns)),
            Self::Kind => Value::Kind(row.kind),
            Self::Id => Value::Text(row.span_id.to_string()),
            Self::ParentId => parent(row.parent_id),
            Self::ChildCount => Value::Int(trace.children[index].len() as i64),
            Self::NestedSetParent => {
                let place = trace.parents[index].map(|parent| parent as i64 + 1);
                Value::Int(place.unwrap_or(if row.parent_id.is_some() { 0 } else { -1 }))
            }
            Self::TraceDuration => {
                let (start, end) = trace.extent();
                Value::Duration(signed(end - start))
            }
            Self::RootName => root().map_or(Value::Nil, |root| text(root.name())),
            Self::RootService => root().map_or(Value::Nil, |root| text(root.service())),
            Self::TraceId => trace_id(trace.id),
            Self::EventName => each(span.text(row.events), |event| event.get("name").map(Value::of_json)),
            Self::EventTime => each(span.text(row.events), |event| {
                let time = event.get("time_ns")?.as_u64()?;
                Some(Value::Duration(signed(time.saturating_sub(row.start_ns))))
            }),
            Self::LinkSpanId => each(span.text(row.links), |link| link.get("span_id").map(Value::of_json)),
            Self::LinkTraceId => each(span.text(row.links), |link| link.get("trace_id").map(Value::of_json)),
            Self::ScopeName => one(span, |scope| scope.get("name").map(Value::of_json)),
            Self::ScopeVersion => one(span, |scope| scope.get("version").map(Value::of_json)),
        }
    }
}

fn parent(id: SpanId) -> Value {
    if id.is_some() { Value::Text(id.to_string()) } else { Value::Nil }
}

fn trace_id(id: TraceId) -> Value {
    Value::Text(id.to_string())
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn attribute(json: &serde_json::Value, key: &str) -> Option<Value> {
    json.get("attributes")?.get(key).map(Value::of_json)
}

/// What the items of a JSON list have, as a list; nil if none has it.
fn each(json: &str, of: impl Fn(&serde_json::Value) -> Option<Value>) -> Value {
    if json.is_empty() {
        return Value::Nil;
    }
    let items: Vec<serde_json::Value> = serde_json::from_str(json).unwrap_or_default();
    let values: Vec<Value> = items.iter().filter_map(of).collect();
    if values.is_empty() { Value::Nil } else { Value::List(values) }
}

/// What the scope has.
fn one(span: SpanRef<'_>, of: impl Fn(&serde_json::Value) -> Option<Value>) -> Value {
    let scope = span.text(span.row().scope);
    serde_json::from_str(scope).ok().and_then(|scope| of(&scope)).unwrap_or(Value::Nil)
}
