//! A limit of memory.

use std::{os::unix::process::ExitStatusExt as _, time::Duration};

use nix::sys::signal::Signal;
use tracer_tests::{
    apps::{Upstream, curl, nginx, threaded_backend},
    cgroup::MemoryLimit,
    client::at_once,
    daemon::{Daemon, Options},
    ports::free_port,
    programs,
    scenario::Scenario,
    wait::{DEADLINE, wait_until},
};

/// The daemon's cgroup has no room for what waits for a backend that is down: the kernel kills the daemon, and the traced services notice nothing.
#[test]
fn the_kernel_kills_it_for_its_memory() {
    let scenario = Scenario::start("faults-memory");
    let backend = threaded_backend(&scenario, None);
    let mut front = nginx(&scenario, &Upstream::Kept(&backend));
    let limit = MemoryLimit::create("faults-memory");
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let options =
        Options { env: vec![("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), nobody)], ..Options::default() };
    let mut daemon = Daemon::begin(&scenario, options);
    limit.take(daemon.pid());
    daemon.wait_attached();
    let held = programs::held_by(daemon.pid());
    assert!(!held.is_empty());
    limit.tighten(1 << 20);
    let ended = (0..200).find_map(|_| {
        at_once(front.address(), "/limited", 4, 25);
        daemon.wait(Duration::ZERO)
    });
    let status = ended.or_else(|| daemon.wait(DEADLINE)).expect("The kernel kills it.");
    assert_eq!(status.signal(), Some(Signal::SIGKILL as i32), "{status}");
    wait_until("the programs are gone", || held.is_disjoint(&programs::in_kernel()));
    assert_eq!(curl([front.url("/limited/after")]), "hello\n");
    assert!(front.is_alive());
}
