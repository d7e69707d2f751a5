//! Several backends at once, and a queue on disk that outlives the daemon.

use std::{
    collections::BTreeSet,
    fs,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::{Value, json};
use tracer_tests::{
    apps::{curl, threaded_backend},
    daemon::Options,
    ports::free_port,
    receiver::{Receiver, Transport},
    scenario::{Scenario, assert_clean, assert_unique},
    wait::wait_until,
};

/// The backend is down, the daemon is killed, and the next one delivers what the first one had: each span once.
#[test]
fn a_queue_on_disk_survives_kill_9() {
    let scenario = Scenario::start("exporters-queue");
    let backend = threaded_backend(&scenario, None);
    let port = free_port();
    let options = || Options {
        config: Some(format!(
            "[export]\nqueue_dir = '{}'\nbatch_spans = 1\n[select]\ninclude = [{{ port = {} }}]\n",
            scenario.file("queue").display(),
            backend.port()
        )),
        env: vec![
            ("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), format!("http://127.0.0.1:{port}")),
            ("OTEL_EXPORTER_OTLP_PROTOCOL".to_owned(), "http/protobuf".to_owned()),
        ],
        ..Options::default()
    };
    let daemon = scenario.daemon_with(options());
    for _ in 0..5 {
        curl([backend.url("/queued/hello")]);
    }
    // A batch for each span, of client and server.
    wait_until("all spans are in the queue", || daemon.status().exports[0].queued_batches == 10);
    daemon.kill();

    let daemon = scenario.daemon_with(options());
    assert_eq!(daemon.status().exports[0].queued_batches, 10);
    curl([backend.url("/queued/again")]);
    let late = Receiver::start_on(Transport::Http, port);
    late.wait_for("/queued", 12);
    wait_until("the queue is empty", || daemon.status().exports[0].queued_batches == 0);
    assert_clean(&daemon);
    daemon.stop();
    let spans = late.spans_under("/queued");
    assert_eq!(spans.len(), 12);
    assert_unique(&spans);
}

/// What a fake backend got.
type Got = Arc<Mutex<Vec<Value>>>;

/// A backend that takes lists of Zipkin spans and bulk requests of Elasticsearch, and refuses what is not in their form.
fn fake(port: u16) -> (Got, Got) {
    let (zipkin, documents) = (Got::default(), Got::default());
    let (kept_zipkin, kept_documents) = (zipkin.clone(), documents.clone());
    let take_zipkin = move |headers: HeaderMap, body: Bytes| async move {
        let spans: Vec<Value> = serde_json::from_slice(&body).unwrap_or_default();
        let is_span = |span: &Value| {
            span["traceId"].as_str().is_some_and(|id| id.len() == 32)
                && span["timestamp"].is_u64()
                && span["localEndpoint"]["serviceName"].is_string()
        };
        if spans.is_empty() || headers["content-type"] != "application/json" || !spans.iter().all(is_span) {
            return StatusCode::BAD_REQUEST;
        }
        kept_zipkin.lock().unwrap().extend(spans);
        StatusCode::ACCEPTED
    };
    let take_bulk = move |headers: HeaderMap, body: Bytes| async move {
        let lines: Option<Vec<Value>> = body
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).ok())
            .collect();
        let is_bulk = headers["content-type"] == "application/x-ndjson" && body.ends_with(b"\n");
        let Some(lines) = lines.filter(|lines| is_bulk && lines.len() % 2 == 0) else {
            return (StatusCode::BAD_REQUEST, String::new());
        };
        let (mut items, mut all_right) = (Vec::new(), true);
        for pair in lines.chunks(2) {
            let is_right = pair[0]["create"]["_index"] == "traces-generic.otel-default"
                && pair[0]["create"]["_id"].is_string()
                && pair[1]["@timestamp"].is_string();
            all_right &= is_right;
            items.push(json!({ "create": { "status": if is_right { 201 } else { 400 } } }));
            kept_documents.lock().unwrap().extend(is_right.then(|| pair[1].clone()));
        }
        (StatusCode::OK, json!({ "errors": !all_right, "items": items }).to_string())
    };
    let app = Router::new().route("/api/v2/spans", post(take_zipkin)).route("/_bulk", post(take_bulk));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
            axum::serve(listener, app).await.unwrap();
        });
    });
    (zipkin, documents)
}

/// Every backend gets every span, in its own form, and one that is down holds none of the others up.
#[test]
fn several_backends_get_the_same_spans() {
    let scenario = Scenario::start("exporters-several");
    let backend = threaded_backend(&scenario, None);
    let (port, nobody) = (free_port(), free_port());
    let (zipkin, documents) = fake(port);
    let file = scenario.file("spans.jsonl");
    let second = Receiver::start_on(Transport::Http, free_port());
    let daemon = scenario.daemon_with(Options::config(&format!(
        "[select]\ninclude = [{{ port = {} }}]\n[export]\ntargets = [\n\
         {{ name = 'zipkin', kind = 'zipkin', endpoint = 'http://127.0.0.1:{port}/api/v2/spans' }},\n\
         {{ name = 'elastic', kind = 'elasticsearch', endpoint = 'http://127.0.0.1:{port}' }},\n\
         {{ name = 'second', kind = 'otlp', endpoint = '{}', protocol = 'http/protobuf' }},\n\
         {{ name = 'down', kind = 'otlp', endpoint = 'http://127.0.0.1:{nobody}' }},\n\
         {{ name = 'file', kind = 'file', path = '{}' }}]\n",
        backend.port(),
        second.endpoint(),
        file.display(),
    )));
    for _ in 0..3 {
        curl([backend.url("/several/hello")]);
    }
    scenario.receiver.wait_for("/several", 6);
    wait_until("all have got everything", || {
        let exports = daemon.status().exports;
        let exported = |name: &str| exports.iter().find(|export| export.name == name).unwrap().exported;
        ["otlp", "zipkin", "elastic", "second", "file"].into_iter().all(|name| exported(name) == 6)
            && exported("down") == 0
    });
    assert_clean(&daemon);
    let expected: BTreeSet<String> =
        scenario.receiver.spans_under("/several").into_iter().map(|span| span.span_id).collect();
    let ids = |got: &[Value], name: &str| -> BTreeSet<String> {
        got.iter().map(|span| span[name].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&zipkin.lock().unwrap(), "id"), expected);
    assert_eq!(ids(&documents.lock().unwrap(), "span_id"), expected);
    assert_eq!(second.spans_under("/several").len(), 6);
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 6);
    assert!(expected.iter().all(|id| text.contains(id.as_str())));
    // What is in the queue of the backend that is down is lost with the daemon, and counted at its end.
    daemon.stop();
}
