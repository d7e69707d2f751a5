//! gRPC in clear text, by grpcio: every kind of call, a hundred at a time, channels that are older than the daemon.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use tracer_tests::{
    apps::{certificate, curl, grpc_js, grpc_js_client, grpc_server, grpc_server_tls, https, python},
    command::run,
    daemon::Options,
    scenario::Scenario,
    service::Service,
    span::ReceivedSpan,
    tree::{assert_edges_keep_path, assert_trees},
    wait::wait_until,
};

/// `grpc_client.py`, which does as it is told.
struct Client {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Client {
    fn of(server: &Service) -> Self {
        Self::start(python("grpc_client.py", [server.address().to_string()]))
    }

    fn start(mut command: Command) -> Self {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, input, output: BufReader::new(output) }
    }

    #[track_caller]
    fn does(&mut self, what: &str) {
        writeln!(self.input, "{what}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert_eq!(line, "done\n", "{what}");
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn every_kind_of_call() {
    let scenario = Scenario::start("grpc-kinds");
    let server = grpc_server(&scenario, None);
    let daemon = scenario.daemon();
    let mut client = Client::of(&server);
    client.does("kinds");
    let spans = scenario.finish(daemon, "tracer.Echo", 16);
    assert_trees(
        &spans,
        r#"
        CLIENT grpc_client "tracer.Echo/Unary" OK
          SERVER grpc_server "tracer.Echo/Unary" OK by socket
        CLIENT grpc_client "tracer.Echo/Upload" OK
          SERVER grpc_server "tracer.Echo/Upload" OK by socket
        CLIENT grpc_client "tracer.Echo/Download" OK
          SERVER grpc_server "tracer.Echo/Download" OK by socket
        CLIENT grpc_client "tracer.Echo/Chat" OK
          SERVER grpc_server "tracer.Echo/Chat" OK by socket
        CLIENT grpc_client "tracer.Echo/Fail" FAILED_PRECONDITION error=FAILED_PRECONDITION
          SERVER grpc_server "tracer.Echo/Fail" FAILED_PRECONDITION by socket
        CLIENT grpc_client "tracer.Echo/Broken" UNKNOWN error=UNKNOWN
          SERVER grpc_server "tracer.Echo/Broken" UNKNOWN by socket error=UNKNOWN
        CLIENT grpc_client "tracer.Echo/Missing" UNIMPLEMENTED error=UNIMPLEMENTED
          SERVER grpc_server "tracer.Echo/Missing" UNIMPLEMENTED by socket error=UNIMPLEMENTED
        CLIENT grpc_client "tracer.Echo/Wait" error=CANCEL
          SERVER grpc_server "tracer.Echo/Wait" by socket error=CANCEL
        "#,
    );
    assert!(spans.iter().all(|span| span.attribute("rpc.system.name") == "grpc"));
}

#[test]
fn a_hundred_calls_at_a_time() {
    let scenario = Scenario::start("grpc-many");
    let server = grpc_server(&scenario, None);
    let daemon = scenario.daemon();
    let mut client = Client::of(&server);
    for _ in 0..5 {
        client.does("many 100");
    }
    let spans = scenario.finish(daemon, "tracer.Echo", 1000);
    assert_edges_keep_path(&spans);
    let expected: String = (0..100).fold(String::new(), |text, number| {
        text + &format!(
            "5 x CLIENT grpc_client \"tracer.Echo/Unary{number}\" OK\n  SERVER grpc_server \"tracer.Echo/Unary{number}\" OK by socket\n"
        )
    });
    assert_trees(&spans, &expected);
}

#[test]
fn a_server_that_asks_another() {
    let scenario = Scenario::start("grpc-forward");
    let back = grpc_server(&scenario, None);
    let front = grpc_server(&scenario, Some(&back));
    let daemon = scenario.daemon();
    let mut client = Client::of(&front);
    client.does("call Forward");
    // Which thread of a gRPC server works for which call, nothing tells: no edge rather than a guessed one.
    assert_trees(
        &scenario.finish(daemon, "tracer.Echo", 4),
        r#"
        CLIENT grpc_client "tracer.Echo/Forward" OK
          SERVER grpc_server "tracer.Echo/Forward" OK by socket
        CLIENT grpc_server "tracer.Echo/Unary" OK
          SERVER grpc_server "tracer.Echo/Unary" OK by socket
        "#,
    );
}

#[test]
fn a_channel_that_is_older_than_the_daemon() {
    let scenario = Scenario::start("grpc-open-before");
    let server = grpc_server(&scenario, None);
    let mut client = Client::of(&server);
    for _ in 0..3 {
        client.does("call Unary");
    }
    // Spans that lack their path are told from those of other services by their port alone.
    let daemon = scenario.daemon_with(Options::args(["--include".into(), format!("port={}", server.port())]));
    for number in 1..=3 {
        client.does(&format!("call Unary{number}"));
    }
    // Fields that name entries of the table from before are unknown: these calls do not show that they are gRPC, since their
    // content type is one of those. What they do show is right, and says that it is not all.
    let spans = scenario.receiver.wait_for("", 6);
    daemon.stop();
    assert_trees(
        &spans,
        r#"
        CLIENT grpc_client "POST" 200 incomplete
          SERVER grpc_server "POST /tracer.Echo/Unary1" 200 by socket incomplete
        CLIENT grpc_client "POST" 200 incomplete
          SERVER grpc_server "POST /tracer.Echo/Unary2" 200 by socket incomplete
        CLIENT grpc_client "POST" 200 incomplete
          SERVER grpc_server "POST /tracer.Echo/Unary3" 200 by socket incomplete
        "#,
    );
}

/// What `grpc_js.js client` asks for: one call of each kind, then a hundred at a time.
#[track_caller]
fn assert_calls_of_grpc_js(spans: &[ReceivedSpan]) {
    assert_edges_keep_path(spans);
    let unary: String = (0..100).fold(String::new(), |text, number| {
        let times = if number == 0 { "2 x " } else { "" };
        text + &format!(
            "{times}CLIENT grpc_js \"tracer.Js/Unary{number}\" OK\n  SERVER grpc_js \"tracer.Js/Unary{number}\" OK by socket\n"
        )
    });
    let kinds: String = ["Upload", "Download", "Chat"].iter().fold(String::new(), |text, kind| {
        text + &format!(
            "CLIENT grpc_js \"tracer.Js/{kind}\" OK\n  SERVER grpc_js \"tracer.Js/{kind}\" OK by socket\n"
        )
    });
    let fail = "CLIENT grpc_js \"tracer.Js/Fail\" FAILED_PRECONDITION error=FAILED_PRECONDITION\n  \
                SERVER grpc_js \"tracer.Js/Fail\" FAILED_PRECONDITION by socket\n";
    assert_trees(spans, &(unary + &kinds + fail));
}

#[test]
fn calls_by_grpc_js() {
    let scenario = Scenario::start("grpc-js");
    let server = grpc_js(&scenario, false);
    let daemon = scenario.daemon();
    run(&mut grpc_js_client(&server, None));
    assert_calls_of_grpc_js(&scenario.finish(daemon, "tracer.Js", 208));
}

/// As above, within TLS: Node.js has OpenSSL within it, and hands what it writes to memory.
#[test]
fn calls_by_grpc_js_within_tls() {
    let scenario = Scenario::start("grpc-js-tls");
    let server = grpc_js(&scenario, true);
    let daemon = scenario.daemon();
    // Node.js is probed once one of its connections was seen.
    let warm_up = || curl(["--insecure".to_owned(), "--http2".to_owned(), https(&server, "/warm-up")]);
    wait_until("Node.js is probed", || {
        warm_up();
        daemon
            .status()
            .libraries
            .iter()
            .any(|library| library.file.ends_with("node") && library.reason.is_none())
    });
    run(&mut grpc_js_client(&server, Some(&certificate(&scenario))));
    assert_calls_of_grpc_js(&scenario.finish(daemon, "tracer.Js", 208));
}

/// grpcio carries BoringSSL within it, without symbols.
#[test]
fn calls_within_tls() {
    let scenario = Scenario::start("grpc-tls");
    let server = grpc_server_tls(&scenario);
    let daemon = scenario.daemon();
    let client = || {
        let mut command = python("grpc_client.py", [server.address().to_string()]);
        command.env("TLS_CERTIFICATE", certificate(&scenario));
        Client::start(command)
    };
    // Its library is found at the first TLS record of a process, and probed from then on.
    client().does("call Upload");
    wait_until("the library is probed", || {
        daemon
            .status()
            .libraries
            .iter()
            .any(|library| library.file.contains("cygrpc") && library.reason.is_none())
    });
    let mut client = client();
    client.does("call Unary");
    client.does("many 100");
    scenario.receiver.wait_for("tracer.Echo/Unary", 202);
    let spans: Vec<_> = scenario.finish(daemon, "tracer.Echo", 202);
    let spans: Vec<_> =
        spans.into_iter().filter(|span| span.path().starts_with("tracer.Echo/Unary")).collect();
    assert_edges_keep_path(&spans);
    let many: String = (0..100).fold(String::new(), |text, number| {
        text + &format!(
            "CLIENT grpc_client \"tracer.Echo/Unary{number}\" OK\n  SERVER grpc_server \"tracer.Echo/Unary{number}\" OK by socket\n"
        )
    });
    let one = "CLIENT grpc_client \"tracer.Echo/Unary\" OK\n  SERVER grpc_server \"tracer.Echo/Unary\" OK by socket\n";
    assert_trees(&spans, &(many + one));
}
