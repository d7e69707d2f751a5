//! Old spans for the tests of the cold tier.

use std::{fs, path::Path};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value as Any,
};

use crate::support::{attribute, now_ns, of_service, request, span, trace_hex};

const HOUR: u64 = 3_600_000_000_000;

/// A trace of two spans, so old.
pub(crate) fn aged(number: u8, hours: u64) -> ExportTraceServiceRequest {
    let base = now_ns() - hours * HOUR;
    let mut root = span(number, 1, 0, "root", base, 0, 1000);
    root.attributes = vec![attribute("number", Any::IntValue(i64::from(number)))];
    request(vec![of_service("old", vec![root, span(number, 2, 1, "child", base, 10, 100)])])
}

/// Blocks below a directory.
pub(crate) fn objects(directory: &Path) -> usize {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            if path.is_dir() {
                objects(&path)
            } else {
                usize::from(path.extension().is_some_and(|end| end == "parquet"))
            }
        })
        .sum()
}

/// Asks for traces 1 to 3, which must be there.
pub(crate) fn answers(get: impl Fn(&str) -> serde_json::Value) {
    for number in [1, 2] {
        let trace = get(&format!("/api/v1/traces/{}", trace_hex(number)));
        assert_eq!(trace["spans"].as_array().unwrap().len(), 2, "{trace}");
    }
    let found = get("/api/v1/traces?tag=number=1&lookback=1000h");
    assert_eq!((&found["total"], &found["traces"][0]["trace_id"]), (&1.into(), &trace_hex(1).into()));
    assert_eq!(found["inspected_blocks"], 1, "{found}");
    assert_eq!(get("/api/v1/traces?service=old&count=true&lookback=1000h")["total"], 3);
    let operations = get("/api/v1/analytics/operations?lookback=1000h");
    assert_eq!(operations["operations"][0]["calls"]["calls"], 3);
}
