//! What every test needs: payloads, settings with short delays, waiting.

use crate::backend::Seen;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message;
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tracer_otlp::{Batch, Endpoint, Exporter, Protocol, RetryBounds, Settings, Signal, Stats};

/// A batch of spans with these names.
pub(crate) fn batch(names: &[&str]) -> Batch {
    let spans = names.iter().map(|&name| Span { name: name.to_owned(), ..Span::default() }).collect();
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    let payload = ExportTraceServiceRequest { resource_spans }.encode_to_vec().into();
    Batch { payload, spans: names.len() as u32 }
}

/// Settings for a plain-text backend, with delays that suit a test.
pub(crate) fn settings(protocol: Protocol, address: SocketAddr) -> Settings {
    settings_for(protocol, &format!("http://{address}"))
}

pub(crate) fn settings_for(protocol: Protocol, url: &str) -> Settings {
    let endpoint = match protocol {
        Protocol::Grpc => Endpoint::grpc(url, false),
        Protocol::HttpProtobuf => Endpoint::http_base(url, Signal::Traces),
        Protocol::Post(_) => Endpoint::http(url),
    };
    let mut settings = Settings::new(protocol, endpoint.expect("a valid URL"));
    settings.retry = RetryBounds {
        first: Duration::from_millis(5),
        longest: Duration::from_millis(20),
        total: Duration::from_mins(1),
    };
    settings
}

/// An exporter and its counters.
pub(crate) fn start(settings: Settings) -> (Exporter, Arc<Stats>) {
    let stats = Arc::new(Stats::default());
    let exporter = Exporter::start(settings, Arc::clone(&stats)).expect("the exporter starts");
    (exporter, stats)
}

/// Polls until `condition` holds; fails the test after half a minute.
pub(crate) fn eventually(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(30), "never happened: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// An address at which nobody listens.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr()).expect("a free port")
}

/// Names of all spans seen, sorted.
pub(crate) fn names(seen: &[Seen]) -> Vec<String> {
    let mut names: Vec<String> = seen.iter().flat_map(|request| request.names.clone()).collect();
    names.sort();
    names
}

/// Ends an exporter that is expected to have nothing left.
pub(crate) fn finish(exporter: Exporter) {
    let leftover = exporter.shutdown(Duration::from_secs(30));
    assert_eq!((leftover.batches, leftover.spans), (0, 0));
}
