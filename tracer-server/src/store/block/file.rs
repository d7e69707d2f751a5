//! A block that is there: what is known of it, and questions to it.

use std::{
    collections::{BTreeSet, HashSet},
    fs, io,
    ops::Range,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use arrow_array::{Array as _, BooleanArray, FixedSizeBinaryArray, RecordBatch};
use arrow_schema::ArrowError;
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{
            ArrowPredicate, ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions,
            ParquetRecordBatchReaderBuilder, RowFilter,
        },
    },
    errors::ParquetError,
    file::{metadata::ParquetMetaData, reader::Length as _, statistics::Statistics},
};

use super::{
    index::AttributeIndex,
    place::{BlockFile, Place},
    predicate, schema,
    unpack::{Ids, unpack},
};
use crate::{
    query::{Condition, Field, Filter, Finder, Scope},
    spans::{Kind, Spans, TraceId},
    store::{Operation, cold::ColdObject},
};

/// Rows that are looked at in one go.
const BATCH: usize = 16_384;

/// A block cannot be used.
#[derive(Debug, thiserror::Error)]
pub(in crate::store) enum BlockError {
    /// It cannot be opened.
    #[error("it cannot be opened: {0}")]
    Open(#[from] io::Error),
    /// It is no Parquet, or damaged.
    #[error("it cannot be read: {0}")]
    Parquet(#[from] ParquetError),
    /// Columns that are not as they should be.
    #[error("its columns cannot be read: {0}")]
    Arrow(#[from] ArrowError),
    /// Made by a later version of this program, or by something else.
    #[error("its schema version is {0:?}, and this program reads up to {version}", version = schema::VERSION)]
    Version(Option<String>),
    /// Columns are missing.
    #[error("it lacks the columns that every block has")]
    Columns,
}

/// A file of spans.
pub(in crate::store) struct Block {
    place: Place,
    /// Numbers of the logs that its spans came through, first and last.
    pub(in crate::store) logs: (u64, u64),
    /// Bytes on disk.
    pub(in crate::store) bytes: u64,
    /// Spans.
    pub(in crate::store) rows: usize,
    /// When its first span starts, and its last, nanoseconds since 1970.
    pub(in crate::store) starts: (u64, u64),
    /// What its services do.
    pub(in crate::store) operations: Vec<Operation>,
    other_keys: Option<BTreeSet<String>>,
    /// None in blocks of version 1.
    index: Option<AttributeIndex>,
    metadata: ArrowReaderMetadata,
    /// Its file goes when nobody reads it any more.
    doomed: AtomicBool,
}

impl Block {
    /// Opens a block and reads what it says of itself.
    pub(in crate::store) fn open(place: Place, logs: (u64, u64)) -> Result<Self, BlockError> {
        let file = place.open()?;
        let bytes = file.len();
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())?;
        let parquet = metadata.metadata();
        let entry = |key: &str| {
            let entries = parquet.file_metadata().key_value_metadata();
            entries.and_then(|entries| entries.iter().find(|entry| entry.key == key)?.value.clone())
        };
        let version = entry(schema::VERSION_KEY);
        if !version.as_deref().is_some_and(|version| schema::READ_VERSIONS.contains(&version)) {
            return Err(BlockError::Version(version));
        }
        let operations: Vec<(String, String, String)> = entry(schema::OPERATIONS_KEY)
            .and_then(|json| serde_json::from_str(&json).ok())
            .unwrap_or_default();
        let other_keys =
            entry(schema::OTHER_KEYS_KEY).and_then(|json| serde_json::from_str(&json).ok()).flatten();
        let index =
            entry(schema::ATTRIBUTE_INDEX_KEY).and_then(|place| AttributeIndex::from_metadata(&place, bytes));
        Ok(Self {
            place,
            logs,
            bytes,
            rows: usize::try_from(parquet.file_metadata().num_rows()).unwrap_or_default(),
            starts: starts(parquet).ok_or(BlockError::Columns)?,
            operations: operations
                .into_iter()
                .map(|(service, name, kind)| Operation {
                    service,
                    name,
                    kind: Kind::from_name(&kind).unwrap_or_default(),
                })
                .collect(),
            other_keys,
            index,
            metadata,
            doomed: AtomicBool::new(false),
        })
    }

    /// Removes the file once the last reader is done.
    pub(in crate::store) fn doom(&self) {
        self.doomed.store(true, Relaxed);
    }

    /// Where it is.
    pub(in crate::store) fn place(&self) -> &Place {
        &self.place
    }

    /// The object that it is; none for a file of the data directory.
    pub(in crate::store) fn object(&self) -> Option<&ColdObject> {
        if let Place::Cold(object) = &self.place { Some(object) } else { None }
    }

    /// Whether it may hold spans that start within a range of time.
    pub(in crate::store) fn overlaps(&self, range: &Range<u64>) -> bool {
        self.starts.0 < range.end && self.starts.1 >= range.start
    }

    /// Looks for what a search asks for.
    pub(in crate::store) fn find(&self, finder: &mut Finder<'_>) -> Result<(), BlockError> {
        let Some(matching) = self.matching(finder.filter())? else { return Ok(()) };
        finder.inspected += self.rows as u64;
        finder.blocks += 1;
        let columns = [schema::TRACE_ID, schema::SPAN_ID, schema::START_TIME];
        for batch in matching.with_projection(self.mask(&columns)).build()? {
            let batch = batch?;
            let ids = Ids::new(&batch).ok_or(BlockError::Columns)?;
            for row in 0..batch.num_rows() {
                let (trace_id, span_id, _, start_ns, _) = ids.get(row);
                finder.add(trace_id, span_id, start_ns);
            }
        }
        Ok(())
    }

    /// Adds the spans that are asked for, with these fields, ids and times alone.
    pub(in crate::store) fn select(
        &self,
        filter: &Filter,
        fields: &[Field],
        spans: &mut Spans,
    ) -> Result<(), BlockError> {
        let Some(matching) = self.matching(filter)? else { return Ok(()) };
        let of_fields: Vec<String> = fields.iter().flat_map(predicate::columns).collect();
        let mut columns = vec![schema::TRACE_ID, schema::SPAN_ID, schema::START_TIME];
        columns.extend(of_fields.iter().map(String::as_str));
        for batch in matching.with_projection(self.mask(&columns)).build()? {
            if !unpack(&batch?, spans) {
                return Err(BlockError::Columns);
            }
        }
        Ok(())
    }

    /// The attributes that spans have here, by name.
    pub(in crate::store) fn attribute_names(&self) -> impl Iterator<Item = &str> {
        let fields = self.metadata.schema().fields().iter();
        let columns = fields.filter_map(|field| field.name().strip_prefix(schema::ATTRIBUTE_PREFIX));
        columns.chain(self.other_keys.iter().flatten().map(String::as_str))
    }

    /// A reader of the rows that are asked for; none if there are none for sure.
    fn matching(
        &self,
        filter: &Filter,
    ) -> Result<Option<ParquetRecordBatchReaderBuilder<BlockFile>>, BlockError> {
        if !self.overlaps(&filter.start_ns)
            || !filter.conditions.iter().all(|condition| self.may_hold(condition))
        {
            return Ok(None);
        }
        let file = self.place.open()?;
        if let Some(index) = self.index {
            for condition in &filter.conditions {
                if !index.may_hold(condition, &file)? {
                    return Ok(None);
                }
            }
        }
        let mut predicates: Vec<Box<dyn ArrowPredicate>> = Vec::new();
        let inside = filter.start_ns.contains(&self.starts.0) && filter.start_ns.contains(&self.starts.1);
        if !inside {
            let range = filter.start_ns.clone();
            let test = move |batch: RecordBatch| Ok(predicate::starts_within(&range, &batch));
            predicates.push(Box::new(ArrowPredicateFn::new(self.mask(&[schema::START_TIME]), test)));
        }
        let mut conditions: Vec<&Condition> = filter.conditions.iter().collect();
        conditions.sort_by_key(|condition| place_in_line(&condition.field));
        for condition in conditions {
            predicates.push(self.predicate(condition));
        }
        Ok(Some(self.reader(file).with_row_filter(RowFilter::new(predicates))))
    }

    /// False if no span here can meet a condition.
    fn may_hold(&self, condition: &Condition) -> bool {
        let any = |of: fn(&Operation) -> &str| {
            self.operations
                .iter()
                .any(|operation| condition.holds(Some(crate::spans::ValueRef::Text(of(operation)))))
        };
        match &condition.field {
            Field::Service => any(|operation| &operation.service),
            Field::Name => any(|operation| &operation.name),
            Field::Kind => any(|operation| operation.kind.name()),
            Field::Attribute(Scope::Span, name) => {
                self.has_column(&format!("{}{name}", schema::ATTRIBUTE_PREFIX))
                    || predicate::may_be_other(&condition.field, self.other_keys.as_ref())
            }
            _ => true,
        }
    }

    fn has_column(&self, name: &str) -> bool {
        self.metadata.schema().column_with_name(name).is_some()
    }

    fn predicate(&self, condition: &Condition) -> Box<dyn ArrowPredicate> {
        let may_be_other = predicate::may_be_other(&condition.field, self.other_keys.as_ref());
        let mut columns = predicate::columns(&condition.field);
        columns.retain(|name| self.has_column(name) && (name != schema::OTHER_ATTRIBUTES || may_be_other));
        let mask = self.mask(&columns.iter().map(String::as_str).collect::<Vec<&str>>());
        let condition = condition.clone();
        let test = move |batch: RecordBatch| Ok(predicate::evaluate(&condition, &columns, &batch));
        Box::new(ArrowPredicateFn::new(mask, test))
    }

    /// Adds every span of these traces.
    pub(in crate::store) fn traces(
        &self,
        ids: &HashSet<TraceId>,
        spans: &mut Spans,
    ) -> Result<(), BlockError> {
        let builder = self.reader(self.place.open()?);
        let column = self.metadata.schema().column_with_name(schema::TRACE_ID).ok_or(BlockError::Columns)?.0;
        let mut groups = Vec::new();
        for group in 0..self.metadata.metadata().num_row_groups() {
            let filter = builder.get_row_group_column_bloom_filter(group, column)?;
            if filter.is_none_or(|filter| ids.iter().any(|id| filter.check(&id.0[..]))) {
                groups.push(group);
            }
        }
        if groups.is_empty() {
            return Ok(());
        }
        let ids = ids.clone();
        let test = move |batch: RecordBatch| {
            let column = batch.column(0).as_any().downcast_ref::<FixedSizeBinaryArray>();
            let is_asked = |bytes: &[u8]| TraceId::from_bytes(bytes).is_some_and(|id| ids.contains(&id));
            Ok(match column {
                Some(column) => {
                    (0..column.len()).map(|row| Some(is_asked(column.value(row)))).collect::<BooleanArray>()
                }
                None => vec![false; batch.num_rows()].into(),
            })
        };
        let predicate = ArrowPredicateFn::new(self.mask(&[schema::TRACE_ID]), test);
        let reader = builder
            .with_row_groups(groups)
            .with_row_filter(RowFilter::new(vec![Box::new(predicate)]))
            .build()?;
        for batch in reader {
            if !unpack(&batch?, spans) {
                return Err(BlockError::Columns);
            }
        }
        Ok(())
    }

    /// Adds every span, with the columns that counting needs or with all.
    pub(in crate::store) fn read(&self, all_columns: bool, spans: &mut Spans) -> Result<(), BlockError> {
        let mut builder = self.reader(self.place.open()?);
        if !all_columns {
            builder = builder.with_projection(self.mask(&[
                schema::TRACE_ID,
                schema::SPAN_ID,
                schema::PARENT_SPAN_ID,
                schema::START_TIME,
                schema::DURATION,
                schema::SERVICE,
                schema::NAME,
                schema::KIND,
                schema::STATUS,
            ]));
        }
        for batch in builder.build()? {
            if !unpack(&batch?, spans) {
                return Err(BlockError::Columns);
            }
        }
        Ok(())
    }

    fn reader(&self, file: BlockFile) -> ParquetRecordBatchReaderBuilder<BlockFile> {
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        builder.with_batch_size(BATCH)
    }

    fn mask(&self, names: &[&str]) -> ProjectionMask {
        let schema = self.metadata.schema();
        let indices = names.iter().filter_map(|name| Some(schema.column_with_name(name)?.0));
        ProjectionMask::roots(self.metadata.parquet_schema(), indices)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.doomed.load(Relaxed)
            && let Place::Hot(path) = &self.place
            && let Err(error) = fs::remove_file(path)
        {
            tracing::warn!(file = %path.display(), %error, "a block that is not needed any more cannot be removed");
        }
    }
}

/// The order in which conditions are asked: those first that are judged quickly and leave few rows for the others.
fn place_in_line(field: &Field) -> usize {
    match field {
        Field::Status | Field::StatusMessage => 0,
        Field::Duration => 1,
        Field::Service | Field::Name => 2,
        Field::Kind => 3,
        Field::Attribute(..) => 4,
    }
}

/// The first and the last start, from the statistics of the row groups.
fn starts(parquet: &ParquetMetaData) -> Option<(u64, u64)> {
    let column = parquet
        .row_groups()
        .first()?
        .columns()
        .iter()
        .position(|column| column.column_path().string() == schema::START_TIME)?;
    let mut starts = (u64::MAX, 0);
    for group in parquet.row_groups() {
        let Some(Statistics::Int64(statistics)) = group.column(column).statistics() else { return None };
        let unsigned = |number: i64| u64::try_from(number).unwrap_or_default();
        starts.0 = starts.0.min(unsigned(*statistics.min_opt()?));
        starts.1 = starts.1.max(unsigned(*statistics.max_opt()?));
    }
    Some(starts)
}
