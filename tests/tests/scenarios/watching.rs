//! `tracer tail`, and what the daemon prints when there is no backend.

use std::{
    fs::{self, File},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tracer_tests::{
    apps::{Upstream, curl, nginx, threaded_backend},
    command::output_of,
    daemon::{Daemon, tracer},
    scenario::{Scenario, assert_unique},
    service::Service,
    span::ReceivedSpan,
    tree::assert_trees,
    wait::wait_until,
};

/// A running `tracer tail` whose output goes to a file.
struct Tail(Child);

impl Tail {
    fn start(daemon: &Daemon, args: &[&str], file: &Path) -> Self {
        let mut command = tracer();
        command.arg("tail").arg("--socket").arg(daemon.socket()).args(args);
        command.stdin(Stdio::null()).stdout(File::create(file).unwrap()).stderr(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    /// Ctrl-C: the usual end of a tail, by itself or by the signal.
    fn interrupt(self) {
        kill(Pid::from_raw(self.0.id() as i32), Signal::SIGINT).unwrap();
        let output = output_of(self.0);
        let good = output.status.success() || output.status.signal() == Some(Signal::SIGINT as i32);
        assert!(good, "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
}

fn spans(file: &Path, prefix: &str) -> Vec<ReceivedSpan> {
    let text = fs::read_to_string(file).unwrap();
    // The last line may be half written.
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
    whole
        .lines()
        .flat_map(|line| ReceivedSpan::from_json_line(line).unwrap())
        .filter(|span| span.path().starts_with(prefix))
        .collect()
}

/// Requests until the first one shows: from then on the tail watches.
fn warm_up(service: &Service, file: &Path, path: &str) {
    wait_until("the tail shows what happens", || {
        curl([service.url(path)]);
        !spans(file, path).is_empty()
    });
}

#[test]
fn a_tail_shows_whole_traces() {
    let scenario = Scenario::start("watching-tail");
    let backend = threaded_backend(&scenario, None);
    let front = nginx(&scenario, &Upstream::Kept(&backend));
    let daemon = scenario.daemon();
    let (all, failed) = (scenario.file("all.json"), scenario.file("failed.json"));
    let tail = Tail::start(&daemon, &["--json"], &all);
    let filtered =
        Tail::start(&daemon, &["--json", "--service", "threaded_backend", "--status", "error"], &failed);
    warm_up(&front, &all, "/first/hello");
    warm_up(&front, &failed, "/first/status/500");
    for _ in 0..3 {
        curl([front.url("/watched/hello")]);
    }
    curl([front.url("/watched/status/503")]);
    let exported = scenario.receiver.wait_for("/watched", 16);
    wait_until("the tails show what was exported", || {
        spans(&all, "/watched").len() >= 16 && spans(&failed, "/watched").len() >= 4
    });
    tail.interrupt();
    filtered.interrupt();
    let failure = r#"
        CLIENT curl "GET" 503 error=503
          SERVER nginx "GET /watched/status/{id}" 503 by socket error=503
            CLIENT nginx "GET" 503 by turn error=503
              SERVER threaded_backend "GET /watched/status/{id}" 503 by socket error=503
    "#;
    let successes = r#"
        3 x CLIENT curl "GET" 200
          SERVER nginx "GET /watched/hello" 200 by socket
            CLIENT nginx "GET" 200 by turn
              SERVER threaded_backend "GET /watched/hello" 200 by socket
    "#;
    let shown = spans(&all, "/watched");
    assert_unique(&shown);
    assert_trees(&shown, &format!("{successes}{failure}"));
    assert_trees(&spans(&failed, "/watched"), failure);
    // The same spans, not others that look like them.
    let ids = |spans: &[ReceivedSpan]| {
        let mut ids: Vec<_> = spans.iter().map(|span| span.span_id.clone()).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids(&shown), ids(&exported));
    scenario.finish(daemon, "/watched", 16);
}

/// Without a backend the traces are printed as trees, one line a span, the callee below its caller.
#[test]
fn traces_are_printed_without_a_backend() {
    let scenario = Scenario::start("watching-print");
    let server = nginx(&scenario, &Upstream::None);
    let mut command: Command = tracer();
    let socket = scenario.file("printing.sock");
    command.arg("agent").arg("--socket").arg(&socket);
    let daemon = Daemon::start_command(&scenario, "printing", command, "tracer is attached");
    let printed = || fs::read_to_string(scenario.file("printing.out")).unwrap();
    curl([server.url("/printed/hello")]);
    wait_until("the trace is printed", || printed().contains("/printed/hello"));
    daemon.stop();
    let text = printed();
    let lines: Vec<_> =
        text.lines().filter(|line| line.contains("curl") || line.contains("/printed")).collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].contains("curl") && lines[0].contains("GET") && lines[0].contains("200"), "{text}");
    assert!(lines[1].contains("nginx") && lines[1].contains("GET /printed/hello"), "{text}");
    let depth = |line: &str| line.find(|c: char| c.is_ascii_alphabetic());
    assert!(depth(lines[0]) < depth(lines[1]), "{text}");
}
