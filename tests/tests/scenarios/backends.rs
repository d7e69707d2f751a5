//! Where the spans go: a backend that is down, that comes late, another program, and the daemon's own traffic.

use std::{
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use tracer_tests::{
    apps::{Upstream, binary, curl, nginx, python_tool, threaded_backend},
    client::Client,
    command::run,
    daemon::Options,
    ports::free_port,
    programs,
    receiver::{Receiver, Transport},
    scenario::{Scenario, assert_clean, assert_unique},
    service::{Listens, Service},
    tree::assert_trees,
    wait::wait_until,
};

const HELLO: &str = r#"
    CLIENT curl "GET" 200
      SERVER nginx "GET /exported/hello" 200 by socket
"#;

fn endpoint(port: u16) -> Options {
    let endpoint = format!("http://127.0.0.1:{port}");
    Options { env: vec![("OTEL_EXPORTER_OTLP_ENDPOINT".into(), endpoint)], ..Options::default() }
}

#[test]
fn spans_wait_for_a_backend_that_is_down() {
    let scenario = Scenario::start("backend-down");
    let server = nginx(&scenario, &Upstream::None);
    let port = free_port();
    let daemon = scenario.daemon_with(endpoint(port));
    for _ in 0..100 {
        assert_eq!(curl([server.url("/queued/hello")]), "hello\n");
    }
    wait_until("the daemon has finished the spans", || daemon.status().spans.finished >= 200);
    let backend = Receiver::start_on(Transport::Grpc, port);
    backend.wait_for("/queued", 200);
    assert_clean(&daemon);
    daemon.stop();
    let spans = backend.spans_under("/queued");
    assert_unique(&spans);
    assert_trees(
        &spans,
        r#"
        100 x CLIENT curl "GET" 200
          SERVER nginx "GET /queued/hello" 200 by socket
        "#,
    );
}

/// The bound on the exit holds when there is nobody to flush to, too: `stop` checks it.
#[test]
fn the_daemon_ends_although_its_backend_is_down() {
    let scenario = Scenario::start("backend-down-stop");
    let server = nginx(&scenario, &Upstream::None);
    let daemon = scenario.daemon_with(endpoint(free_port()));
    for _ in 0..20 {
        curl([server.url("/never/hello")]);
    }
    daemon.stop();
}

/// What was requested just before SIGTERM arrives: nobody waits for a batch here.
#[test]
fn sigterm_flushes() {
    let scenario = Scenario::start("backend-flush");
    let server = nginx(&scenario, &Upstream::None);
    let daemon = scenario.daemon_with(Options::config("[export]\nbatch_delay = \"60s\"\n"));
    for _ in 0..10 {
        curl([server.url("/flushed/hello")]);
    }
    daemon.stop();
    let spans = scenario.receiver.spans_under("/flushed");
    assert_unique(&spans);
    assert_trees(
        &spans,
        r#"
        10 x CLIENT curl "GET" 200
          SERVER nginx "GET /flushed/hello" 200 by socket
        "#,
    );
}

#[test]
fn killing_the_daemon_harms_nobody() {
    let scenario = Scenario::start("backend-kill");
    let backend = threaded_backend(&scenario, None);
    let mut server = nginx(&scenario, &Upstream::Kept(&backend));
    let daemon = scenario.daemon();
    let held = programs::held_by(daemon.pid());
    assert!(!held.is_empty(), "An attached daemon holds programs.");
    let (end, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    let address = server.address();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = Client::connect(address);
                while !end.load(Ordering::Relaxed) {
                    assert_eq!(client.get("/kill/hello").status, 200);
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let answered = |count: usize| {
            let before = answers.load(Ordering::Relaxed);
            wait_until("the load goes on", || answers.load(Ordering::Relaxed) >= before + count);
        };
        answered(200);
        daemon.kill();
        answered(200);
        end.store(true, Ordering::Relaxed);
    });
    assert!(server.is_alive());
    wait_until("the kernel has let the daemon's programs go", || programs::in_kernel().is_disjoint(&held));
}

/// A receiver that is not ours: rotel takes the spans and passes them on.
#[test]
fn rotel_receives_each_span_once() {
    let scenario = Scenario::start("backend-rotel");
    let server = nginx(&scenario, &Upstream::None);
    for (protocol, path) in [("grpc", "/rotel-grpc"), ("http/protobuf", "/rotel-http")] {
        let (grpc, http) = (free_port(), free_port());
        let site = run(Command::new(python_tool("python"))
            .args(["-c", "import os, rotel; print(os.path.dirname(rotel.__file__), end='')"]));
        let agent = String::from_utf8(site.stdout).unwrap() + "/rotel-agent";
        let mut command = Command::new(agent);
        command
            .args(["start", "--exporter", "otlp", "--otlp-exporter-protocol", "grpc"])
            .args(["--otlp-exporter-endpoint", &scenario.receiver.endpoint()])
            .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}")])
            .args(["--otlp-http-endpoint", &format!("127.0.0.1:{http}")])
            .arg("--log-file")
            .arg(scenario.file("rotel-agent.log"))
            .arg("--pid-file")
            .arg(scenario.file("rotel.pid"));
        let _rotel = Service::start(&scenario, "rotel", command, Listens::port(grpc));
        let mut options = endpoint(if protocol == "grpc" { grpc } else { http });
        options.env.push(("OTEL_EXPORTER_OTLP_PROTOCOL".into(), protocol.into()));
        let daemon = scenario.daemon_with(options);
        for _ in 0..25 {
            curl([server.url(&format!("{path}/hello"))]);
        }
        assert_trees(
            &scenario.finish(daemon, path, 50),
            &format!(
                r#"
                25 x CLIENT curl "GET" 200
                  SERVER nginx "GET {path}/hello" 200 by socket
                "#
            ),
        );
    }
}

/// OTLP over HTTP/1.1 is HTTP too, and would feed itself for ever: neither end of the export is traced.
#[test]
fn the_export_is_not_traced() {
    let scenario = Scenario::with_transport("backend-own-export", Transport::Http);
    let server = nginx(&scenario, &Upstream::None);
    let daemon = scenario.daemon();
    for _ in 0..3 {
        curl([server.url("/exported/hello")]);
        // Several batches, so that an export that was traced has the time to arrive in the next one.
        let count = scenario.receiver.spans_under("/exported").len();
        scenario.receiver.wait_for("/exported", count + 2);
    }
    let spans = scenario.finish(daemon, "/exported", 6);
    assert_trees(&spans, &HELLO.repeat(3));
    let own = scenario.receiver.spans_under("/v1/traces");
    assert_trees(&own, "");
}

/// The daemon's last batch holds what the last request of a process that is gone by now did.
#[test]
fn a_process_that_ends_with_its_last_request() {
    let scenario = Scenario::start("backend-last-request");
    let server = nginx(&scenario, &Upstream::None);
    let daemon = scenario.daemon();
    run(Command::new(binary("oneshot")).args([server.address().to_string(), "/last/hello".into()]));
    daemon.stop();
    assert_trees(
        &scenario.receiver.spans_under("/last"),
        r#"
        CLIENT oneshot "GET" 200
          SERVER nginx "GET /last/hello" 200 by socket
        "#,
    );
}
