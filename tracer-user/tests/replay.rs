//! Recorded sessions of real services, and the traces that come of them. No root, no kernel.
//!
//! `testdata/events/record` makes the recordings; with `TRACER_UPDATE_EXPECTED=1` this test writes what comes of them.

use std::{fs, fs::File, io::BufReader, path::Path};

use tracer_user::{
    commands::replay::traces,
    config::Config,
    ingest::Recording,
    spans::span::{Span, SpanKind, Value},
    telemetry::drops::Drop,
};

#[path = "pipeline/outline.rs"]
mod outline;

/// Attributes that differ from one recording of the same session to the next.
fn varies(span: &Span, key: &str) -> bool {
    key == "client.port" || (key == "network.peer.port" && span.kind == SpanKind::Server)
}

fn attributes(span: &Span) -> Vec<String> {
    let line = |(key, value): &(&str, Value)| match value {
        _ if varies(span, key) => format!("{key}: *"),
        // The folder of the unix socket is a new one each time.
        Value::Shared(text) if text.starts_with("/tmp/") => {
            format!("{key}: */{}", text.rsplit('/').next().unwrap_or_default())
        }
        Value::Int(number) => format!("{key}: {number}"),
        Value::Bool(truth) => format!("{key}: {truth}"),
        text => format!("{key}: {:?}", text.as_str().unwrap_or_default()),
    };
    span.attributes.iter().map(line).collect()
}

/// Compares the traces of a recording with the text beside it.
fn replays(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/events").join(name);
    let file = File::open(path.with_extension("rec")).unwrap();
    let mut recording = Recording::open(BufReader::new(file)).unwrap_or_else(|error| {
        panic!("{name}: {error}; after a change of the records' layout, run testdata/events/record as root")
    });
    let mut spans = Vec::new();
    let census = traces(&mut recording, &Config::default(), |trace| spans.extend(trace)).unwrap();
    assert!(!recording.is_cut());
    assert_eq!((census.open_requests, census.waiting_spans), (0, 0), "something never ended");
    assert_eq!(census.finished_spans, spans.len() as u64);
    for reason in Drop::ALL.into_iter().filter(|reason| !reason.intentional()) {
        assert_eq!(census.drops.get(reason), 0, "{}", reason.name());
    }
    let found = outline::outline(&spans, attributes);
    for span in &spans {
        let parent =
            span.parent.and_then(|parent| spans.iter().find(|other| other.span_id == parent.span_id));
        // A server is done when it has written; what it wrote may take longer to be read. No other way round.
        assert!(
            parent.is_none_or(|parent| span.end_ns <= parent.end_ns),
            "a child ends after its parent: {found}"
        );
    }
    let expected = path.with_extension("expected");
    if std::env::var_os("TRACER_UPDATE_EXPECTED").is_some() {
        fs::write(&expected, &found).unwrap();
    }
    let expected = fs::read_to_string(&expected).unwrap();
    assert!(found == expected, "{name}: the traces differ.\n--- expected\n{expected}\n--- found\n{found}");
}

#[test]
fn curl_nginx_python() {
    replays("proxied");
}

#[test]
fn nginx_python_by_unix_socket() {
    replays("unix");
}

#[test]
fn five_requests_on_one_connection() {
    replays("keep_alive");
}

#[test]
fn five_requests_in_one_segment() {
    replays("pipelining");
}

#[test]
fn ten_megabytes_in_chunks() {
    replays("chunked");
}

#[test]
fn a_reset_in_mid_response() {
    replays("reset");
}

#[test]
fn a_replay_is_the_same_each_time() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/events/proxied.rec");
    let once = || {
        let mut recording = Recording::open(File::open(&path).unwrap()).unwrap();
        let mut ids = Vec::new();
        traces(&mut recording, &Config::default(), |trace| {
            ids.extend(trace.iter().map(|span| (span.trace_id, span.span_id, span.start_ns, span.end_ns)));
        })
        .unwrap();
        ids
    };
    assert_eq!(once(), once());
}

#[test]
fn a_recording_that_ends_within_a_record_is_replayed_up_to_there() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/events/keep_alive.rec");
    let bytes = fs::read(path).unwrap();
    let mut recording = Recording::open(&bytes[..bytes.len() - 5]).unwrap();
    let census = traces(&mut recording, &Config::default(), drop).unwrap();
    assert!(recording.is_cut());
    assert_eq!(census.finished_spans, 10);
}
