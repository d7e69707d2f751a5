//! Backends that hang, and a disk that is full.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use tracer_tests::{
    apps::{Upstream, nginx},
    client::at_once,
    command::run,
    daemon::{Options, Status},
    ports::free_port,
    receiver::{Receiver, Transport},
    scenario::{Scenario, assert_unique},
    wait::wait_until,
};

fn towards(port: u16, config: String) -> Options {
    Options {
        config: Some(config),
        env: vec![
            ("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), format!("http://127.0.0.1:{port}")),
            ("OTEL_EXPORTER_OTLP_PROTOCOL".to_owned(), "http/protobuf".to_owned()),
        ],
        ..Options::default()
    }
}

/// Spans that an exporter gave up, for whatever reason.
fn given_up(status: &Status) -> u64 {
    status.drops.iter().filter(|drop| drop.stage == "export").map(|drop| drop.count).sum()
}

/// A backend that accepts connections and never answers: what the queue has no room for is counted, and the daemon ends in time.
#[test]
fn a_backend_that_never_answers() {
    let scenario = Scenario::start("faults-hanging");
    let server = nginx(&scenario, &Upstream::None);
    let backend = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = backend.local_addr().unwrap().port();
    thread::spawn(move || {
        // Held, never read.
        let held: Vec<_> = backend.incoming().collect();
        drop(held);
    });
    let config = format!(
        "[export]\nqueue_bytes = 65536\nbatch_spans = 16\n[select]\ninclude = [{{ port = {} }}]\n",
        server.port()
    );
    let daemon = scenario.daemon_with(towards(port, config));
    at_once(server.address(), "/hanging", 4, 250);
    wait_until("all spans are made", || daemon.status().spans.finished == 2000);
    wait_until("what has no room is counted", || given_up(&daemon.status()) > 0);
    let status = daemon.status();
    assert_eq!(status.spans.exported, 0);
    let lost: Vec<_> = status
        .drops
        .iter()
        .filter(|drop| !drop.intentional && drop.count > 0 && drop.stage != "export")
        .collect();
    assert!(lost.is_empty(), "Tracing itself loses nothing: {lost:?}");
    // Within its bound, although nobody takes the rest.
    daemon.stop();
}

/// A file system of one megabyte.
struct Small(PathBuf);

impl Small {
    fn mount(path: PathBuf) -> Self {
        std::fs::create_dir_all(&path).unwrap();
        run(Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(&path));
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily: a daemon that a failed scenario leaves has files open there.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// The queue's disk is full while the backend is away: each span is delivered later, or counted.
#[test]
fn a_disk_that_is_full() {
    let scenario = Scenario::start("faults-disk");
    let server = nginx(&scenario, &Upstream::None);
    let small = Small::mount(scenario.file("small"));
    let port = free_port();
    let config = format!(
        "[export]\nqueue_dir = '{}'\nqueue_bytes = 65536\nbatch_spans = 64\n[select]\ninclude = [{{ port = {} }}]\n",
        small.path().display(),
        server.port()
    );
    let daemon = scenario.daemon_with(towards(port, config));
    at_once(server.address(), "/full", 4, 1000);
    wait_until("all spans are made", || daemon.status().spans.finished == 8000);
    wait_until("what has no room is counted", || given_up(&daemon.status()) > 0);
    let backend = Receiver::start_on(Transport::Http, port);
    wait_until("the rest is delivered", || {
        let status = daemon.status();
        status.spans.exported + given_up(&status) == 8000
    });
    let exported = daemon.status().spans.exported;
    daemon.stop();
    let spans = backend.spans_under("/full");
    assert_unique(&spans);
    assert!(exported > 0);
    // A client's span has no path.
    assert!(spans.len() as u64 <= exported && !spans.is_empty());
}
