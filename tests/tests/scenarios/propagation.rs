//! Trace context that the kernel writes into requests.

use std::process::{Command, Stdio};

use tracer_tests::{
    apps::{Upstream, aiohttp_prepared, curl, flask, nginx_prepared, python, python_server},
    cgroup::Cgroup,
    client::Client,
    command::{output, output_of, run},
    daemon::{Daemon, tracer},
    ports::free_port,
    programs,
    scenario::Scenario,
    service::{Listens, Service},
    span::ReceivedSpan,
    tree::{assert_edges_keep_path, assert_trees},
    wait::wait_until,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A request head as the server received it.
struct Head(String);

impl Head {
    /// The only trace header: trace and span.
    #[track_caller]
    fn context(&self) -> (String, String) {
        let values: Vec<_> = self.values();
        assert_eq!(values.len(), 1, "{}", self.0);
        let fields: Vec<_> = values[0].split('-').collect();
        assert!(fields.len() == 4 && fields[0] == "00" && fields[3] == "01", "{}", self.0);
        (fields[1].to_owned(), fields[2].to_owned())
    }

    fn values(&self) -> Vec<&str> {
        let lines = self.0.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(name, _)| name.eq_ignore_ascii_case("traceparent")).map(|(_, value)| value).collect()
    }
}

/// The heads in the answers of `head_echo.py`.
fn heads(text: &str) -> Vec<Head> {
    let heads = text.split_inclusive("\r\n\r\n").map(|head| Head(head.to_owned()));
    heads.filter(|head| head.0.ends_with("\r\n\r\n")).collect()
}

/// `curl` in the cgroup.
fn curl_in(cgroup: &Cgroup, args: &[&str]) -> String {
    let mut command = cgroup.command("curl");
    let output = run(command.args(["--silent", "--show-error", "--max-time", "30"]).args(args));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn echo(scenario: &Scenario) -> Service {
    python_server(scenario, "head_echo.py")
}

/// The CLIENT span of a path.
#[track_caller]
fn client<'a>(spans: &'a [ReceivedSpan], service: &str, path: &str) -> &'a ReceivedSpan {
    let found: Vec<_> = spans
        .iter()
        .filter(|span| span.kind == "CLIENT" && span.service() == service && span.path() == path)
        .collect();
    assert_eq!(found.len(), 1, "{service} {path}: {found:?}");
    found[0]
}

#[track_caller]
fn assert_same(head: &Head, span: &ReceivedSpan) {
    assert_eq!(head.context(), (span.trace_id.clone(), span.span_id.clone()));
}

/// In the first request of a Python thread it is the task that is known to have answered (see `wsgi.rs`).
fn task_is_thread(spans: &mut [ReceivedSpan]) {
    for evidence in spans.iter_mut().filter_map(|span| span.attributes.get_mut("tracer.parent.evidence")) {
        if evidence == "task" {
            "thread".clone_into(evidence);
        }
    }
}

#[track_caller]
fn written(daemon: &Daemon) -> u64 {
    daemon.status().propagation.outcome("written")
}

#[test]
fn the_header_on_the_wire_names_the_exported_span() {
    let scenario = Scenario::start("propagation-ids");
    let cgroup = Cgroup::create("ids");
    let server = echo(&scenario);
    let daemon = scenario.daemon_with(cgroup.options(""));
    assert_eq!(daemon.status().propagation.state, "on");
    let mut answers = heads(&curl_in(&cgroup, &[&server.url("/wire-ids/curl")]));
    answers.extend(heads(&curl_in(&cgroup, &["--data", "a body", &server.url("/wire-ids/body")])));
    let kinds = cgroup.inside(&python("requests_kinds.py", [server.url("/wire-ids")])).stdin_null_output();
    answers.extend(heads(&kinds));
    let spans = scenario.finish(daemon, "/wire-ids", 10);
    for (head, (service, path)) in answers.iter().zip([
        ("curl", "/wire-ids/curl"),
        ("curl", "/wire-ids/body"),
        ("requests_kinds", "/wire-ids/get"),
        ("requests_kinds", "/wire-ids/post"),
        ("requests_kinds", "/wire-ids/chunked"),
    ]) {
        assert_same(head, client(&spans, service, path));
    }
    assert_eq!(answers.len(), 5);
    assert_trees(
        &spans,
        r#"
        CLIENT curl "GET" 200
          SERVER head_echo "GET /wire-ids/curl" 200 by socket
        CLIENT curl "POST" 200
          SERVER head_echo "POST /wire-ids/body" 200 by socket
        CLIENT requests_kinds "GET" 200
          SERVER head_echo "GET /wire-ids/get" 200 by socket
        CLIENT requests_kinds "POST" 200
          SERVER head_echo "POST /wire-ids/post" 200 by socket
        CLIENT requests_kinds "POST" 200
          SERVER head_echo "POST /wire-ids/chunked" 200 by socket
        "#,
    );
}

/// A service passes on the trace of the request that it handles, whether that came with a header or not.
#[test]
fn a_call_carries_the_trace_that_it_belongs_to() {
    let scenario = Scenario::start("propagation-chain");
    let cgroup = Cgroup::create("chain");
    let server = echo(&scenario);
    let flask = flask(&server, Listens::port(free_port())).start(&scenario, Some(&cgroup));
    let daemon = scenario.daemon_with(cgroup.options(""));
    // What a process runs is found out by its first request, of which nothing is certain then.
    curl([flask.url("/warm-chain/hello")]);
    scenario.receiver.wait_for("/warm-chain", 4);
    let traceparent = format!("traceparent: 00-{TRACE}-{PARENT}-01");
    // Outside the cgroup: nothing is written into these.
    let with_header = heads(&curl(["-H", &traceparent, &flask.url("/wire-chain/with")]));
    let without = heads(&curl([flask.url("/wire-chain/without")]));
    let mut spans = scenario.finish(daemon, "/wire-chain", 8);
    task_is_thread(&mut spans);
    assert_same(&with_header[0], client(&spans, "flask_front", "/wire-chain/with"));
    assert_same(&without[0], client(&spans, "flask_front", "/wire-chain/without"));
    assert_eq!(with_header[0].context().0, TRACE);
    assert_trees(
        &spans,
        &format!(
            r#"
            CLIENT curl "GET" 200 by header under {PARENT}
              SERVER flask_front "GET /wire-chain/with" 200 by socket
                CLIENT flask_front "GET" 200 by thread
                  SERVER head_echo "GET /wire-chain/with" 200 by socket
            CLIENT curl "GET" 200
              SERVER flask_front "GET /wire-chain/without" 200 by socket
                CLIENT flask_front "GET" 200 by thread
                  SERVER head_echo "GET /wire-chain/without" 200 by socket
            "#
        ),
    );
}

#[test]
fn nginx_to_its_upstream() {
    let scenario = Scenario::start("propagation-nginx");
    let cgroup = Cgroup::create("nginx");
    let server = echo(&scenario);
    let front = nginx_prepared(&scenario, &Upstream::Closing(&server)).start(&scenario, Some(&cgroup));
    let daemon = scenario.daemon_with(cgroup.options(""));
    let head = heads(&curl([front.url("/wire-nginx/hello")]));
    // Ten megabytes, which nginx reads as FIONREAD tells it.
    assert_eq!(curl([front.url("/wire-nginx/large")]).len(), 10_000_000);
    let spans = scenario.finish(daemon, "/wire-nginx", 8);
    assert_same(&head[0], client(&spans, "nginx", "/wire-nginx/hello"));
    assert_trees(
        &spans,
        r#"
        CLIENT curl "GET" 200
          SERVER nginx "GET /wire-nginx/hello" 200 by socket
            CLIENT nginx "GET" 200 by turn
              SERVER head_echo "GET /wire-nginx/hello" 200 by socket
        CLIENT curl "GET" 200
          SERVER nginx "GET /wire-nginx/large" 200 by socket
            CLIENT nginx "GET" 200 by turn
              SERVER head_echo "GET /wire-nginx/large" 200 by socket
        "#,
    );
}

/// What carries context already, what is not certain, and what is no first message stays as it is, byte for byte.
#[test]
fn requests_that_are_left_alone() {
    let scenario = Scenario::start("propagation-alone");
    let cgroup = Cgroup::create("alone");
    let server = echo(&scenario);
    let daemon = scenario.daemon_with(cgroup.options(""));
    let traceparent = format!("TraceParent: 00-{TRACE}-{PARENT}-01");
    let b3 = format!("b3: {TRACE}-{PARENT}-1");
    for header in [&traceparent, &b3, &"tracestate: a=b".to_owned()] {
        let [head] = &heads(&curl_in(&cgroup, &["-H", header, &server.url("/wire-alone/own")]))[..] else {
            panic!("one head")
        };
        assert_eq!(head.values().len(), usize::from(header.starts_with("Trace")), "{}", head.0);
    }
    // A second request on a connection, a head in two writes, and two requests in one write.
    let script = "import socket, sys
s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
for part in sys.argv[2].split('|'):
    s.sendall(part.encode().decode('unicode_escape').encode())
    if len(sys.argv) > 3: sys.stdout.write(s.recv(65536).decode())
s.shutdown(socket.SHUT_WR)
while data := s.recv(65536): sys.stdout.write(data.decode())";
    let request = |path: &str| format!("GET /wire-alone/{path} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n");
    let send = |text: String, wait: &[&str]| {
        let port = server.address().port().to_string();
        let mut command = cgroup.command("python3");
        let output = run(command.args(["-c", script, &port, &text]).args(wait));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let answer = send(request("split").replace("Host", "Ho|st"), &[]);
    assert!(answer.contains("/wire-alone/split") && !answer.contains("traceparent"), "{answer}");
    let answer = send(format!("{}|{}", request("first"), request("second")), &["wait"]);
    let (first, second) = answer.split_once("/wire-alone/second").unwrap();
    assert!(first.contains("traceparent: ") && !second.contains("traceparent"), "{answer}");
    let piped = send(format!("{}{}", request("piped"), request("piped-too")), &[]);
    let (first, second) = piped.split_once("piped-too").unwrap();
    assert!(first.contains("traceparent: ") && !second.contains("traceparent"), "{piped}");
    let spans = scenario.finish(daemon, "/wire-alone", 16);
    let joined = spans.iter().filter(|span| span.kind == "SERVER" && !span.parent_id.is_empty()).count();
    assert_eq!(joined, 8, "Both ends of every request are joined, also of one behind a written header.");
}

#[test]
fn a_reader_that_relies_on_fionread() {
    let scenario = Scenario::start("propagation-fionread");
    let cgroup = Cgroup::create("fionread");
    let server = echo(&scenario);
    let daemon = scenario.daemon_with(cgroup.options(""));
    let before = written(&daemon);
    let port = server.address().port().to_string();
    let client =
        cgroup.inside(&python("fionread_client.py", [&port, "/wire-fionread/large"])).stdin_null_output();
    assert_eq!(client.trim(), "10000000");
    assert_eq!(written(&daemon), before + 1);
    scenario.finish(daemon, "/wire-fionread", 2);
}

/// Many requests at once: whichever of them go on with a header, it is that of their own trace.
#[test]
fn traces_do_not_mix_under_load() {
    let scenario = Scenario::start("propagation-load");
    let cgroup = Cgroup::create("load");
    let server = echo(&scenario);
    let threads = flask(&server, Listens::port(free_port())).start(&scenario, Some(&cgroup));
    let tasks = aiohttp_prepared(&server).start(&scenario, Some(&cgroup));
    let daemon = scenario.daemon_with(cgroup.options(""));
    let heads: Vec<Head> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|client| {
                let fronts = [("threads", threads.address()), ("tasks", tasks.address())];
                scope.spawn(move || {
                    let asked = (0..20).flat_map(|number| {
                        fronts.map(|(kind, address)| {
                            let path = format!("/wire-load/{kind}/{client}/{number}");
                            let answer = Client::connect(address).get(&path);
                            assert_eq!(answer.status, 200);
                            Head(String::from_utf8(answer.body).unwrap())
                        })
                    });
                    asked.collect::<Vec<_>>()
                })
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let spans = scenario.finish(daemon, "/wire-load", 4 * 320);
    assert_edges_keep_path(&spans);
    let mut written = 0;
    for head in heads.iter().filter(|head| !head.values().is_empty()) {
        let (trace, span) = head.context();
        let path = head.0.split(' ').nth(1).unwrap();
        let found = spans.iter().find(|known| known.span_id == span).unwrap();
        assert_eq!((found.kind, found.trace_id.as_str(), found.path()), ("CLIENT", trace.as_str(), path));
        // A trace holds the spans of one request and no others.
        assert!(spans.iter().all(|known| known.trace_id != trace || known.path() == path));
        written += 1;
    }
    assert!(written > 0, "Nothing was written at all.");
}

/// Two tracers, each of which sees its own side only, as on two hosts: the header joins what they make.
#[test]
fn two_tracers_join_by_the_header() {
    let scenario = Scenario::start("propagation-two");
    let cgroup = Cgroup::create("two");
    let server = echo(&scenario);
    let front = flask(&server, Listens::port(free_port())).start(&scenario, Some(&cgroup));
    let here = scenario.daemon_with(cgroup.options("[select]\ninclude = [{ command = '*flask_front*' }]\n"));
    let mut there = tracer();
    there.args(["agent", "--include", "command=*head_echo*", "--socket"]).arg(scenario.file("there.sock"));
    there.env("OTEL_EXPORTER_OTLP_ENDPOINT", scenario.receiver.endpoint());
    there.env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let there = Daemon::start_command(&scenario, "there", there, "tracer is attached");
    // Written once the tracer knows that the process is one of those included.
    let mut answers = 0;
    wait_until("a header is written", || {
        answers += 1;
        !heads(&curl([front.url("/wire-two/early")]))[0].values().is_empty()
    });
    let head = heads(&curl([front.url("/wire-two/joined")]));
    let (trace, span) = head[0].context();
    let spans = scenario.finish(here, "/wire-two", 3 * (answers + 1));
    there.stop();
    let mut joined: Vec<_> = spans.into_iter().filter(|span| span.path() == "/wire-two/joined").collect();
    task_is_thread(&mut joined);
    assert_trees(
        &joined,
        r#"
        SERVER flask_front "GET /wire-two/joined" 200
          CLIENT flask_front "GET" 200 by thread
            SERVER head_echo "GET /wire-two/joined" 200 by header
        "#,
    );
    assert!(joined.iter().all(|span| span.trace_id == trace));
    assert!(joined.iter().any(|known| known.kind == "CLIENT" && known.span_id == span));
}

/// kill -9 in the middle of an answer: it arrives whole, new connections work, and the kernel holds nothing any more.
#[test]
fn connections_survive_the_daemon() {
    let scenario = Scenario::start("propagation-killed");
    let cgroup = Cgroup::create("killed");
    let server = echo(&scenario);
    let daemon = scenario.daemon_with(cgroup.options(""));
    let held = programs::held_by(daemon.pid());
    let before = written(&daemon);
    let port = server.address().port().to_string();
    let gate = scenario.file("gate");
    let mut reading = cgroup.inside(&python("fionread_client.py", [&port, "/wire-killed/large"]));
    reading.arg(&gate).stdout(Stdio::piped());
    let reading = reading.spawn().unwrap();
    // A connection that waits for its first message when the daemon goes.
    let idle_script = "import socket, sys, time, os
s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
while not os.path.exists(sys.argv[2]): time.sleep(0.01)
s.sendall(b'GET /wire-killed/idle HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')
sys.stdout.write(s.recv(65536).decode())";
    let mut idle = cgroup.command("python3");
    idle.args(["-c", idle_script, &port]).arg(&gate).stdout(Stdio::piped());
    let idle = idle.spawn().unwrap();
    wait_until("the header is written", || written(&daemon) > before);
    daemon.kill();
    wait_until("the programs are gone", || held.is_disjoint(&programs::in_kernel()));
    std::fs::write(&gate, "").unwrap();
    let read = output_of(reading);
    assert!(String::from_utf8_lossy(&read.stdout).contains("10000000"), "{read:?}");
    let idle = output_of(idle);
    let answer = String::from_utf8_lossy(&idle.stdout).into_owned();
    assert!(answer.contains("/wire-killed/idle") && !answer.contains("traceparent"), "{answer}");
    let head = heads(&curl_in(&cgroup, &[&server.url("/wire-killed/after")]));
    assert_eq!(head[0].values().len(), 0);
}

/// Processes that the rules leave out have nothing written into their requests: no span would be named by it.
#[test]
fn processes_that_are_left_out() {
    let scenario = Scenario::start("propagation-selected");
    let cgroup = Cgroup::create("selected");
    let server = echo(&scenario);
    let rules = "[select]\nexclude = [{ exe = 'curl' }]\n";
    let daemon = scenario.daemon_with(cgroup.options(rules));
    for _ in 0..3 {
        let head = heads(&curl_in(&cgroup, &[&server.url("/wire-selected/hello")]));
        assert_eq!(head[0].values().len(), 0, "{}", head[0].0);
    }
    let spans = scenario.finish(daemon, "/wire-selected", 3);
    assert!(spans.iter().all(|span| span.kind == "SERVER" && span.parent_id.is_empty()));
}

/// A command's output as text.
trait Text {
    fn stdin_null_output(self) -> String;
}

impl Text for Command {
    #[track_caller]
    fn stdin_null_output(mut self) -> String {
        let output = output(&mut self);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
