//! Many spans in rows of fixed size, with their texts and attributes beside them.

use hashbrown::HashMap;

use super::{
    ids::{SpanId, TraceId},
    texts::{FastState, Text, Texts},
    value::{Kind, Status, Value, ValueRef},
};

/// A span. Its texts are in the [`Spans`] that it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its trace.
    pub trace_id: TraceId,
    /// Itself.
    pub span_id: SpanId,
    /// Its parent, or none.
    pub parent_id: SpanId,
    /// Nanoseconds since 1970.
    pub start_ns: u64,
    /// Nanoseconds.
    pub duration_ns: u64,
    /// What it did.
    pub name: Text,
    /// `service.name` of its resource.
    pub service: Text,
    /// Index into [`Spans::resources`].
    pub resource: u32,
    /// Its instrumentation scope as JSON; empty for none.
    pub scope: Text,
    /// What the status says beyond its code.
    pub status_message: Text,
    /// W3C tracestate.
    pub trace_state: Text,
    /// Its events as a JSON list; empty for none.
    pub events: Text,
    /// Its links as a JSON list; empty for none.
    pub links: Text,
    /// `Span.flags` of trace.proto.
    pub flags: u32,
    /// Where its attributes begin.
    pub attributes_at: u32,
    /// How many attributes it has.
    pub attributes: u32,
    /// What it is.
    pub kind: Kind,
    /// How it ended.
    pub status: Status,
}

/// What a span comes from.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its attributes as a JSON object, which identifies it.
    pub json: Text,
    /// Its attributes.
    pub attributes: Vec<(Text, Value)>,
}

/// Spans with the texts that they share.
#[derive(Default)]
pub struct Spans {
    pub(super) texts: Texts,
    pub(super) rows: Vec<Row>,
    pub(super) attributes: Vec<(Text, Value)>,
    pub(super) resources: Vec<Resource>,
    resource_of: HashMap<Text, u32, FastState>,
}

/// One span of a [`Spans`].
#[derive(Clone, Copy)]
pub struct SpanRef<'a> {
    spans: &'a Spans,
    row: &'a Row,
}

impl Spans {
    /// How many spans.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes of memory, about.
    pub fn memory(&self) -> usize {
        self.texts.memory()
            + self.rows.capacity() * size_of::<Row>()
            + self.attributes.capacity() * size_of::<(Text, Value)>()
    }

    /// The texts.
    pub fn texts(&self) -> &Texts {
        &self.texts
    }

    /// The texts, to add some.
    pub fn texts_mut(&mut self) -> &mut Texts {
        &mut self.texts
    }

    /// The rows.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The resources that rows point to.
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// One span.
    pub fn get(&self, index: usize) -> SpanRef<'_> {
        SpanRef { spans: self, row: &self.rows[index] }
    }

    /// Every span.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = SpanRef<'_>> + ExactSizeIterator {
        self.rows.iter().map(|row| SpanRef { spans: self, row })
    }

    /// The index of the resource with these attributes, which is made if it is new. `json` is their JSON object.
    pub fn resource(&mut self, json: &str, attributes: impl FnOnce(&mut Texts) -> Vec<(Text, Value)>) -> u32 {
        let json = self.texts.intern(json);
        if let Some(&index) = self.resource_of.get(&json) {
            return index;
        }
        let attributes = attributes(&mut self.texts);
        let index = self.resources.len() as u32;
        self.resources.push(Resource { json, attributes });
        self.resource_of.insert(json, index);
        index
    }

    /// Adds a span; where its attributes are is filled in.
    pub fn push(&mut self, mut row: Row, attributes: impl IntoIterator<Item = (Text, Value)>) {
        row.attributes_at = self.attributes.len() as u32;
        self.attributes.extend(attributes);
        row.attributes = self.attributes.len() as u32 - row.attributes_at;
        self.rows.push(row);
    }

    /// Adds a span of another batch.
    pub fn copy(&mut self, span: SpanRef<'_>) {
        let from = span.spans;
        let resource = &from.resources[span.row.resource as usize];
        let resource = self.resource(from.texts.get(resource.json), |texts| {
            let copy = |(key, value): &(Text, Value)| {
                (texts.intern(from.texts.get(*key)), value.resolve(&from.texts).intern(texts))
            };
            resource.attributes.iter().map(copy).collect()
        });
        let mut text = |text: Text| self.texts.intern(from.texts.get(text));
        let mut row = Row {
            name: text(span.row.name),
            service: text(span.row.service),
            scope: text(span.row.scope),
            status_message: text(span.row.status_message),
            trace_state: text(span.row.trace_state),
            events: text(span.row.events),
            links: text(span.row.links),
            resource,
            ..*span.row
        };
        row.attributes_at = self.attributes.len() as u32;
        for (key, value) in span.raw_attributes() {
            let key = self.texts.intern(from.texts.get(*key));
            let value = value.resolve(&from.texts).intern(&mut self.texts);
            self.attributes.push((key, value));
        }
        self.rows.push(row);
    }

    /// Puts the spans of a trace side by side, traces in the order of their first span.
    pub fn sort(&mut self) {
        let mut starts: HashMap<TraceId, u64, FastState> = HashMap::default();
        for row in &self.rows {
            let start = starts.entry(row.trace_id).or_insert(row.start_ns);
            *start = row.start_ns.min(*start);
        }
        self.rows.sort_by_cached_key(|row| (starts[&row.trace_id], row.trace_id, row.start_ns, row.span_id));
    }

    /// Moves when spans start by nanoseconds, which `by` says of each.
    pub(crate) fn shift_starts(&mut self, by: impl Fn(SpanRef<'_>) -> i64) {
        let shifts: Vec<i64> = self.iter().map(by).collect();
        for (row, shift) in self.rows.iter_mut().zip(shifts) {
            row.start_ns = row.start_ns.saturating_add_signed(shift);
        }
    }

    /// Drops spans that came twice: those of one trace with one id, kind and service. Needs sorted rows.
    ///
    /// The kind counts because Zipkin's client and server sides share an id.
    pub fn dedup(&mut self) -> usize {
        let before = self.rows.len();
        let mut seen: hashbrown::HashSet<(TraceId, SpanId, Kind, Text), FastState> =
            hashbrown::HashSet::default();
        self.rows.retain(|row| seen.insert((row.trace_id, row.span_id, row.kind, row.service)));
        before - self.rows.len()
    }
}

impl<'a> SpanRef<'a> {
    /// The row.
    pub fn row(self) -> &'a Row {
        self.row
    }

    /// What a text of the row says.
    pub fn text(self, text: Text) -> &'a str {
        self.spans.texts.get(text)
    }

    /// What it did.
    pub fn name(self) -> &'a str {
        self.text(self.row.name)
    }

    /// Whose it is.
    pub fn service(self) -> &'a str {
        self.text(self.row.service)
    }

    /// When it ended, nanoseconds since 1970.
    pub fn end_ns(self) -> u64 {
        self.row.start_ns.saturating_add(self.row.duration_ns)
    }

    /// Whether it failed.
    pub fn is_error(self) -> bool {
        self.row.status == Status::Error
    }

    pub(crate) fn raw_attributes(self) -> &'a [(Text, Value)] {
        let at = self.row.attributes_at as usize;
        &self.spans.attributes[at..at + self.row.attributes as usize]
    }

    /// Its attributes.
    pub fn attributes(self) -> impl Iterator<Item = (&'a str, ValueRef<'a>)> {
        let texts = &self.spans.texts;
        self.raw_attributes().iter().map(move |(key, value)| (texts.get(*key), value.resolve(texts)))
    }

    /// The attributes of its resource.
    pub fn resource_attributes(self) -> impl Iterator<Item = (&'a str, ValueRef<'a>)> {
        let texts = &self.spans.texts;
        let resource = &self.spans.resources[self.row.resource as usize];
        resource.attributes.iter().map(move |(key, value)| (texts.get(*key), value.resolve(texts)))
    }

    /// The value of one of its attributes.
    pub fn attribute(self, name: &str) -> Option<ValueRef<'a>> {
        let key = self.spans.texts.find(name)?;
        let (_, value) = self.raw_attributes().iter().find(|(text, _)| *text == key)?;
        Some(value.resolve(&self.spans.texts))
    }

    /// The value of an attribute of its resource.
    pub fn resource_attribute(self, name: &str) -> Option<ValueRef<'a>> {
        self.resource_attributes().find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}
