//! A server on free ports, a client for each side, and spans to send.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value as Any},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span},
};
use serde_json::Value;
use tokio::sync::oneshot;
use tonic::transport::Channel;
use tracer_server::{Addresses, Server, Settings};

/// How long an answer, or a change, is waited for: the machine may have much else to do.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// A running server. Stops when dropped.
pub(crate) struct Running {
    pub(crate) addresses: Addresses,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    directory: tempfile::TempDir,
}

/// Any free ports, and a directory for the data.
pub(crate) fn settings(data: &Path) -> Settings {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Settings {
        otlp_grpc: any,
        otlp_http: any,
        query: any,
        zipkin: Some(any),
        jaeger_http: Some(any),
        jaeger_grpc: Some(any),
        ..Settings::new(data.to_owned())
    }
}

impl Running {
    pub(crate) fn start(change: impl FnOnce(&mut Settings)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(directory.path());
        change(&mut settings);
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let server = Server::bind(settings).await.expect("the server starts");
                ready.send(server.addresses().unwrap()).unwrap();
                server.run(async { drop(stopped.await) }).await.unwrap();
            });
        });
        let addresses = is_ready.recv().expect("the server listens");
        Self { addresses, stop: Some(stop), thread: Some(thread), directory }
    }

    /// Where its data is.
    pub(crate) fn data(&self) -> &Path {
        self.directory.path()
    }

    /// Sends by gRPC and returns when it is acknowledged.
    pub(crate) fn send(&self, request: ExportTraceServiceRequest) {
        let refused = block_on(async {
            let mut client = grpc_client(self.addresses.otlp_grpc).await;
            client.export(request).await.expect("accepted").into_inner().partial_success
        });
        assert_eq!(refused, None);
    }

    /// Asks the query API, which must answer 200 with JSON.
    #[track_caller]
    pub(crate) fn json(&self, path: &str) -> Value {
        let response = self.get(path, &[]);
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        response.json()
    }

    pub(crate) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        exchange(self.addresses.query, "GET", path, headers, &[])
    }

    pub(crate) fn post(&self, headers: &[(&str, &str)], body: &[u8]) -> Response {
        exchange(self.addresses.otlp_http, "POST", "/v1/traces", headers, body)
    }

    /// How much was lost for a reason.
    pub(crate) fn lost(&self, reason: &str) -> u64 {
        let status = self.json("/api/v1/status");
        let losses = status["spans"]["losses"].as_array().unwrap();
        losses.iter().find(|loss| loss["reason"] == reason).expect("a reason")["count"].as_u64().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

pub(crate) async fn grpc_client(address: SocketAddr) -> TraceServiceClient<Channel> {
    TraceServiceClient::connect(format!("http://{address}")).await.expect("a connection")
}

/// The reason and the status of a refusal, and the headers and the body that are refused.
pub(crate) type Refused<'a> = (&'a str, u16, &'a [(&'a str, &'a str)], &'a [u8]);

/// An HTTP response.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// One request over a connection of its own.
pub(crate) fn exchange(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| *name == "host") {
        head += "host: localhost\r\n";
    }
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head += "\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    // A server that refuses early may close before it has read everything.
    let _ = stream.write_all(body);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let at = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(bytes[..at].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut body = bytes[at + 4..].to_vec();
    if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        body = dechunk(&body);
    }
    Response { status, head, body }
}

fn dechunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = bytes.windows(2).position(|window| window == b"\r\n").expect("a chunk");
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            return whole;
        }
        whole.extend_from_slice(&bytes[end + 2..end + 2 + length]);
        bytes = &bytes[end + 2 + length + 2..];
    }
}

pub(crate) fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

pub(crate) fn attribute(key: &str, value: Any) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

pub(crate) fn text(value: &str) -> Any {
    Any::StringValue(value.to_owned())
}

/// A span; `parent` 0 is none. Times in nanoseconds, the start relative to `base`.
pub(crate) fn span(trace: u8, id: u8, parent: u8, name: &str, base: u64, start: u64, duration: u64) -> Span {
    Span {
        trace_id: vec![trace; 16],
        span_id: vec![id; 8],
        parent_span_id: if parent == 0 { Vec::new() } else { vec![parent; 8] },
        name: name.to_owned(),
        kind: span::SpanKind::Server as i32,
        start_time_unix_nano: base + start,
        end_time_unix_nano: base + start + duration,
        ..Span::default()
    }
}

pub(crate) fn failed(mut span: Span) -> Span {
    span.status = Some(Status { code: 2, message: "it broke".to_owned() });
    span
}

/// The spans of one service.
pub(crate) fn of_service(service: &str, spans: Vec<Span>) -> ResourceSpans {
    ResourceSpans {
        resource: Some(Resource {
            attributes: vec![
                attribute("service.name", text(service)),
                attribute("process.pid", Any::IntValue(7)),
            ],
            ..Resource::default()
        }),
        scope_spans: vec![ScopeSpans {
            scope: Some(InstrumentationScope { name: "test".to_owned(), ..InstrumentationScope::default() }),
            spans,
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    }
}

pub(crate) fn request(resource_spans: Vec<ResourceSpans>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest { resource_spans }
}

/// `shop` calls `stock`, which fails: trace 1, 50 ms, some of everything that a span can have.
pub(crate) fn shop_trace(base: u64) -> ExportTraceServiceRequest {
    let mut root = span(1, 1, 0, "GET /cart", base, 0, 50_000_000);
    root.attributes = vec![
        attribute("http.request.method", text("GET")),
        attribute("http.response.status_code", Any::IntValue(500)),
        attribute("ratio", Any::DoubleValue(0.5)),
        attribute("cached", Any::BoolValue(true)),
        attribute(
            "list",
            Any::ArrayValue(opentelemetry_proto::tonic::common::v1::ArrayValue {
                values: vec![AnyValue { value: Some(text("x")) }, AnyValue { value: Some(Any::IntValue(1)) }],
            }),
        ),
    ];
    root.trace_state.push_str("a=b");
    root.flags = 0x101;
    root.events = vec![span::Event {
        time_unix_nano: base + 5,
        name: "exception".to_owned(),
        attributes: vec![attribute("exception.type", text("E"))],
        ..span::Event::default()
    }];
    root.links = vec![span::Link {
        trace_id: vec![9; 16],
        span_id: vec![8; 8],
        attributes: vec![attribute("why", text("because"))],
        ..span::Link::default()
    }];
    let mut call = span(1, 2, 1, "GET", base, 10_000_000, 30_000_000);
    call.kind = span::SpanKind::Client as i32;
    let answer = failed(span(1, 3, 2, "GET /items", base, 15_000_000, 20_000_000));
    request(vec![of_service("shop", vec![root, call]), of_service("stock", vec![answer])])
}

/// The hex id of the trace with this byte.
pub(crate) fn trace_hex(trace: u8) -> String {
    format!("{trace:02x}").repeat(16)
}

pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Takes out what may differ: how much was looked at, and numbers of resources; sorts OTLP's lists of attributes.
pub(crate) fn normalise(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for key in ["inspected_spans", "inspected_blocks", "inspectedSpans", "resource", "resources"] {
                if map.get(key).is_some_and(|value| !value.is_object()) {
                    map.remove(key);
                }
            }
            map.values_mut().for_each(normalise);
        }
        Value::Array(list) => {
            list.iter_mut().for_each(normalise);
            if list.iter().all(|item| item.get("key").is_some()) {
                list.sort_by_key(|item| item["key"].as_str().unwrap_or_default().to_owned());
            }
        }
        _ => {}
    }
}
