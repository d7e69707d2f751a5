//! Bytes moved by io_uring: the kernel moves them while the thread is at something else, or by threads of its own, so that no call's registers
//! tell where they are. What is not seen makes no span, and is counted.

use tracer_tests::{
    apps::{python, threaded_backend},
    command::run,
    daemon::Daemon,
    scenario::{Scenario, assert_clean},
    tree::assert_trees,
};

fn unseen(daemon: &Daemon) -> u64 {
    daemon.status().drops.iter().find(|drop| drop.reason == "unseen_buffer").expect("a reason").count
}

/// Requests and answers by the ring: the server's spans are right, the client has none.
fn both_ways(way: &str) {
    let scenario = Scenario::start(&format!("io-uring-{way}"));
    let backend = threaded_backend(&scenario, None);
    let daemon = scenario.daemon();
    let before = unseen(&daemon);
    let path = format!("/uring-{way}/hello");
    run(&mut python("uring_client.py", [&backend.port().to_string(), &path, way]));
    scenario.receiver.wait_for(&path, 1);
    assert!(unseen(&daemon) >= before + 2, "The request and the answer are counted.");
    let spans = scenario.finish(daemon, &path, 1);
    assert_trees(&spans, &format!("SERVER threaded_backend \"GET {path}\" 200\n"));
}

#[test]
fn within_the_call_that_submits() {
    both_ways("inline");
}

#[test]
fn by_a_thread_of_the_kernels() {
    both_ways("worker");
}

/// The answer is received while the thread sits in readv, whose buffer looks like an answer with status 599: that is not what the socket carried.
#[test]
fn within_another_call() {
    let scenario = Scenario::start("io-uring-elsewhere");
    let backend = threaded_backend(&scenario, None);
    let daemon = scenario.daemon();
    run(&mut python("uring_client.py", [&backend.port().to_string(), "/uring-elsewhere/hello", "elsewhere"]));
    scenario.receiver.wait_for("/uring-elsewhere", 2);
    assert_clean(&daemon);
    daemon.stop();
    let spans = scenario.receiver.spans_under("/uring-elsewhere");
    assert!(
        !spans
            .iter()
            .any(|span| span.name.contains("599") || span.attributes.values().any(|value| value == "599")),
        "{spans:?}"
    );
    assert_trees(
        &spans,
        r#"
        CLIENT uring_client "GET" incomplete
          SERVER threaded_backend "GET /uring-elsewhere/hello" 200 by socket
        "#,
    );
}
