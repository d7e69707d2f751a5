//! Replays the fuzz seeds, on stable, whole and cut anywhere.

mod common;

use std::path::Path;

/// Seeds of a target, by name; those whose names begin with `bad` are to be refused.
fn replay(target: &str, check: fn(&[u8]) -> common::Taken) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut seeds = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let is_bad = path.file_name().unwrap().to_string_lossy().starts_with("bad");
        assert_ne!(check(&bytes), is_bad, "{}", path.display());
        for end in 0..bytes.len() {
            let _ = check(&bytes[..end]);
        }
        seeds += 1;
    }
    assert!(seeds >= 15, "only {seeds} seeds of {target}");
}

#[test]
fn queries() {
    replay("traceql", common::traceql);
}

#[test]
fn batches_of_jaeger() {
    replay("jaeger_thrift", common::jaeger_thrift);
}

#[test]
fn spans_of_zipkin() {
    replay("zipkin", common::zipkin);
}
