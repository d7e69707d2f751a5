//! Backends that are down, restart or hang, and the end of the exporter.

use crate::{
    backend::{GrpcBackend, HttpBackend, Reply},
    support::{batch, eventually, finish, free_address, names, settings, start},
};
use std::time::Duration;
use tracer_otlp::{DropReason, Leftover, Protocol, QueueBounds, Rejected};

const BOTH: [Protocol; 2] = [Protocol::Grpc, Protocol::HttpProtobuf];

#[test]
fn the_queue_fills_to_its_bound_and_recovers() {
    let address = free_address();
    let mut settings = settings(Protocol::Grpc, address);
    settings.queue = QueueBounds { batches: 6, bytes: 1 << 20 };
    let (exporter, stats) = start(settings);
    for _ in 0..6 {
        exporter.offer(batch(&["kept", "kept"])).unwrap();
    }
    assert_eq!(exporter.offer(batch(&["lost", "lost", "lost"])), Err(Rejected::QueueFull));
    eventually("attempts have failed", || stats.snapshot().retries > 0);
    let snapshot = stats.snapshot();
    assert!(snapshot.failing);
    let error = snapshot.last_error.unwrap().text;
    assert!(error.starts_with(&format!("Sending to http://{address} failed: ")), "{error}");
    assert!(error.contains("refused"), "{error}");
    // Those in flight still hold their memory, so there is no room yet.
    assert_eq!(exporter.offer(batch(&["lost"])), Err(Rejected::QueueFull));
    assert_eq!(snapshot.queued_batches, 6);

    let backend = GrpcBackend::start_at(address, Vec::new(), None);
    eventually("the queue has drained", || stats.snapshot().queued_batches == 0);
    exporter.offer(batch(&["new"])).unwrap();
    finish(exporter);
    let snapshot = stats.snapshot();
    assert_eq!((snapshot.exported_batches, snapshot.exported_spans), (7, 13));
    assert_eq!(snapshot.dropped_spans, [4, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!((snapshot.queued_bytes, snapshot.failing), (0, false));
    assert_eq!(names(&backend.desk.seen()).len(), 13);
}

#[test]
fn a_batch_larger_than_the_queue_is_refused() {
    let mut settings = settings(Protocol::HttpProtobuf, free_address());
    settings.queue = QueueBounds { batches: 6, bytes: 10 };
    let (exporter, stats) = start(settings);
    assert_eq!(exporter.offer(batch(&["longer than ten bytes"])), Err(Rejected::QueueFull));
    assert_eq!(stats.dropped(DropReason::QueueFull), 1);
    finish(exporter);
}

#[test]
fn a_backend_that_starts_late_gets_everything() {
    for protocol in BOTH {
        let address = free_address();
        let (exporter, stats) = start(settings(protocol, address));
        exporter.offer(batch(&["a"])).unwrap();
        eventually("an attempt has failed", || stats.snapshot().failing);
        let seen = match protocol {
            Protocol::Grpc => {
                let backend = GrpcBackend::start_at(address, Vec::new(), None);
                finish(exporter);
                backend.desk.seen()
            }
            Protocol::HttpProtobuf | Protocol::Post(_) => {
                let backend = HttpBackend::start_at(address, Vec::new(), None);
                finish(exporter);
                backend.desk.seen()
            }
        };
        assert_eq!(names(&seen), ["a"]);
        assert_eq!(stats.snapshot().exported_spans, 1);
    }
}

#[test]
fn connections_are_made_anew_after_a_restart() {
    let first = GrpcBackend::start(Vec::new());
    let address = first.address;
    let (exporter, stats) = start(settings(Protocol::Grpc, address));
    exporter.offer(batch(&["before"])).unwrap();
    eventually("the first batch is exported", || stats.snapshot().exported_spans == 1);
    drop(first);
    let second = GrpcBackend::start_at(address, Vec::new(), None);
    exporter.offer(batch(&["after"])).unwrap();
    eventually("the second batch is exported", || stats.snapshot().exported_spans == 2);
    assert_eq!(names(&second.desk.seen()), ["after"]);
    drop(second);

    let third = HttpBackend::start_at(address, Vec::new(), None);
    drop(third);
    finish(exporter);
}

#[test]
fn a_server_that_dies_while_it_works_is_retried() {
    for protocol in BOTH {
        let address = free_address();
        let (exporter, stats) = start(settings(protocol, address));
        exporter.offer(batch(&["a"])).unwrap();
        match protocol {
            Protocol::Grpc => {
                let dying = GrpcBackend::start_at(address, vec![Reply::Never], None);
                eventually("the request has arrived", || dying.desk.seen().len() == 1);
                drop(dying);
                let backend = GrpcBackend::start_at(address, Vec::new(), None);
                eventually("the batch is exported", || stats.snapshot().exported_spans == 1);
                assert_eq!(names(&backend.desk.seen()), ["a"]);
            }
            Protocol::HttpProtobuf | Protocol::Post(_) => {
                let dying = HttpBackend::start_at(address, vec![Reply::Never], None);
                eventually("the request has arrived", || dying.desk.seen().len() == 1);
                drop(dying);
                let backend = HttpBackend::start_at(address, Vec::new(), None);
                eventually("the batch is exported", || stats.snapshot().exported_spans == 1);
                assert_eq!(names(&backend.desk.seen()), ["a"]);
            }
        }
        finish(exporter);
        assert_eq!(stats.snapshot().dropped_spans, [0; 8]);
    }
}

#[test]
fn retries_end_when_their_time_is_over() {
    let mut settings = settings(Protocol::HttpProtobuf, free_address());
    settings.retry.total = Duration::from_millis(100);
    let (exporter, stats) = start(settings);
    exporter.offer(batch(&["a", "b"])).unwrap();
    eventually("the batch is given up", || stats.dropped(DropReason::RetriesExhausted) == 2);
    finish(exporter);
    assert!(stats.snapshot().retries > 0);
}

#[test]
fn shutdown_sends_what_is_queued() {
    for protocol in BOTH {
        let names_sent: Vec<String> = (0..200).map(|at| format!("{at:03}")).collect();
        let backends = (GrpcBackend::start(Vec::new()), HttpBackend::start(Vec::new()));
        let address = if protocol == Protocol::Grpc { backends.0.address } else { backends.1.address };
        let (exporter, stats) = start(settings(protocol, address));
        for name in &names_sent {
            exporter.offer(batch(&[name])).unwrap();
        }
        finish(exporter);
        assert_eq!(stats.snapshot().exported_spans, 200);
        let mut seen = backends.0.desk.seen();
        seen.extend(backends.1.desk.seen());
        assert_eq!(names(&seen), names_sent);
    }
}

#[test]
fn shutdown_counts_what_is_left() {
    for protocol in BOTH {
        let (exporter, stats) = start(settings(protocol, free_address()));
        for _ in 0..9 {
            exporter.offer(batch(&["a", "b"])).unwrap();
        }
        assert_eq!(exporter.shutdown(Duration::from_millis(100)), Leftover { batches: 9, spans: 18 });
        let snapshot = stats.snapshot();
        assert_eq!(snapshot.dropped_spans, [0, 0, 0, 0, 18, 0, 0, 0]);
        assert_eq!((snapshot.queued_batches, snapshot.queued_bytes), (0, 0));
    }
}

#[test]
fn shutdown_does_not_wait_for_a_backend_that_hangs() {
    for protocol in BOTH {
        // One request is answered, the next never, and all after that again.
        let grpc = GrpcBackend::start(vec![Reply::After(1), Reply::Never]);
        let http = HttpBackend::start(vec![Reply::After(1), Reply::Never]);
        let address = if protocol == Protocol::Grpc { grpc.address } else { http.address };
        let (exporter, stats) = start(settings(protocol, address));
        exporter.offer(batch(&["fine"])).unwrap();
        eventually("the first batch is exported", || stats.snapshot().exported_spans == 1);
        exporter.offer(batch(&["stuck"])).unwrap();
        eventually("the request has arrived", || grpc.desk.seen().len() + http.desk.seen().len() == 2);
        exporter.offer(batch(&["fine"])).unwrap();
        eventually("the third batch is exported", || stats.snapshot().exported_spans == 2);
        assert_eq!(exporter.shutdown(Duration::from_millis(100)), Leftover { batches: 1, spans: 1 });
        assert_eq!((stats.snapshot().exported_spans, stats.dropped(DropReason::Shutdown)), (2, 1));
    }
}

#[test]
fn shutdown_ends_early_when_the_backend_wants_a_longer_pause() {
    let busy = crate::backend::HttpReply::status(503).header("retry-after", "50");
    let backend = HttpBackend::start(vec![Reply::Now(busy)]);
    let (exporter, stats) = start(settings(Protocol::HttpProtobuf, backend.address));
    exporter.offer(batch(&["a"])).unwrap();
    eventually("the backend has asked for a pause", || stats.snapshot().failing);
    let leftover = exporter.shutdown(Duration::from_secs(40));
    assert_eq!(leftover, Leftover { batches: 1, spans: 1 });
    assert_eq!(backend.desk.seen().len(), 1);
}

#[test]
fn shutdown_makes_one_more_attempt_at_once() {
    let address = free_address();
    let mut settings = settings(Protocol::HttpProtobuf, address);
    settings.retry.first = Duration::from_mins(10);
    settings.retry.longest = Duration::from_mins(10);
    settings.retry.total = Duration::from_hours(1);
    let (exporter, stats) = start(settings);
    exporter.offer(batch(&["a"])).unwrap();
    eventually("the first attempt has failed", || stats.snapshot().failing);
    let backend = HttpBackend::start_at(address, Vec::new(), None);
    finish(exporter);
    assert_eq!(names(&backend.desk.seen()), ["a"]);
}

#[test]
fn an_exporter_that_is_merely_dropped_counts_too() {
    let (exporter, stats) = start(settings(Protocol::Grpc, free_address()));
    exporter.offer(batch(&["a", "b"])).unwrap();
    drop(exporter);
    assert_eq!(stats.dropped(DropReason::Shutdown), 2);
}
