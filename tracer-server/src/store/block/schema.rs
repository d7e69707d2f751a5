//! The columns of a block. docs/store.md says the same to those who read blocks with other programs.

use std::sync::Arc;

use arrow_schema::{DataType, Field, TimeUnit};

/// Version of the schema, in the file's metadata under [`VERSION_KEY`]. A reader refuses later ones.
pub(super) const VERSION: &str = "2";

/// The versions that are read. Version 1 has no [`ATTRIBUTE_INDEX_KEY`].
pub(super) const READ_VERSIONS: [&str; 2] = ["1", VERSION];

/// Where the version is.
pub(super) const VERSION_KEY: &str = "tracer.schema_version";

/// Metadata: the operations in the block, as JSON lists of service, name and kind.
pub(super) const OPERATIONS_KEY: &str = "tracer.operations";

/// Metadata: attributes of which some or all values are in [`OTHER_ATTRIBUTES`], as a JSON list; `null` for too many.
pub(super) const OTHER_KEYS_KEY: &str = "tracer.other_attributes";

/// Metadata: where the file has its index of attributes, as offset and length in bytes with a space between.
pub(super) const ATTRIBUTE_INDEX_KEY: &str = "tracer.attribute_index";

pub(super) const TRACE_ID: &str = "trace_id";
pub(super) const SPAN_ID: &str = "span_id";
pub(super) const PARENT_SPAN_ID: &str = "parent_span_id";
pub(super) const START_TIME: &str = "start_time";
pub(super) const DURATION: &str = "duration_ns";
pub(super) const SERVICE: &str = "service";
pub(super) const NAME: &str = "name";
pub(super) const KIND: &str = "kind";
pub(super) const STATUS: &str = "status";
pub(super) const STATUS_MESSAGE: &str = "status_message";
pub(super) const TRACE_STATE: &str = "trace_state";
pub(super) const FLAGS: &str = "flags";
pub(super) const RESOURCE: &str = "resource";
pub(super) const SCOPE: &str = "scope";
pub(super) const EVENTS: &str = "events";
pub(super) const LINKS: &str = "links";
/// A JSON object of the attributes that have no column in this block.
pub(super) const OTHER_ATTRIBUTES: &str = "other_attributes";

/// In front of the name of an attribute that has a column.
pub(super) const ATTRIBUTE_PREFIX: &str = "attr.";

/// Most attributes that get a column; the most frequent do.
pub(super) const MOST_COLUMNS: usize = 100;

/// Text with a dictionary.
pub(super) fn text() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// Nanoseconds since 1970, in UTC.
pub(super) fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some(Arc::from("UTC")))
}

/// A column.
pub(super) fn field(name: &str, data_type: DataType, nullable: bool) -> Field {
    Field::new(name, data_type, nullable)
}
