//! What a question needs of each span, as a list of columns, whose names [`super::rows`] knows.

use super::{
    schema::{EXTRA, Layout},
    sql,
};
use crate::query::{Field, Scope};

/// The columns that every question asks for: ids and times.
const IDS: [(&str, &str); 5] = [
    ("TraceId", "trace_id"),
    ("SpanId", "span_id"),
    ("ParentSpanId", "parent_id"),
    ("toUnixTimestamp64Nano(Timestamp)", "start_ns"),
    ("toUInt64(Duration)", "duration_ns"),
];

/// Those that counting needs beside them.
const COUNTING: [(&str, &str); 4] =
    [("ServiceName", "service"), ("SpanName", "name"), ("SpanKind", "kind"), ("StatusCode", "status")];

/// All others.
const OTHERS: [(&str, &str); 8] = [
    ("TraceState", "trace_state"),
    ("StatusMessage", "status_message"),
    ("ResourceAttributes", "resource"),
    ("ScopeName", "scope_name"),
    ("ScopeVersion", "scope_version"),
    ("SpanAttributes", "attributes"),
    (
        "if(empty(Events.Name), '', toJSONString(arrayZip(arrayMap(t -> toString(toUnixTimestamp64Nano(t)), Events.Timestamp), Events.Name, Events.Attributes)))",
        "events",
    ),
    (
        "if(empty(Links.TraceId), '', toJSONString(arrayZip(Links.TraceId, Links.SpanId, Links.TraceState, Links.Attributes)))",
        "links",
    ),
];

/// What a question needs of each span.
#[derive(Clone, Copy)]
pub(super) enum Needs<'a> {
    /// What counting needs.
    Counting,
    /// Fields, ids and times.
    Fields(&'a [Field]),
    /// Everything.
    All,
}

impl Needs<'_> {
    /// The list behind SELECT.
    pub(super) fn columns(self, layout: Layout) -> String {
        let mut columns: Vec<(String, &str)> = Vec::new();
        let mut add = |list: &[(&str, &'static str)]| {
            columns.extend(list.iter().map(|(expression, name)| ((*expression).to_owned(), *name)));
        };
        add(&IDS);
        match self {
            Self::Counting => add(&COUNTING),
            Self::All => {
                add(&COUNTING);
                add(&OTHERS);
            }
            Self::Fields(fields) => {
                let of = |name: &str| COUNTING.iter().chain(&OTHERS).find(|(_, known)| *known == name);
                let mut keys: Vec<&str> = Vec::new();
                let mut names: Vec<&str> = Vec::new();
                for field in fields {
                    match field {
                        Field::Service => names.push("service"),
                        Field::Name => names.push("name"),
                        Field::Kind => names.push("kind"),
                        Field::Status => names.push("status"),
                        Field::StatusMessage => names.push("status_message"),
                        Field::Duration => {}
                        Field::Attribute(scope, key) => {
                            if *scope != Scope::Resource {
                                keys.push(key);
                            }
                            if *scope != Scope::Span {
                                names.push("resource");
                            }
                        }
                    }
                }
                names.sort_unstable();
                names.dedup();
                add(&names.into_iter().filter_map(of).copied().collect::<Vec<_>>());
                if !keys.is_empty() {
                    let some = format!("mapFilter((k, v) -> k IN {}, SpanAttributes)", sql::texts(keys));
                    columns.push((some, "attributes"));
                }
            }
        }
        let has_values = columns.iter().any(|(_, name)| matches!(*name, "attributes" | "resource"));
        if layout.has_extra && has_values {
            columns.push((EXTRA.to_owned(), "extra"));
        }
        let list = columns.iter().map(|(expression, name)| format!("{expression} AS {name}"));
        list.collect::<Vec<String>>().join(", ")
    }
}
