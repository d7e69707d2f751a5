//! Spans as rows of the collector's table, in ClickHouse's `RowBinary` format (its documentation: "Formats", "RowBinary").

use serde_json::{Map, Value as Json};

use super::{
    extra::{ExtraTexts, object, text_of, text_of_json},
    schema::{COLUMNS, EXTRA, Layout},
    sql::identifier,
};
use crate::spans::{Kind, SpanRef, Spans, Status, ValueRef};

/// The statement in front of the rows.
pub(super) fn statement(table: &str, layout: Layout) -> String {
    let mut columns: Vec<String> = COLUMNS.into_iter().map(identifier).collect();
    columns.extend(layout.has_extra.then(|| identifier(EXTRA)));
    format!("INSERT INTO {} ({}) FORMAT RowBinary", identifier(table), columns.join(", "))
}

/// The rows.
pub(super) fn rows(spans: &Spans, layout: Layout) -> Vec<u8> {
    let mut rows = Rows(Vec::new());
    let mut extras = ExtraTexts::default();
    for span in spans.iter() {
        let (events, links) = (list(span.text(span.row().events)), list(span.text(span.row().links)));
        rows.span(span, &events, &links);
        if layout.has_extra {
            rows.text(&extras.of(span, &events, &links));
        }
    }
    rows.0
}

/// Names as the collector has them (pdata, `ptrace.SpanKind`, `ptrace.StatusCode`).
pub(super) const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Unspecified => "Unspecified",
        Kind::Internal => "Internal",
        Kind::Server => "Server",
        Kind::Client => "Client",
        Kind::Producer => "Producer",
        Kind::Consumer => "Consumer",
    }
}

pub(super) const fn status_name(status: Status) -> &'static str {
    match status {
        Status::Unset => "Unset",
        Status::Ok => "Ok",
        Status::Error => "Error",
    }
}

struct Rows(Vec<u8>);

impl Rows {
    /// The collector's columns of a span.
    fn span(&mut self, span: SpanRef<'_>, events: &[Json], links: &[Json]) {
        let row = span.row();
        let scope: Json = serde_json::from_str(span.text(row.scope)).unwrap_or_default();
        let in_scope = |name: &str| scope[name].as_str().unwrap_or_default();
        self.time(row.start_ns);
        self.text(&row.trace_id.to_string());
        self.text(&row.span_id.to_string());
        self.text(&if row.parent_id.is_some() { row.parent_id.to_string() } else { String::new() });
        self.text(span.text(row.trace_state));
        self.text(span.name());
        self.text(kind_name(row.kind));
        self.text(span.service());
        self.map(span.resource_attributes());
        self.text(in_scope("name"));
        self.text(in_scope("version"));
        self.map(span.attributes());
        self.number(row.duration_ns);
        self.text(status_name(row.status));
        self.text(span.text(row.status_message));
        self.list(events, |rows, event| rows.time(event["time_ns"].as_u64().unwrap_or_default()));
        self.list(events, |rows, event| rows.text(event["name"].as_str().unwrap_or_default()));
        self.list(events, |rows, event| rows.object(object(&event["attributes"])));
        for name in ["trace_id", "span_id", "trace_state"] {
            self.list(links, |rows, link| rows.text(link[name].as_str().unwrap_or_default()));
        }
        self.list(links, |rows, link| rows.object(object(&link["attributes"])));
    }

    /// Lengths: LEB128.
    fn length(&mut self, mut length: usize) {
        while length >= 0x80 {
            self.0.push(length as u8 | 0x80);
            length >>= 7;
        }
        self.0.push(length as u8);
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    /// Nanoseconds since 1970; `DateTime64(9)` is signed, and ends in 2262.
    fn time(&mut self, ns: u64) {
        self.number(ns.min(i64::MAX as u64));
    }

    fn map<'a>(&mut self, values: impl Iterator<Item = (&'a str, ValueRef<'a>)>) {
        let values: Vec<_> = values.collect();
        self.length(values.len());
        for (key, value) in values {
            self.text(key);
            match value {
                ValueRef::Text(text) | ValueRef::Json(text) => self.text(text),
                other => self.text(&text_of(other)),
            }
        }
    }

    fn object(&mut self, object: &Map<String, Json>) {
        self.length(object.len());
        for (key, value) in object {
            self.text(key);
            self.text(&text_of_json(value));
        }
    }

    fn list(&mut self, items: &[Json], item: impl Fn(&mut Self, &Json)) {
        self.length(items.len());
        for one in items {
            item(self, one);
        }
    }
}

fn list(json: &str) -> Vec<Json> {
    if json.is_empty() { Vec::new() } else { serde_json::from_str(json).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_in_groups_of_seven_bits() {
        let of = |length| {
            let mut rows = Rows(Vec::new());
            rows.length(length);
            rows.0
        };
        assert_eq!((of(0), of(127), of(128), of(300)), (vec![0], vec![127], vec![128, 1], vec![0xac, 2]));
    }
}
