//! Batches of spans to bytes.

use std::{borrow::Borrow, sync::Arc};

use super::{
    field,
    fields::{SCHEMA_URL, SCOPE_NAME, added_attributes, flags, kind_number, link_evidence, status_number},
    protobuf::{SHORT, Writer, field_len, varint_len},
    resources::{Resources, address},
};
use crate::spans::span::{Resource, Span, Status, Value};

/// Bytes of the length of a group of spans: up to 2 MiB without moving it.
const GROUP_LENGTH: usize = 3;
/// Bytes of the length of a span: 128 bytes to 16 KiB without moving it.
const SPAN_LENGTH: usize = 2;
/// End of a chain of spans.
const NONE: usize = usize::MAX;

/// The spans of one resource in the batch being encoded: the ends of a chain through `Encoder::next`.
struct Group {
    resource: Arc<Resource>,
    first: usize,
    last: usize,
}

/// Encodes batches of spans. Keep one: it remembers encoded resources from batch to batch.
pub struct Encoder {
    /// The `scope` field of every `ScopeSpans`.
    scope: Vec<u8>,
    /// The `schema_url` field of `ResourceSpans` and `ScopeSpans`.
    schema_url: Vec<u8>,
    resources: Resources,
    batch: u64,
    groups: Vec<Group>,
    /// For each span of the batch, the next one of its resource.
    next: Vec<usize>,
    /// Bytes a span took in the last batch, to size the next buffer.
    bytes_per_span: usize,
}

impl Encoder {
    /// `scope_version` is the version of the instrumentation scope: that of the daemon.
    pub fn new(scope_version: &str) -> Self {
        let mut scope = Writer::with_capacity(64);
        scope.message(field::scope_spans::SCOPE, 1, |scope| {
            scope.string(field::scope::NAME, SCOPE_NAME);
            scope.string(field::scope::VERSION, scope_version);
        });
        let mut schema_url = Writer::with_capacity(64);
        const { assert!(field::resource_spans::SCHEMA_URL == field::scope_spans::SCHEMA_URL) };
        schema_url.string(field::scope_spans::SCHEMA_URL, SCHEMA_URL);
        Self {
            scope: scope.into_bytes(),
            schema_url: schema_url.into_bytes(),
            resources: Resources::new(),
            batch: 0,
            groups: Vec::new(),
            next: Vec::new(),
            bytes_per_span: 512,
        }
    }

    /// The bytes of one `ExportTraceServiceRequest` with every span, grouped by resource in order of appearance.
    ///
    /// Two resources are the same if they are the same `Arc`. An empty slice gives an empty (valid) message.
    pub fn encode<S: Borrow<Span>>(&mut self, spans: &[S]) -> Vec<u8> {
        self.group(spans);
        // An eighth more than the last batch took: growing would copy, and more would lie unused in the queue.
        let expected = spans.len() * self.bytes_per_span;
        let mut out = Writer::with_capacity(expected + expected / 8);
        let Self { scope, schema_url, resources, groups, next, .. } = self;
        for group in groups.drain(..) {
            let resource = resources.entry(&group.resource, || encode_resource(&group.resource));
            out.message(field::request::RESOURCE_SPANS, GROUP_LENGTH, |out| {
                out.raw(&resource.encoded);
                out.message(field::resource_spans::SCOPE_SPANS, GROUP_LENGTH, |out| {
                    out.raw(scope);
                    let mut at = group.first;
                    while at != NONE {
                        let span = spans[at].borrow();
                        out.message(field::scope_spans::SPANS, SPAN_LENGTH, |out| encode_span(out, span));
                        at = next[at];
                    }
                    out.raw(schema_url);
                });
                out.raw(schema_url);
            });
        }
        self.resources.trim();
        let bytes = out.into_bytes();
        if !spans.is_empty() {
            self.bytes_per_span = bytes.len().div_ceil(spans.len());
        }
        bytes
    }

    /// Encoded resources forgotten so far to keep the cache bounded.
    pub fn evicted_resources(&self) -> u64 {
        self.resources.evicted()
    }

    /// Chains the spans of each resource.
    fn group<S: Borrow<Span>>(&mut self, spans: &[S]) {
        self.batch += 1;
        self.groups.clear();
        self.next.clear();
        self.next.resize(spans.len(), NONE);
        let mut previous = (0, 0);
        for (at, span) in spans.iter().enumerate() {
            let resource = &span.borrow().resource;
            // Runs of spans of one process are common, and then there is nothing to look up.
            if previous.0 != address(resource) {
                previous = (address(resource), self.group_of(resource));
            }
            let group = &mut self.groups[previous.1];
            if group.first == NONE {
                group.first = at;
            } else {
                self.next[group.last] = at;
            }
            group.last = at;
        }
    }

    /// The index of the resource's group, made now if the resource is new in this batch.
    fn group_of(&mut self, resource: &Arc<Resource>) -> usize {
        let cached = self.resources.entry(resource, || encode_resource(resource));
        if cached.batch != self.batch {
            cached.batch = self.batch;
            cached.group = self.groups.len();
            self.groups.push(Group { resource: Arc::clone(resource), first: NONE, last: NONE });
        }
        cached.group
    }
}

/// The `resource` field of `ResourceSpans`.
fn encode_resource(resource: &Resource) -> Vec<u8> {
    let mut out = Writer::with_capacity(1024);
    out.message(field::resource_spans::RESOURCE, 2, |out| {
        for (key, value) in &resource.attributes {
            attribute(out, field::resource::ATTRIBUTES, key, value);
        }
    });
    out.into_bytes()
}

fn encode_span(out: &mut Writer, span: &Span) {
    out.bytes(field::span::TRACE_ID, &span.trace_id);
    out.bytes(field::span::SPAN_ID, &span.span_id);
    if let Some(trace_state) = &span.trace_state {
        out.string(field::span::TRACE_STATE, trace_state);
    }
    if let Some(parent) = &span.parent {
        out.bytes(field::span::PARENT_SPAN_ID, &parent.span_id);
    }
    out.string(field::span::NAME, &span.name);
    out.integer(field::span::KIND, u64::from(kind_number(span.kind)));
    out.fixed64(field::span::START_TIME_UNIX_NANO, span.start_ns);
    out.fixed64(field::span::END_TIME_UNIX_NANO, span.end_ns);
    for (key, value) in &span.attributes {
        attribute(out, field::span::ATTRIBUTES, key, value);
    }
    for (key, value) in added_attributes(span) {
        attribute(out, field::span::ATTRIBUTES, key, &value);
    }
    for link in &span.links {
        out.message(field::span::LINKS, 1, |out| {
            out.bytes(field::link::TRACE_ID, &link.trace_id);
            out.bytes(field::link::SPAN_ID, &link.span_id);
            let (key, value) = link_evidence(link);
            attribute(out, field::link::ATTRIBUTES, key, &value);
        });
    }
    if span.status != Status::Unset {
        let code = u64::from(status_number(span.status));
        out.message(field::span::STATUS, 1, |out| out.integer(field::status::CODE, code));
    }
    out.fixed32(field::span::FLAGS, flags(span));
}

/// A `KeyValue` field. The lengths are computed first: no contents move, and those of short ones are known to take a byte each.
#[inline]
pub(crate) fn attribute(out: &mut Writer, field: u32, key: &str, value: &Value) {
    match value {
        Value::Str(text) => text_attribute(out, field, key, text),
        Value::Shared(text) => text_attribute(out, field, key, text),
        Value::Static(text) => text_attribute(out, field, key, text),
        Value::Int(number) => scalar_attribute(out, field, key, field::any_value::INT, *number as u64),
        Value::Bool(truth) => scalar_attribute(out, field, key, field::any_value::BOOL, u64::from(*truth)),
        Value::List(texts) => list_attribute(out, field, key, texts),
    }
}

/// As [`attribute`], for a list.
fn list_attribute(out: &mut Writer, field: u32, key: &str, texts: &[Box<str>]) {
    out.message(field, 1, |out| {
        out.string(field::key_value::KEY, key);
        out.message(field::key_value::VALUE, 1, |out| {
            out.message(field::any_value::ARRAY, 1, |out| {
                for text in texts {
                    out.message(field::array_value::VALUES, 1, |out| {
                        out.bytes(field::any_value::STRING, text.as_bytes());
                    });
                }
            });
        });
    });
}

/// As [`attribute`], for a value that is one varint in the field `kind` of `AnyValue`.
#[inline]
fn scalar_attribute(out: &mut Writer, field: u32, key: &str, kind: u32, scalar: u64) {
    let value_len = 1 + varint_len(scalar);
    // Two bytes of tag and length for each of key and value.
    let len = key.len() + value_len + 4;
    if len < SHORT && !key.is_empty() {
        out.short_headers([(field, len), (field::key_value::KEY, key.len())]);
        out.raw(key.as_bytes());
    } else {
        out.header(field, key_len(key) + field_len(value_len));
        out.string(field::key_value::KEY, key);
    }
    out.short_header(field::key_value::VALUE, value_len);
    out.integer(kind, scalar);
}

/// As [`attribute`], for text.
#[inline]
pub(crate) fn text_attribute(out: &mut Writer, field: u32, key: &str, text: &str) {
    // Two bytes of tag and length for each of key, value and text.
    let len = key.len() + text.len() + 6;
    if len < SHORT && !key.is_empty() {
        out.short_headers([(field, len), (field::key_value::KEY, key.len())]);
        out.raw(key.as_bytes());
        out.short_headers([
            (field::key_value::VALUE, text.len() + 2),
            (field::any_value::STRING, text.len()),
        ]);
        out.raw(text.as_bytes());
        return;
    }
    let value_len = field_len(text.len());
    out.header(field, key_len(key) + field_len(value_len));
    out.string(field::key_value::KEY, key);
    out.header(field::key_value::VALUE, value_len);
    out.bytes(field::any_value::STRING, text.as_bytes());
}

/// Bytes of the `key` field of a `KeyValue`.
#[inline]
fn key_len(key: &str) -> usize {
    if key.is_empty() { 0 } else { field_len(key.len()) }
}
