//! The watcher against an API server that answers what a test tells it to, also wrong things.

use std::{
    io::{BufRead as _, BufReader, Read, Write},
    net::TcpListener,
    path::PathBuf,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use serde_json::{Value, json};
use tracer_k8s::{Settings, Watcher};

/// Longer than anything takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// What the server does with a request.
enum Answer {
    Json(Value),
    Status(u16),
    /// Lines of a watch, which then ends in order.
    Watch(Vec<Value>),
    /// As that, but the connection breaks within a line.
    Broken(Vec<Value>),
    /// As that, but nothing ends.
    Open(Vec<Value>),
    Nonsense,
}

fn event(kind: &str, object: &Value) -> Value {
    json!({ "type": kind, "object": object })
}

fn pod(name: &str, container: &str, version: &str) -> Value {
    json!({
        "metadata": { "name": name, "namespace": "shop", "uid": format!("uid-{name}"), "resourceVersion": version },
        "spec": { "nodeName": "node-1" },
        "status": { "containerStatuses": [{ "name": "app", "containerID": format!("cri-o://{container}") }] },
    })
}

fn list(version: &str, more: &str, pods: &[Value]) -> Answer {
    Answer::Json(json!({ "metadata": { "resourceVersion": version, "continue": more }, "items": pods }))
}

fn answer(stream: &mut (impl Read + Write), answer: &Answer) -> std::io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
    let chunked = |lines: &[Value]| {
        let chunks = lines.iter().map(|line| {
            let line = line.to_string() + "\n";
            // Cut in two, as a network may.
            let (a, b) = line.split_at(line.len() / 2);
            format!("{:x}\r\n{a}\r\n{:x}\r\n{b}\r\n", a.len(), b.len())
        });
        format!("{head}Transfer-Encoding: chunked\r\n\r\n{}", chunks.collect::<String>())
    };
    let text = match answer {
        Answer::Json(body) => {
            let body = body.to_string();
            format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
        }
        Answer::Status(status) => {
            format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
        Answer::Watch(lines) => chunked(lines) + "0\r\n\r\n",
        Answer::Broken(lines) => chunked(lines) + "20\r\n{\"type\":",
        Answer::Open(lines) => chunked(lines),
        Answer::Nonsense => format!("{head}Content-Length: 5\r\n\r\n[{{]}}x"),
    };
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

/// Answers one request after the other; the last answer's connection stays open. Returns the port and the requests' heads.
fn serve(answers: Vec<Answer>, tls: Option<Arc<ServerConfig>>) -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, heads) = mpsc::channel();
    thread::spawn(move || {
        let mut open = Vec::new();
        for planned in answers {
            let (stream, _) = listener.accept().unwrap();
            let mut stream: Box<dyn Stream> = match &tls {
                Some(config) => {
                    Box::new(StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream))
                }
                None => Box::new(stream),
            };
            let mut head = String::new();
            let mut reader = BufReader::new(&mut stream);
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
            sender.send(head).unwrap();
            answer(&mut stream, &planned).unwrap();
            if matches!(planned, Answer::Open(_)) {
                open.push(stream);
            }
        }
        // The watcher's end ends the test.
        thread::sleep(DEADLINE);
        drop(open);
    });
    (port, heads)
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

fn settings(scheme: &str, port: u16) -> Settings {
    Settings {
        server: format!("{scheme}://localhost:{port}").parse().unwrap(),
        token: None,
        authorities: None,
        node: "node-1".to_owned(),
        labels: Vec::new(),
        pause: Duration::from_millis(1),
    }
}

/// The first line of each request.
fn paths(heads: &mpsc::Receiver<String>, count: usize) -> Vec<String> {
    let heads = (0..count).map(|_| heads.recv_timeout(DEADLINE).expect("a request"));
    heads.map(|head| head.split(' ').nth(1).unwrap().to_owned()).collect()
}

#[track_caller]
fn until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < end, "It never happens that {what}.");
        thread::sleep(Duration::from_millis(1));
    }
}

fn knows(watcher: &Watcher, container: &str) -> bool {
    watcher.pods().container(container).is_some()
}

#[test]
fn pages_of_a_list_and_the_changes_since() {
    let (port, heads) = serve(
        vec![
            list("5", "next page", &[pod("a", "aa", "1")]),
            list("5", "", &[pod("b", "bb", "2")]),
            Answer::Watch(vec![
                event("ADDED", &pod("c", "cc", "6")),
                event("MODIFIED", &pod("a", "a2", "7")),
                event("DELETED", &pod("b", "bb", "8")),
                event("BOOKMARK", &json!({ "metadata": { "resourceVersion": "9" } })),
            ]),
            Answer::Open(vec![event("ADDED", &pod("d", "dd", "10"))]),
        ],
        None,
    );
    let watcher = Watcher::start(settings("http", port), || {}).unwrap();
    until("the last change is known", || knows(&watcher, "dd"));
    assert!(knows(&watcher, "a2") && knows(&watcher, "cc"));
    assert!(!knows(&watcher, "aa"), "a container that was started anew is another one");
    assert!(!knows(&watcher, "bb"), "a pod that was deleted is gone");
    assert_eq!(watcher.pods().len(), 3);
    let attributes = watcher.pods().container("cc").unwrap().attributes.clone();
    assert!(attributes.contains(&("k8s.pod.name".to_owned(), "c".to_owned())), "{attributes:?}");
    let paths = paths(&heads, 4);
    let selector = "/api/v1/pods?fieldSelector=spec.nodeName%3Dnode%2D1&";
    assert!(paths.iter().all(|path| path.starts_with(selector)), "{paths:?}");
    assert!(paths[1].ends_with("continue=next%20page"), "{paths:?}");
    assert!(paths[2].ends_with("resourceVersion=5") && paths[2].contains("watch=true"), "{paths:?}");
    assert!(paths[3].ends_with("resourceVersion=9"), "a bookmark is gone on from: {paths:?}");
}

/// 410 Gone comes as a status or within the watch: both ask for a new list. Other failures go on from where they were.
#[test]
fn whatever_fails_is_tried_again() {
    let gone = event("ERROR", &json!({ "kind": "Status", "code": 410, "reason": "Expired" }));
    let (port, heads) = serve(
        vec![
            Answer::Status(503),
            Answer::Nonsense,
            list("5", "", &[pod("a", "aa", "1"), pod("b", "bb", "2")]),
            Answer::Broken(vec![event("ADDED", &pod("c", "cc", "6"))]),
            Answer::Status(403),
            Answer::Watch(vec![gone]),
            list("20", "", &[pod("b", "bb", "2")]),
            Answer::Status(410),
            list("30", "", &[pod("b", "bb", "2"), pod("e", "ee", "29")]),
            Answer::Open(vec![event("ADDED", &pod("f", "ff", "31"))]),
        ],
        None,
    );
    let watcher = Watcher::start(settings("http", port), || {}).unwrap();
    until("the last change is known", || knows(&watcher, "ff"));
    for (container, known) in [("aa", false), ("bb", true), ("cc", false), ("ee", true)] {
        assert_eq!(knows(&watcher, container), known, "{container}: a new list replaces what was known");
    }
    let paths = paths(&heads, 10);
    let versions: Vec<_> =
        paths.iter().map(|path| path.split_once("resourceVersion=").map(|(_, version)| version)).collect();
    let watched = [None, None, None, Some("5"), Some("6"), Some("6"), None, Some("20"), None, Some("30")];
    assert_eq!(versions, watched);
    let failures = watcher.stats().failures.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(failures, 6);
}

#[test]
fn the_server_is_known_by_its_authority_and_the_watcher_by_its_token() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let file = |name: &str, text: &str| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (port, heads) = serve(
        vec![list("5", "", &[]), Answer::Open(vec![event("ADDED", &pod("a", "aa", "6"))])],
        Some(Arc::new(server)),
    );
    let settings = Settings {
        token: Some(file("token", "t0ken\n")),
        authorities: Some(file("ca.crt", &made.cert.pem())),
        ..settings("https", port)
    };
    let watcher = Watcher::start(settings, || {}).unwrap();
    until("the pod is known", || knows(&watcher, "aa"));
    for _ in 0..2 {
        let head = heads.recv_timeout(DEADLINE).unwrap().to_lowercase();
        assert!(head.contains("\r\nauthorization: bearer t0ken\r\n"), "{head}");
    }
}

#[test]
fn a_server_without_the_right_certificate_gets_no_token() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let watcher = Watcher::start(settings("https", port), || {}).unwrap();
    let failures = || watcher.stats().failures.load(std::sync::atomic::Ordering::Relaxed);
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let (stream, _) = listener.accept().unwrap();
    let mut tls = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream);
    assert!(tls.read(&mut [0; 1]).is_err(), "the watcher breaks the handshake off");
    drop(tls);
    until("the failure is counted", || failures() > 0);
    assert!(watcher.pods().is_empty());
}
