//! Spans into a Parquet file.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufWriter, Write as _},
    path::Path,
    sync::Arc,
};

use arrow_array::{
    ArrayRef, FixedSizeBinaryArray, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray,
    UInt32Array,
};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use hashbrown::HashMap;
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, Encoding, ZstdLevel},
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties},
    },
    schema::types::ColumnPath,
};
use serde_json::{Map, Value as Json};

use super::{
    columns::{AttributeColumn, TextColumn, Type},
    index::{self, AttributeIndex},
    schema,
};
use crate::spans::{Row, SpanRef, Spans, Text, to_json};

/// Share of trace ids that a row group's bloom filter lets pass wrongly.
const FALSE_POSITIVES: f64 = 0.001;

/// An attribute gets a column if at least one span in this many has it.
const RARE: usize = 1000;

/// Attributes whose names are listed in the metadata at most; the rest may be anything.
const LISTED_KEYS: usize = 1000;

/// Writes spans, which must be sorted, to a new file and makes it durable.
pub(in crate::store) fn write(spans: &Spans, path: &Path) -> Result<(), ParquetError> {
    let table = Table::new(spans)?;
    let file = File::create(path).map_err(external)?;
    let properties = properties(spans, &table);
    let mut writer = ArrowWriter::try_new(
        BufWriter::with_capacity(1 << 20, file),
        table.batch.schema(),
        Some(properties),
    )?;
    writer.write(&table.batch)?;
    writer.flush()?;
    let index = index::build(spans)?;
    let place = AttributeIndex::to_metadata(writer.bytes_written(), &index);
    writer.write_all(&index).map_err(external)?;
    writer.append_key_value_metadata(KeyValue::new(schema::ATTRIBUTE_INDEX_KEY.to_owned(), place));
    let mut file = writer.into_inner()?;
    file.flush().map_err(external)?;
    file.get_ref().sync_all().map_err(external)
}

fn external(error: io::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

fn properties(spans: &Spans, table: &Table) -> WriterProperties {
    let path = |name: &str| ColumnPath::new(vec![name.to_owned()]);
    let operations: BTreeSet<(&str, &str, &str)> =
        spans.iter().map(|span| (span.service(), span.name(), span.row().kind.name())).collect();
    let traces = spans.rows().chunk_by(|a, b| a.trace_id == b.trace_id).count();
    let entry = |key: &str, value: String| KeyValue { key: key.to_owned(), value: Some(value) };
    let metadata = vec![
        entry(schema::VERSION_KEY, schema::VERSION.to_owned()),
        entry(schema::OPERATIONS_KEY, serde_json::json!(operations).to_string()),
        entry(schema::OTHER_KEYS_KEY, serde_json::json!(table.other_keys).to_string()),
    ];
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_key_value_metadata(Some(metadata))
        // The ids of one trace lie side by side: each is in the dictionary once, and a run of rows that need not be read is passed
        // over in one step, which no other encoding of equal size allows.
        .set_column_dictionary_enabled(path(schema::TRACE_ID), true)
        .set_column_bloom_filter_enabled(path(schema::TRACE_ID), true)
        .set_column_bloom_filter_fpp(path(schema::TRACE_ID), FALSE_POSITIVES)
        .set_column_bloom_filter_max_ndv(path(schema::TRACE_ID), traces as u64)
        // Random bytes.
        .set_column_dictionary_enabled(path(schema::SPAN_ID), false)
        .set_column_compression(path(schema::SPAN_ID), Compression::UNCOMPRESSED)
        .set_column_dictionary_enabled(path(schema::PARENT_SPAN_ID), false);
    for number in [schema::START_TIME, schema::DURATION] {
        builder = builder
            .set_column_dictionary_enabled(path(number), false)
            .set_column_encoding(path(number), Encoding::DELTA_BINARY_PACKED);
    }
    for ids in [schema::SPAN_ID, schema::PARENT_SPAN_ID, schema::TRACE_ID] {
        builder = builder.set_column_statistics_enabled(path(ids), EnabledStatistics::None);
    }
    builder.build()
}

/// All columns.
struct Table {
    batch: RecordBatch,
    /// Attributes that are not, or not all, in columns; none for too many to list.
    other_keys: Option<BTreeSet<String>>,
}

impl Table {
    fn new(spans: &Spans) -> Result<Self, ArrowError> {
        let mut builder = Builder { spans, fields: Vec::new(), arrays: Vec::new() };
        let rows = spans.rows();
        let trace_ids = FixedSizeBinaryArray::try_from_iter(rows.iter().map(|row| row.trace_id.0));
        builder.add(schema::TRACE_ID, DataType::FixedSizeBinary(16), false, Arc::new(trace_ids?));
        let span_ids = FixedSizeBinaryArray::try_from_iter(rows.iter().map(|row| row.span_id.to_bytes()));
        builder.add(schema::SPAN_ID, DataType::FixedSizeBinary(8), false, Arc::new(span_ids?));
        let parents = rows.iter().map(|row| row.parent_id.is_some().then(|| row.parent_id.to_bytes()));
        let parents = FixedSizeBinaryArray::try_from_sparse_iter_with_size(parents, 8)?;
        builder.add(schema::PARENT_SPAN_ID, DataType::FixedSizeBinary(8), true, Arc::new(parents));
        let starts = TimestampNanosecondArray::from_iter_values(rows.iter().map(|row| signed(row.start_ns)));
        builder.add(schema::START_TIME, schema::time(), false, Arc::new(starts.with_timezone("UTC")));
        let durations = Int64Array::from_iter_values(rows.iter().map(|row| signed(row.duration_ns)));
        builder.add(schema::DURATION, DataType::Int64, false, Arc::new(durations));
        builder.text(schema::SERVICE, |row| row.service)?;
        builder.text(schema::NAME, |row| row.name)?;
        builder.names(schema::KIND, |row| row.kind.name());
        builder.names(schema::STATUS, |row| row.status.name());
        builder.text(schema::STATUS_MESSAGE, |row| row.status_message)?;
        builder.text(schema::TRACE_STATE, |row| row.trace_state)?;
        let flags = UInt32Array::from_iter_values(rows.iter().map(|row| row.flags));
        builder.add(schema::FLAGS, DataType::UInt32, false, Arc::new(flags));
        builder.text(schema::RESOURCE, |row| spans.resources()[row.resource as usize].json)?;
        builder.text(schema::SCOPE, |row| row.scope)?;
        builder.text(schema::EVENTS, |row| row.events)?;
        builder.text(schema::LINKS, |row| row.links)?;
        let other_keys = builder.attributes()?;
        let Builder { fields, arrays, .. } = builder;
        Ok(Self { batch: RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?, other_keys })
    }
}

/// Times beyond the year 2262 are that year's: Parquet's are signed.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

struct Builder<'a> {
    spans: &'a Spans,
    fields: Vec<Field>,
    arrays: Vec<ArrayRef>,
}

impl Builder<'_> {
    fn add(&mut self, name: &str, data_type: DataType, nullable: bool, array: ArrayRef) {
        self.fields.push(schema::field(name, data_type, nullable));
        self.arrays.push(array);
    }

    /// A column of text, null where it is empty.
    fn text(&mut self, name: &str, of: impl Fn(&Row) -> Text) -> Result<(), ArrowError> {
        let mut column = TextColumn::new(self.spans.len());
        for (index, row) in self.spans.rows().iter().enumerate() {
            let text = of(row);
            if text != Text::default() {
                column.set(index, text);
            }
        }
        let array = column.finish(self.spans.texts())?;
        self.add(name, schema::text(), true, array);
        Ok(())
    }

    /// A column of the names of a closed set.
    fn names(&mut self, name: &str, of: impl Fn(&Row) -> &'static str) {
        use arrow_array::{DictionaryArray, types::Int32Type};
        let array: DictionaryArray<Int32Type> = self.spans.rows().iter().map(of).collect();
        self.add(name, schema::text(), false, Arc::new(array));
    }

    /// The columns of the frequent attributes, and the one of all others. Returns the names of those.
    fn attributes(&mut self) -> Result<Option<BTreeSet<String>>, ArrowError> {
        let rows = self.spans.len();
        let texts = self.spans.texts();
        let mut columns = self.frequent();
        let mut others: Vec<Option<String>> = vec![None; rows];
        let mut other_keys = Some(BTreeSet::new());
        for (index, span) in self.spans.iter().enumerate() {
            let mut other = Map::new();
            for &(key, value) in span.raw_attributes() {
                if !columns.get_mut(&key).is_some_and(|column| column.set(index, value)) {
                    other.insert(texts.get(key).to_owned(), to_json(value.resolve(texts)));
                }
            }
            if !other.is_empty() {
                note(&mut other_keys, &other);
                others[index] = Some(Json::Object(other).to_string());
            }
        }
        let mut columns: Vec<(Text, AttributeColumn)> = columns.into_iter().collect();
        columns.sort_by_key(|(key, _)| texts.get(*key));
        for (key, column) in columns {
            let name = format!("{}{}", schema::ATTRIBUTE_PREFIX, texts.get(key));
            let data_type = column.data_type();
            let array = column.finish(texts)?;
            self.add(&name, data_type, true, array);
        }
        let others = StringArray::from(others);
        self.add(schema::OTHER_ATTRIBUTES, DataType::Utf8, true, Arc::new(others));
        Ok(other_keys)
    }

    /// Empty columns for the attributes that get one, of the type that most of their values have.
    fn frequent(&self) -> HashMap<Text, AttributeColumn> {
        let mut counts: HashMap<Text, [usize; Type::ALL.len()]> = HashMap::new();
        for (key, value) in self.spans.iter().flat_map(SpanRef::raw_attributes) {
            if let Some(of) = Type::of(*value) {
                counts.entry(*key).or_default()[of as usize] += 1;
            }
        }
        let rows = self.spans.len();
        let mut frequent: Vec<(usize, Text, Type)> = counts
            .into_iter()
            .filter_map(|(key, counts)| {
                let (of, count) = Type::ALL.into_iter().zip(counts).max_by_key(|(_, count)| *count)?;
                (count * RARE >= rows).then_some((count, key, of))
            })
            .collect();
        let texts = self.spans.texts();
        frequent.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| texts.get(a.1).cmp(texts.get(b.1))));
        frequent.truncate(schema::MOST_COLUMNS);
        frequent.into_iter().map(|(_, key, of)| (key, AttributeColumn::new(of, rows))).collect()
    }
}

fn note(keys: &mut Option<BTreeSet<String>>, other: &Map<String, Json>) {
    if let Some(listed) = keys {
        for key in other.keys() {
            if !listed.contains(key) {
                listed.insert(key.clone());
            }
        }
        if listed.len() > LISTED_KEYS {
            *keys = None;
        }
    }
}
