//! Rows of the collector's table as spans again.

use std::sync::Arc;

use arrow_array::{
    Array as _, BinaryArray, Int64Array, MapArray, RecordBatch, UInt64Array, cast::AsArray as _,
};
use arrow_ipc::reader::StreamReader;
use hashbrown::HashMap;
use serde_json::{Map, Value as Json, json};

use super::{
    client::{Answer, ClickHouseError},
    extra::{Extra, Known, Types},
};
use crate::{
    spans::{Kind, Row, SpanId, Spans, Status, Text, Texts, TraceId, UNKNOWN_SERVICE, Value},
    store::archive::Recent,
};

/// Reads an answer and shows `look` its batches.
pub(super) fn read(
    answer: Answer,
    mut look: impl FnMut(&RecordBatch) -> Result<(), ClickHouseError>,
) -> Result<(), ClickHouseError> {
    let broken = |error: arrow_schema::ArrowError| ClickHouseError::Answer(error.to_string());
    for batch in StreamReader::try_new(answer, None).map_err(broken)? {
        look(&batch.map_err(broken)?)?;
    }
    Ok(())
}

/// Adds the rows of a batch but those that are in `recent`.
pub(super) fn unpack(batch: &RecordBatch, recent: &Recent, spans: &mut Spans) -> Result<(), ClickHouseError> {
    let wrong = || ClickHouseError::Answer("its columns are not those that were asked for".to_owned());
    let bytes = |name: &str| batch.column_by_name(name)?.as_any().downcast_ref::<BinaryArray>();
    let maps = |name: &str| batch.column_by_name(name)?.as_any().downcast_ref::<MapArray>();
    let ids = (bytes("trace_id"), bytes("span_id"), bytes("parent_id"));
    let (Some(traces), Some(own), Some(parents)) = ids else { return Err(wrong()) };
    let starts =
        batch.column_by_name("start_ns").and_then(|column| column.as_any().downcast_ref::<Int64Array>());
    let durations =
        batch.column_by_name("duration_ns").and_then(|column| column.as_any().downcast_ref::<UInt64Array>());
    let (Some(starts), Some(durations)) = (starts, durations) else { return Err(wrong()) };
    let columns = Columns {
        service: bytes("service"),
        name: bytes("name"),
        kind: bytes("kind"),
        status: bytes("status"),
        status_message: bytes("status_message"),
        trace_state: bytes("trace_state"),
        scope: (bytes("scope_name"), bytes("scope_version")),
        resource: maps("resource"),
        attributes: maps("attributes"),
        events: bytes("events"),
        links: bytes("links"),
        extra: bytes("extra"),
    };
    let mut extras = Extras::default();
    for index in 0..batch.num_rows() {
        let trace_id = TraceId::parse(&text(traces, index)).ok_or_else(wrong)?;
        let span_id = span_id(&text(own, index));
        if recent.contains(trace_id, span_id) {
            continue;
        }
        let extra = extras.of(columns.extra.map(|column| text(column, index)));
        let resource = columns.resource(index, extra.as_deref(), spans);
        let attributes = columns.attributes(index, extra.as_deref(), spans.texts_mut());
        let row = columns.row(index, extra.as_deref(), spans.texts_mut());
        let row = Row {
            trace_id,
            span_id,
            parent_id: self::span_id(&text(parents, index)),
            start_ns: u64::try_from(starts.value(index)).unwrap_or_default(),
            duration_ns: durations.value(index),
            resource,
            ..row
        };
        spans.push(row, attributes);
    }
    Ok(())
}

/// The columns that an answer has.
struct Columns<'a> {
    service: Option<&'a BinaryArray>,
    name: Option<&'a BinaryArray>,
    kind: Option<&'a BinaryArray>,
    status: Option<&'a BinaryArray>,
    status_message: Option<&'a BinaryArray>,
    trace_state: Option<&'a BinaryArray>,
    /// Name, version.
    scope: (Option<&'a BinaryArray>, Option<&'a BinaryArray>),
    resource: Option<&'a MapArray>,
    attributes: Option<&'a MapArray>,
    events: Option<&'a BinaryArray>,
    links: Option<&'a BinaryArray>,
    extra: Option<&'a BinaryArray>,
}

impl Columns<'_> {
    /// A row without ids, times and resource.
    fn row(&self, index: usize, extra: Option<&Extra>, texts: &mut Texts) -> Row {
        let get =
            |column: Option<&BinaryArray>| column.map_or_else(String::new, |column| text(column, index));
        let mut service = get(self.service);
        if service.is_empty() && self.service.is_some() {
            UNKNOWN_SERVICE.clone_into(&mut service);
        }
        Row {
            trace_id: TraceId([0; 16]),
            span_id: SpanId::NONE,
            parent_id: SpanId::NONE,
            start_ns: 0,
            duration_ns: 0,
            name: texts.intern(&get(self.name)),
            service: texts.intern(&service),
            resource: 0,
            scope: texts.intern(&scope(get(self.scope.0), get(self.scope.1), extra)),
            status_message: texts.intern(&get(self.status_message)),
            trace_state: texts.intern(&get(self.trace_state)),
            events: texts.intern(&events(&get(self.events), extra)),
            links: texts.intern(&links(&get(self.links), extra)),
            flags: extra.map_or(0, |extra| extra.flags),
            attributes_at: 0,
            attributes: 0,
            kind: kind_of(&get(self.kind)),
            status: Status::from_name(&plain(&get(self.status), "STATUS_CODE_")).unwrap_or_default(),
        }
    }

    fn attributes(&self, index: usize, extra: Option<&Extra>, texts: &mut Texts) -> Vec<(Text, Value)> {
        let types = extra.map(|extra| &extra.attributes);
        let pairs = self.attributes.map(|map| pairs(map, index)).unwrap_or_default();
        let value = |(key, value): (String, String)| {
            let value = Known::of(types, &key).value(&value, texts);
            (texts.intern(&key), value)
        };
        pairs.into_iter().map(value).collect()
    }

    fn resource(&self, index: usize, extra: Option<&Extra>, spans: &mut Spans) -> u32 {
        let types = extra.map(|extra| &extra.resource);
        let pairs = self.resource.map(|map| pairs(map, index)).unwrap_or_default();
        let object: Map<String, Json> = pairs
            .into_iter()
            .map(|(key, value)| {
                let value = Known::of(types, &key).json(&value);
                (key, value)
            })
            .collect();
        let json = Json::Object(object).to_string();
        spans.resource(&json, |texts| crate::spans::values_of_object(&json, texts))
    }
}

/// The kind that has this name in the collector's table.
pub(super) fn kind_of(name: &str) -> Kind {
    Kind::from_name(&plain(name, "SPAN_KIND_")).unwrap_or_default()
}

/// Older collectors have protobuf's names.
fn plain(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_lowercase()
}

fn text(column: &BinaryArray, index: usize) -> String {
    String::from_utf8_lossy(column.value(index)).into_owned()
}

fn span_id(hex: &str) -> SpanId {
    u64::from_str_radix(hex, 16).map_or(SpanId::NONE, SpanId)
}

/// The pairs of a map.
fn pairs(map: &MapArray, index: usize) -> Vec<(String, String)> {
    let entries = map.value(index);
    let (keys, values) = (entries.column(0).as_binary_opt::<i32>(), entries.column(1).as_binary_opt::<i32>());
    let (Some(keys), Some(values)) = (keys, values) else { return Vec::new() };
    (0..entries.len()).map(|index| (text(keys, index), text(values, index))).collect()
}

/// The JSON in [`EXTRA`], read once for rows that have the same.
#[derive(Default)]
struct Extras(HashMap<String, Option<Arc<Extra>>>);

impl Extras {
    /// None for rows of other programs.
    fn of(&mut self, text: Option<String>) -> Option<Arc<Extra>> {
        let text = text.filter(|text| !text.is_empty())?;
        if let Some(known) = self.0.get(&text) {
            return known.clone();
        }
        let extra: Option<Arc<Extra>> = serde_json::from_str(&text).ok().map(Arc::new);
        self.0.insert(text, extra.clone());
        extra
    }
}

fn scope(name: String, version: String, extra: Option<&Extra>) -> String {
    let mut scope = Map::new();
    for (key, value) in [("name", name), ("version", version)] {
        if !value.is_empty() {
            scope.insert(key.to_owned(), Json::from(value));
        }
    }
    if let Some(extra) = extra.filter(|extra| !extra.scope.is_empty()) {
        scope.insert("attributes".to_owned(), Json::Object(extra.scope.clone()));
    }
    if scope.is_empty() { String::new() } else { Json::Object(scope).to_string() }
}

/// Pairs of text as typed JSON.
fn typed(pairs: Map<String, Json>, types: Option<&Types>) -> Json {
    let value = |(key, value): (String, Json)| {
        let value = Known::of(types, &key).json(value.as_str().unwrap_or_default());
        (key, value)
    };
    Json::Object(pairs.into_iter().map(value).collect())
}

fn events(text: &str, extra: Option<&Extra>) -> String {
    let events: Vec<(String, String, Map<String, Json>)> = serde_json::from_str(text).unwrap_or_default();
    let event = |(index, (time, name, attributes)): (usize, (String, String, Map<String, Json>))| {
        json!({
            "time_ns": time.parse::<u64>().unwrap_or_default(),
            "name": name,
            "attributes": typed(attributes, types_at(extra, index, |extra| &extra.events)),
        })
    };
    as_text(events.into_iter().enumerate().map(event).collect())
}

fn links(text: &str, extra: Option<&Extra>) -> String {
    type Link = (String, String, String, Map<String, Json>);
    let links: Vec<Link> = serde_json::from_str(text).unwrap_or_default();
    let link = |(index, (trace_id, span_id, trace_state, attributes)): (usize, Link)| {
        let id = |id: String| if id.is_empty() { Json::Null } else { Json::from(id) };
        let flags = extra.and_then(|extra| extra.link_flags.get(index)).copied().unwrap_or_default();
        json!({
            "trace_id": id(trace_id),
            "span_id": id(span_id),
            "trace_state": trace_state,
            "flags": flags,
            "attributes": typed(attributes, types_at(extra, index, |extra| &extra.links)),
        })
    };
    as_text(links.into_iter().enumerate().map(link).collect())
}

/// The types of an item; those of a span that has none at all are all text.
fn types_at(extra: Option<&Extra>, index: usize, of: impl Fn(&Extra) -> &Vec<Types>) -> Option<&Types> {
    static NONE: Types = Types::new();
    extra.map(|extra| of(extra).get(index).unwrap_or(&NONE))
}

fn as_text(list: Vec<Json>) -> String {
    if list.is_empty() { String::new() } else { Json::Array(list).to_string() }
}
