//! Trace context that the kernel writes into requests of HTTP/2.

use std::{collections::BTreeMap, process::Command};

use serde::Deserialize;
use tracer_tests::{
    apps::{go_program, node, python, script},
    cgroup::Cgroup,
    command::run,
    daemon::{Daemon, Options},
    programs,
    scenario::Scenario,
    service::Service,
    span::ReceivedSpan,
    tree::assert_trees,
    wait::wait_until,
};

const OWN: &str = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// What `node_http2_echo.js` says that it received.
#[derive(Debug, Deserialize)]
struct Request {
    path: String,
    contexts: Vec<String>,
    length: usize,
    sha256: String,
}

impl Request {
    /// The only trace header: trace and span.
    #[track_caller]
    fn context(&self) -> (&str, &str) {
        let [context] = &self.contexts[..] else { panic!("one traceparent: {self:?}") };
        let fields: Vec<_> = context.split('-').collect();
        assert!(fields.len() == 4 && fields[0] == "00" && fields[3] == "01", "{self:?}");
        (fields[1], fields[2])
    }
}

struct Scene {
    scenario: Scenario,
    cgroup: Cgroup,
    server: Service,
}

impl Scene {
    fn new(name: &str) -> Self {
        let scenario = Scenario::start(&format!("propagation-http2-{name}"));
        let server = node(&scenario, "node_http2_echo.js", &[]);
        Self { cgroup: Cgroup::create(&format!("http2-{name}")), scenario, server }
    }

    /// A daemon that writes into `which` requests, and has seen that the server, which may speak first, is asked by HTTP/2.
    fn daemon(&self, which: &str) -> Daemon {
        let config = self.cgroup.options("").config.unwrap_or_default();
        let daemon = self.scenario.daemon_with(Options::config(&format!("{config}http2 = \"{which}\"\n")));
        self.node(&["/warm-up"]);
        daemon
    }

    /// Runs a client in the cgroup: the requests that the server received.
    #[track_caller]
    fn ask(&self, command: &Command) -> Vec<Request> {
        let output = run(&mut self.cgroup.inside(command));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{text}")));
        lines.collect()
    }

    /// `curl`, with a connection for each path.
    fn curl(&self, options: &[&str], paths: &[&str]) -> Vec<Request> {
        let ask = |path: &&str| {
            let mut command = Command::new("curl");
            command.args(["--silent", "--show-error", "--max-time", "30", "--http2-prior-knowledge"]);
            self.ask(command.args(options).arg(self.server.url(path)))
        };
        paths.iter().flat_map(ask).collect()
    }

    fn nghttp(&self, options: &[&str], paths: &[&str]) -> Vec<Request> {
        let mut command = Command::new("nghttp");
        self.ask(command.args(options).args(paths.iter().map(|path| self.server.url(path))))
    }

    /// `node_http2_client.js`, which asks for one path after the other over one connection.
    fn node(&self, paths: &[&str]) -> Vec<Request> {
        self.client(node_client(), paths)
    }

    /// `Command`, given the server's authority and paths.
    fn client(&self, mut command: Command, paths: &[&str]) -> Vec<Request> {
        self.ask(command.arg(self.server.address().to_string()).args(paths))
    }
}

fn node_client() -> Command {
    let mut command = Command::new("node");
    command.arg(script("node_http2_client.js"));
    command
}

/// The client's span of each path carries the ids that the server was told.
#[track_caller]
fn assert_ids(spans: &[ReceivedSpan], requests: &[Request]) {
    for request in requests {
        // The method of a gRPC call has no slash in front.
        let is_it = |span: &&ReceivedSpan| {
            span.kind == "CLIENT" && span.path().trim_start_matches('/') == &request.path[1..]
        };
        let mut clients = spans.iter().filter(is_it);
        let client = clients.next().unwrap_or_else(|| panic!("{} has no span: {spans:#?}", request.path));
        assert!(clients.next().is_none(), "one span of {}", request.path);
        assert_eq!(request.context(), (&client.trace_id[..], &client.span_id[..]), "{}", request.path);
    }
}

#[test]
fn the_field_on_the_wire_names_the_exported_span() {
    let scene = Scene::new("ids");
    let daemon = scene.daemon("every");
    assert_eq!(daemon.status().propagation.state, "on");
    let mut requests = scene.curl(&[], &["/wire-h2/curl/1", "/wire-h2/curl/2", "/wire-h2/curl/3"]);
    requests.extend(scene.nghttp(&[], &["/wire-h2/nghttp"]));
    requests.extend(scene.node(&["/wire-h2/node/1", "/wire-h2/node/2", "/wire-h2/node/3"]));
    let go = Command::new(go_program(&scene.scenario, "go_http2_client.go"));
    requests.extend(scene.client(go, &["/wire-h2/go/1", "/wire-h2/go/2", "/wire-h2/go/3"]));
    assert_eq!(requests.len(), 10);
    let spans = scene.scenario.finish(daemon, "/wire-h2", 20);
    assert_ids(&spans, &requests);
    assert_trees(
        &spans,
        r#"
        3 x CLIENT curl "GET" 200
          SERVER node_http2_echo "GET /wire-h2/curl/{id}" 200 by socket
        CLIENT nghttp "GET" 200
          SERVER node_http2_echo "GET /wire-h2/nghttp" 200 by socket
        3 x CLIENT node_http2_client "GET" 200
          SERVER node_http2_echo "GET /wire-h2/node/{id}" 200 by socket
        3 x CLIENT go_http2_client "GET" 200
          SERVER node_http2_echo "GET /wire-h2/go/{id}" 200 by socket
        "#,
    );
}

/// Frames that C-core gathers from many buffers, over a connection on which the server may speak first.
#[test]
fn calls_of_grpc() {
    let scene = Scene::new("grpc");
    let daemon = scene.daemon("every");
    let client = |methods: &[&str]| scene.client(python("grpc_echo_client.py", [""; 0]), methods);
    // It has another kind of address for the same server, which has to be seen once.
    client(&["/warm.Echo/Up"]);
    let requests = client(&["/wire-grpc.Echo/A", "/wire-grpc.Echo/B", "/wire-grpc.Echo/C"]);
    assert_eq!(requests.len(), 3);
    let spans = scene.scenario.finish(daemon, "wire-grpc.Echo", 6);
    assert_ids(&spans, &requests);
}

/// What the application sends of its own, raw, Huffman-coded or by reference, is all that arrives; so it is for what follows on that connection.
#[test]
fn connections_with_context_of_their_own() {
    let scene = Scene::new("own");
    let daemon = scene.daemon("every");
    let mut requests = scene.nghttp(&["--header", OWN], &["/own-h2/a", "/own-h2/b"]);
    requests.extend(scene.curl(&["--header", OWN], &["/own-h2/c", "/own-h2/d"]));
    // In the first request on the connection alone.
    let mut mixed = node_client();
    mixed.env("OWN", OWN.trim_start_matches("traceparent: "));
    requests.extend(scene.client(mixed, &["/own-h2/e", "/own-h2/f"]));
    let (last, others) = requests.split_last().unwrap();
    assert_eq!(others.len(), 5);
    for request in others {
        assert_eq!(request.context(), ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"));
    }
    assert!(last.path == "/own-h2/f" && last.contexts.is_empty(), "{last:?}");
    let spans = scene.scenario.finish(daemon, "/own-h2", 12);
    let joined = spans.iter().filter(|span| span.kind == "SERVER" && !span.parent_id.is_empty()).count();
    assert_eq!(joined, 6);
}

/// Bodies of many frames, which follow the field in the same messages and in others: they arrive as they were sent.
#[test]
fn bodies_arrive_whole() {
    let scene = Scene::new("bodies");
    let daemon = scene.daemon("every");
    let body: Vec<u8> = (0..3_000_000u32).map(|at| (at % 251) as u8).collect();
    let file = scene.scenario.file("body");
    std::fs::write(&file, &body).unwrap();
    let sum = run(Command::new("sha256sum").arg(&file));
    let sum = String::from_utf8_lossy(&sum.stdout).split(' ').next().unwrap().to_owned();
    let at_file = format!("@{}", file.display());
    let mut requests = scene.curl(&["--data-binary", &at_file], &["/bodies-h2/a", "/bodies-h2/b"]);
    requests.extend(scene.nghttp(&["--data", file.to_str().unwrap()], &["/bodies-h2/c"]));
    assert_eq!(requests.len(), 3);
    for request in &requests {
        assert_eq!((request.length, &request.sha256), (body.len(), &sum), "{}", request.path);
    }
    let spans = scene.scenario.finish(daemon, "/bodies-h2", 6);
    assert_ids(&spans, &requests);
    for span in &spans {
        assert_eq!(span.attribute("http.request.body.size"), "3000000", "{span:?}");
    }
}

/// A hundred streams at a time: whichever of them carry the field, it names their own span.
#[test]
fn traces_do_not_mix_under_load() {
    let scene = Scene::new("load");
    let daemon = scene.daemon("every");
    let before = daemon.status().propagation.outcome("written");
    let paths: Vec<_> = (0..100).map(|number| format!("/load-h2/{number}")).collect();
    let paths: Vec<_> = paths.iter().map(String::as_str).collect();
    let requests = scene.nghttp(&[], &paths);
    assert_eq!(requests.len(), 100);
    let node = |client: &str| {
        let paths: Vec<_> = (0..50).map(|number| format!("/load-h2/{client}/{number}")).collect();
        scene.node(&paths.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let others: Vec<Request> = std::thread::scope(|threads| {
        let clients: Vec<_> = ["w", "x", "y", "z"].map(|client| threads.spawn(move || node(client))).into();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let written = daemon.status().propagation.outcome("written") - before;
    let spans = scene.scenario.finish(daemon, "/load-h2", 600);
    let mut carried = 0;
    for request in requests.iter().chain(&others).filter(|request| !request.contexts.is_empty()) {
        assert_ids(&spans, std::slice::from_ref(request));
        carried += 1;
    }
    assert_eq!(carried, written, "what was written has arrived");
    assert!(
        others.iter().all(|request| request.contexts.len() == 1),
        "one request at a time carries it always"
    );
    let mut traces = BTreeMap::<_, Vec<_>>::new();
    for span in &spans {
        traces.entry(&span.trace_id).or_default().push(span.path());
    }
    assert!(traces.values().all(|paths| paths.len() == 2 && paths[0] == paths[1]), "{traces:?}");
}

/// kill -9 between two requests of a connection: it goes on, and nothing is written into it any more.
#[test]
fn connections_survive_the_daemon() {
    let scene = Scene::new("killed");
    let daemon = scene.daemon("every");
    let held = programs::held_by(daemon.pid());
    let before = daemon.status().propagation.outcome("written");
    let gate = scene.scenario.file("gate");
    let mut client = node_client();
    client.arg(scene.server.address().to_string());
    client.args(["/killed-h2/a", "/killed-h2/b"]).env("GATE", &gate);
    let requests = std::thread::scope(|threads| {
        let client = threads.spawn(|| scene.ask(&client));
        wait_until("the field is written", || daemon.status().propagation.outcome("written") > before);
        daemon.kill();
        wait_until("the programs are gone", || held.is_disjoint(&programs::in_kernel()));
        std::fs::write(&gate, "").unwrap();
        client.join().unwrap()
    });
    let contexts: Vec<_> = requests.iter().map(|request| request.contexts.len()).collect();
    assert_eq!(contexts, [1, 0]);
}

#[test]
fn only_the_first_request_of_each_connection() {
    let scene = Scene::new("first");
    let daemon = scene.daemon("first");
    let requests = scene.node(&["/first-h2/a", "/first-h2/b", "/first-h2/c"]);
    let [first, others @ ..] = &requests[..] else { panic!("{requests:?}") };
    assert!(others.iter().all(|request| request.contexts.is_empty()), "{others:?}");
    let spans = scene.scenario.finish(daemon, "/first-h2", 6);
    assert_ids(&spans, std::slice::from_ref(first));
    let joined = spans.iter().filter(|span| span.kind == "SERVER" && !span.parent_id.is_empty()).count();
    assert_eq!(joined, 3, "both ends of each request are joined, also of those behind a written one");
}

#[test]
fn none_where_it_is_off() {
    let scene = Scene::new("off");
    let daemon = scene.daemon("off");
    let requests = scene.curl(&[], &["/off-h2/a", "/off-h2/b"]);
    assert!(requests.iter().all(|request| request.contexts.is_empty()), "{requests:?}");
    scene.scenario.finish(daemon, "/off-h2", 4);
}
