//! A trace as policies see it.

use super::super::{entry::Entry, threshold::Randomness, trace_state};
use crate::spans::span::{Span, Value};

/// A trace that is judged, with what several policies ask about.
pub(super) struct Whole<'a> {
    /// Its spans, at least one.
    pub(super) spans: &'a [Span],
    /// Where it begins.
    pub(super) entry: Entry<'a>,
    /// What thresholds are compared with.
    pub(super) randomness: Randomness,
    /// From the first start to the last end, nanoseconds.
    pub(super) duration_ns: u64,
    /// Memory that it takes.
    pub(super) bytes: usize,
    /// Now.
    pub(super) now_ns: u64,
}

impl<'a> Whole<'a> {
    /// `None` only for no spans.
    pub(super) fn new(spans: &'a [Span], bytes: usize, now_ns: u64) -> Option<Self> {
        let entry = Entry::of(spans)?;
        let said = entry.trace_state().and_then(|list| trace_state::read(list).randomness);
        let start_ns = spans.iter().map(|span| span.start_ns).min()?;
        let end_ns = spans.iter().map(|span| span.end_ns).max()?;
        Some(Self {
            spans,
            entry,
            randomness: said.unwrap_or_else(|| Randomness::of_trace(&entry.root.trace_id)),
            duration_ns: end_ns.saturating_sub(start_ns),
            bytes,
            now_ns,
        })
    }

    /// Whether a span or its resource has an attribute with a value that `wanted` takes.
    pub(super) fn any(&self, key: &str, wanted: impl Fn(&Value) -> bool) -> bool {
        self.spans.iter().any(|span| {
            let mut of_resource = span.resource.attributes.iter();
            span.attribute(key).is_some_and(&wanted)
                || of_resource.any(|(name, value)| name == key && wanted(value))
        })
    }
}

/// Memory that a span takes, bytes: what it holds alone. Texts shared by many spans are not counted.
pub(super) fn memory_of(span: &Span) -> usize {
    let texts = span.attributes.iter().map(|(_, value)| match value {
        Value::Str(text) => text.len(),
        Value::List(texts) => texts.iter().map(|text| size_of::<Box<str>>() + text.len()).sum(),
        _ => 0,
    });
    size_of::<Span>()
        + span.attributes.capacity() * size_of::<(&str, Value)>()
        + texts.sum::<usize>()
        + span.trace_state.as_deref().map_or(0, str::len)
}
