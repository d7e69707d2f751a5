//! The tables: those of the OpenTelemetry collector (opentelemetry-collector-contrib, exporter/clickhouseexporter,
//! internal/sql_templates/traces_*.sql), and one column more.

use std::{collections::BTreeSet, time::Duration};

use super::{
    client::{ClickHouseError, Client},
    sql::{identifier, text},
};
use crate::query::Deadline;

/// The collector's columns, in the order in which rows are written.
pub(super) const COLUMNS: [&str; 22] = [
    "Timestamp",
    "TraceId",
    "SpanId",
    "ParentSpanId",
    "TraceState",
    "SpanName",
    "SpanKind",
    "ServiceName",
    "ResourceAttributes",
    "ScopeName",
    "ScopeVersion",
    "SpanAttributes",
    "Duration",
    "StatusCode",
    "StatusMessage",
    "Events.Timestamp",
    "Events.Name",
    "Events.Attributes",
    "Links.TraceId",
    "Links.SpanId",
    "Links.TraceState",
    "Links.Attributes",
];

/// What the others have no place for ([`super::extra`]). Not the collector's, which leaves it empty.
pub(super) const EXTRA: &str = "TracerExtra";

/// Longest age that has a TTL: `DateTime` ends in 2106, and begins anew then.
const LONGEST: Duration = Duration::from_hours(50 * 365 * 24);

/// What the tables are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Whether there is [`EXTRA`].
    pub(super) has_extra: bool,
    /// Whether there is the table that tells when the spans of a trace start.
    pub(super) has_times: bool,
}

impl Layout {
    /// Looks what is there.
    pub(super) fn read(client: &Client, deadline: &Deadline) -> Result<Self, ClickHouseError> {
        let table = &client.settings().table;
        let sql = format!(
            "SELECT table, name FROM system.columns WHERE database = currentDatabase() AND table IN ({}, {})",
            text(table),
            text(&times_of(table)),
        );
        let found: BTreeSet<(String, String)> = client.rows(&sql, deadline)?.into_iter().collect();
        let has = |table: &str, column: &str| found.contains(&(table.to_owned(), column.to_owned()));
        let missing: Vec<&str> = COLUMNS.into_iter().filter(|column| !has(table, column)).collect();
        if !missing.is_empty() {
            return Err(ClickHouseError::Table { table: table.clone(), missing: missing.join(", ") });
        }
        let times = times_of(table);
        Ok(Self {
            has_extra: has(table, EXTRA),
            has_times: ["TraceId", "Start", "End"].into_iter().all(|column| has(&times, column)),
        })
    }
}

/// The name of the table that tells when the spans of a trace start.
pub(super) fn times_of(table: &str) -> String {
    format!("{table}_trace_id_ts")
}

/// Makes what is not there.
pub(super) fn create(client: &Client, age: Duration, deadline: &Deadline) -> Result<(), ClickHouseError> {
    let settings = client.settings();
    let database = identifier(&settings.database);
    let qualified = |table: &str| format!("{database}.{}", identifier(table));
    let table = qualified(&settings.table);
    let times = qualified(&times_of(&settings.table));
    let view = qualified(&format!("{}_mv", times_of(&settings.table)));
    let ttl = |column: &str| {
        if age > LONGEST {
            return String::new();
        }
        format!("TTL toDateTime({column}) + toIntervalSecond({})", age.as_secs())
    };
    let statements = [
        format!("CREATE DATABASE IF NOT EXISTS {database}"),
        spans_table(&table, &ttl("Timestamp")),
        // A table that the collector has made.
        format!("ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {EXTRA} LowCardinality(String) CODEC(ZSTD(1))"),
        format!(
            "CREATE TABLE IF NOT EXISTS {times} (
                TraceId String CODEC(ZSTD(1)),
                Start DateTime CODEC(Delta, ZSTD(1)),
                End DateTime CODEC(Delta, ZSTD(1)),
                INDEX idx_trace_id TraceId TYPE bloom_filter(0.01) GRANULARITY 1
            ) ENGINE = MergeTree PARTITION BY toDate(Start) ORDER BY (TraceId, Start) {}
            SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1",
            ttl("Start")
        ),
        format!(
            "CREATE MATERIALIZED VIEW IF NOT EXISTS {view} TO {times} AS
            SELECT TraceId, min(Timestamp) AS Start, max(Timestamp) AS End FROM {table} WHERE TraceId != '' GROUP BY TraceId"
        ),
    ];
    for statement in statements {
        client.make(statement, deadline)?;
    }
    Ok(())
}

fn spans_table(name: &str, ttl: &str) -> String {
    const MAP: &str = "Map(LowCardinality(String), String)";
    let columns = COLUMNS.iter().filter(|column| !column.contains('.')).map(|column| {
        let of = match *column {
            "Timestamp" => return format!("{column} DateTime64(9) CODEC(Delta, ZSTD(1))"),
            "SpanName" | "SpanKind" | "ServiceName" | "StatusCode" => "LowCardinality(String)",
            "ResourceAttributes" | "SpanAttributes" => MAP,
            "Duration" => "UInt64",
            _ => "String",
        };
        format!("{column} {of} CODEC(ZSTD(1))")
    });
    let columns: Vec<String> = columns.collect();
    let index = |name: &str, of: &str, kind: &str| format!("INDEX {name} {of} TYPE {kind} GRANULARITY 1");
    let indexes = [
        index("idx_trace_id", "TraceId", "bloom_filter(0.001)"),
        index("idx_res_attr_key", "mapKeys(ResourceAttributes)", "bloom_filter(0.01)"),
        index("idx_res_attr_value", "mapValues(ResourceAttributes)", "bloom_filter(0.01)"),
        index("idx_span_attr_key", "mapKeys(SpanAttributes)", "bloom_filter(0.01)"),
        index("idx_span_attr_value", "mapValues(SpanAttributes)", "bloom_filter(0.01)"),
        index("idx_duration", "Duration", "minmax"),
    ];
    // A batch whose acknowledgement was lost is sent again: what came twice within so many inserts is told by its token.
    format!(
        "CREATE TABLE IF NOT EXISTS {name} ({}, {EXTRA} LowCardinality(String) CODEC(ZSTD(1)),
            Events Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes {MAP}) CODEC(ZSTD(1)),
            Links Nested (TraceId String, SpanId String, TraceState String, Attributes {MAP}) CODEC(ZSTD(1)), {}
        ) ENGINE = MergeTree PARTITION BY toDate(Timestamp) ORDER BY (ServiceName, SpanName, toDateTime(Timestamp)) {ttl}
        SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000",
        columns.join(", "),
        indexes.join(", "),
    )
}
