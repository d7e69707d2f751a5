//! The queue on disk: a backend that is down, an exporter that is killed, and the next one.

use crate::{
    backend::{HttpBackend, HttpReply, Reply},
    support::{batch, eventually, finish, free_address, settings, start},
};
use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};
use tracer_otlp::{DropReason, Protocol, Settings, Storage};

/// Names the directory to the process that is killed.
const DIRECTORY: &str = "TRACER_TEST_QUEUE";
/// What that process says when all is written.
const WRITTEN: &str = "all is written";

fn stored(directory: &Path, bytes: u64, address: std::net::SocketAddr) -> Settings {
    let mut settings = settings(Protocol::HttpProtobuf, address);
    settings.storage = Some(Storage { directory: directory.to_owned(), bytes });
    settings.concurrency = 1;
    settings
}

/// Not a test by itself: the process that `a_killed_exporter_loses_nothing` starts and kills.
#[test]
#[ignore = "started by another test"]
fn killed() {
    let directory = std::env::var(DIRECTORY).expect("started by the other test");
    let (exporter, stats) = start(stored(Path::new(&directory), 1 << 20, free_address()));
    for at in 0..100 {
        exporter.offer(batch(&[&format!("{at:03}")])).unwrap();
    }
    eventually("attempts have failed", || stats.snapshot().retries > 0);
    writeln!(std::io::stdout(), "{WRITTEN}").unwrap();
    std::thread::sleep(Duration::from_mins(5));
}

#[test]
fn a_killed_exporter_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "disk::killed", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains(WRITTEN)));
    // SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();

    let address = free_address();
    let (exporter, stats) = start(stored(directory.path(), 1 << 20, address));
    assert_eq!(stats.snapshot().queued_batches, 100);
    exporter.offer(batch(&["100"])).unwrap();
    eventually("the backend is still down", || stats.snapshot().failing);
    let backend = HttpBackend::start_at(address, Vec::new(), None);
    finish(exporter);
    let seen: Vec<String> = backend.desk.seen().into_iter().flat_map(|request| request.names).collect();
    assert_eq!(seen, (0..=100).map(|at| format!("{at:03}")).collect::<Vec<_>>(), "all, once, in order");
    let snapshot = stats.snapshot();
    assert_eq!((snapshot.exported_spans, snapshot.dropped_spans, snapshot.queued_batches), (101, [0; 8], 0));
}

#[test]
fn what_is_left_at_the_end_is_kept_for_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut impatient = stored(directory.path(), 1 << 20, address);
    // In memory, the batch would be given up at once.
    impatient.retry.total = Duration::ZERO;
    let (exporter, stats) = start(impatient);
    exporter.offer(batch(&["a", "b"])).unwrap();
    eventually("attempts have failed", || stats.snapshot().retries > 1);
    let leftover = exporter.shutdown(Duration::from_millis(1));
    assert_eq!((leftover.batches, leftover.spans), (0, 0));
    assert_eq!((stats.snapshot().dropped_spans, stats.snapshot().queued_batches), ([0; 8], 1));

    let backend = HttpBackend::start_at(address, Vec::new(), None);
    let (exporter, stats) = start(stored(directory.path(), 1 << 20, address));
    eventually("it is delivered", || stats.snapshot().exported_spans == 2);
    finish(exporter);
    assert_eq!(backend.desk.seen().len(), 1);
}

#[test]
fn what_there_is_no_room_for_and_what_is_refused_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let backend = HttpBackend::start(vec![Reply::Now(HttpReply::status(400))]);
    let (exporter, stats) = start(stored(directory.path(), 100, backend.address));
    exporter.offer(batch(&[&"long".repeat(30)])).unwrap();
    exporter.offer(batch(&["refused"])).unwrap();
    eventually("it is refused", || stats.dropped(DropReason::Rejected) == 1);
    // Written in order: what there is no room for was found out before.
    assert_eq!(stats.dropped(DropReason::QueueFull), 1);
    finish(exporter);
    // It is not sent again by the next one.
    let (exporter, stats) = start(stored(directory.path(), 100, backend.address));
    assert_eq!(stats.snapshot().queued_batches, 0);
    finish(exporter);
}
