//! Rows of a block as spans again.

use arrow_array::{
    Array, BooleanArray, DictionaryArray, FixedSizeBinaryArray, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampNanosecondArray, UInt32Array, types::Int32Type,
};

use super::schema;
use crate::spans::{Kind, Row, SpanId, Spans, Status, Text, Texts, TraceId, Value, values_of_object};

/// A column of text, its dictionary interned.
struct TextColumn<'a> {
    keys: &'a arrow_array::Int32Array,
    texts: Vec<Text>,
}

impl<'a> TextColumn<'a> {
    fn new(batch: &'a RecordBatch, name: &str, texts: &mut Texts) -> Option<Self> {
        let column = batch.column_by_name(name)?;
        Self::of(column.as_ref(), texts)
    }

    fn of(column: &'a dyn Array, texts: &mut Texts) -> Option<Self> {
        let dictionary = column.as_any().downcast_ref::<DictionaryArray<Int32Type>>()?;
        let values = dictionary.values().as_any().downcast_ref::<StringArray>()?;
        // Only those that rows have: a dictionary may be far larger than a batch of few rows.
        let mut used: Vec<Option<Text>> = vec![None; values.len()];
        let keys = dictionary.keys();
        for key in keys.iter().flatten() {
            let key = usize::try_from(key).ok()?;
            let text = used.get_mut(key)?;
            if text.is_none() {
                *text = Some(texts.intern(values.value(key)));
            }
        }
        Some(Self { keys, texts: used.into_iter().map(Option::unwrap_or_default).collect() })
    }

    fn get(&self, row: usize) -> Text {
        if self.keys.is_null(row) { Text::default() } else { self.texts[self.keys.value(row) as usize] }
    }
}

enum Attribute<'a> {
    Text(TextColumn<'a>),
    Int(&'a Int64Array),
    Double(&'a Float64Array),
    Bool(&'a BooleanArray),
}

impl Attribute<'_> {
    fn get(&self, row: usize) -> Option<Value> {
        match self {
            Self::Text(column) => column.keys.is_valid(row).then(|| Value::Text(column.get(row))),
            Self::Int(column) => column.is_valid(row).then(|| Value::Int(column.value(row))),
            Self::Double(column) => column.is_valid(row).then(|| Value::Double(column.value(row))),
            Self::Bool(column) => column.is_valid(row).then(|| Value::Bool(column.value(row))),
        }
    }
}

/// Adds the rows of a batch, with the columns that it has; the ids and the times must be there. False if they are not.
pub(super) fn unpack(batch: &RecordBatch, spans: &mut Spans) -> bool {
    let Some(ids) = Ids::new(batch) else { return false };
    let texts = spans.texts_mut();
    let mut text = |name| TextColumn::new(batch, name, texts);
    let (service, name) = (text(schema::SERVICE), text(schema::NAME));
    let (kind, status) = (text(schema::KIND), text(schema::STATUS));
    let (message, state) = (text(schema::STATUS_MESSAGE), text(schema::TRACE_STATE));
    let (resource, scope) = (text(schema::RESOURCE), text(schema::SCOPE));
    let (events, links) = (text(schema::EVENTS), text(schema::LINKS));
    let attributes = attribute_columns(batch, texts);
    let flags =
        batch.column_by_name(schema::FLAGS).and_then(|column| column.as_any().downcast_ref::<UInt32Array>());
    let others = batch
        .column_by_name(schema::OTHER_ATTRIBUTES)
        .and_then(|column| column.as_any().downcast_ref::<StringArray>());
    let get = |column: &Option<TextColumn<'_>>, row| {
        column.as_ref().map_or(Text::default(), |column| column.get(row))
    };
    let mut resource_of: hashbrown::HashMap<Text, u32> = hashbrown::HashMap::new();
    for row in 0..batch.num_rows() {
        let resource_text = get(&resource, row);
        let resource = *resource_of.entry(resource_text).or_insert_with(|| {
            let json = spans.texts().get(resource_text).to_owned();
            spans.resource(&json, |texts| values_of_object(&json, texts))
        });
        let kind = Kind::from_name(spans.texts().get(get(&kind, row))).unwrap_or_default();
        let status = Status::from_name(spans.texts().get(get(&status, row))).unwrap_or_default();
        let mut of_span: Vec<(Text, Value)> =
            attributes.iter().filter_map(|(key, column)| Some((*key, column.get(row)?))).collect();
        if let Some(others) = others.filter(|others| others.is_valid(row)) {
            of_span.extend(values_of_object(others.value(row), spans.texts_mut()));
        }
        let (trace_id, span_id, parent_id, start_ns, duration_ns) = ids.get(row);
        let row = Row {
            trace_id,
            span_id,
            parent_id,
            start_ns,
            duration_ns,
            name: get(&name, row),
            service: get(&service, row),
            resource,
            scope: get(&scope, row),
            status_message: get(&message, row),
            trace_state: get(&state, row),
            events: get(&events, row),
            links: get(&links, row),
            flags: flags.map_or(0, |flags| flags.value(row)),
            attributes_at: 0,
            attributes: 0,
            kind,
            status,
        };
        spans.push(row, of_span);
    }
    true
}

fn attribute_columns<'a>(batch: &'a RecordBatch, texts: &mut Texts) -> Vec<(Text, Attribute<'a>)> {
    let schema = batch.schema_ref();
    let columns = schema.fields().iter().zip(batch.columns());
    let columns = columns.filter_map(|(field, column)| {
        let key = texts.intern(field.name().strip_prefix(schema::ATTRIBUTE_PREFIX)?);
        let any = column.as_any();
        let column = any
            .downcast_ref::<Int64Array>()
            .map(Attribute::Int)
            .or_else(|| any.downcast_ref::<Float64Array>().map(Attribute::Double))
            .or_else(|| any.downcast_ref::<BooleanArray>().map(Attribute::Bool))
            .or_else(|| TextColumn::of(column.as_ref(), texts).map(Attribute::Text));
        Some((key, column?))
    });
    columns.collect()
}

/// The columns that every row has.
pub(super) struct Ids<'a> {
    traces: &'a FixedSizeBinaryArray,
    spans: &'a FixedSizeBinaryArray,
    parents: Option<&'a FixedSizeBinaryArray>,
    starts: &'a TimestampNanosecondArray,
    durations: Option<&'a Int64Array>,
}

impl<'a> Ids<'a> {
    pub(super) fn new(batch: &'a RecordBatch) -> Option<Self> {
        let bytes = |name| batch.column_by_name(name)?.as_any().downcast_ref::<FixedSizeBinaryArray>();
        Some(Self {
            traces: bytes(schema::TRACE_ID)?,
            spans: bytes(schema::SPAN_ID)?,
            parents: bytes(schema::PARENT_SPAN_ID),
            starts: batch.column_by_name(schema::START_TIME)?.as_any().downcast_ref()?,
            durations: batch
                .column_by_name(schema::DURATION)
                .and_then(|column| column.as_any().downcast_ref()),
        })
    }

    /// Trace, span, parent, start and duration. Ids that no span can have, in a file that somebody else made, are those
    /// of span 0 of trace 1.
    pub(super) fn get(&self, row: usize) -> (TraceId, SpanId, SpanId, u64, u64) {
        let span_id = |array: &FixedSizeBinaryArray| SpanId::from_bytes(array.value(row)).unwrap_or_default();
        let unsigned = |number: i64| u64::try_from(number).unwrap_or_default();
        (
            TraceId::from_bytes(self.traces.value(row)).unwrap_or(TraceId(1_u128.to_be_bytes())),
            span_id(self.spans),
            self.parents.filter(|parents| parents.is_valid(row)).map_or(SpanId::NONE, span_id),
            unsigned(self.starts.value(row)),
            self.durations.map_or(0, |durations| unsigned(durations.value(row))),
        )
    }
}
