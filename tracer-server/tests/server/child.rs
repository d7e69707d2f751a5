//! A server in a process of its own, which can be killed and limited.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use serde_json::Value;
use tracer_server::{
    Server,
    store::{ClickHouseSettings, ColdTier},
};

use crate::support::{Response, exchange, settings};

/// Where the process finds what it is to do.
const DATA: &str = "TEST_SERVER_DATA";
/// Where its blocks go at once, if that is set.
const COLD: &str = "TEST_SERVER_COLD";
/// The ClickHouse that it uses, if that is set.
const CLICKHOUSE: &str = "TEST_SERVER_CLICKHOUSE";
/// Set where no part of the disk is kept free.
const NO_RESERVE: &str = "TEST_SERVER_NO_RESERVE";
/// In front of the line that says where it listens.
const READY: &str = "listening ";

/// Not a test: what [`Process::start`] runs, in this very program.
#[test]
#[ignore = "the other half of the tests that need a server in a process of its own"]
fn serve() {
    let data = std::env::var_os(DATA).expect("a directory");
    let mut settings = settings(Path::new(&data));
    if let Ok(spans) = std::env::var("TEST_SERVER_BLOCK_SPANS") {
        settings.limits.block_spans = spans.parse().unwrap();
    }
    if let Ok(location) = std::env::var(COLD) {
        settings.limits.bytes = 0;
        settings.limits.cold =
            Some(ColdTier { location: location.parse().unwrap(), age: Duration::from_hours(24 * 365) });
    }
    if std::env::var_os(NO_RESERVE).is_some() {
        settings.limits.reserve = 0;
    }
    if let Ok(url) = std::env::var(CLICKHOUSE) {
        settings.limits.clickhouse = Some(clickhouse(&url));
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let server = Server::bind(settings).await.unwrap();
        let addresses = server.addresses().unwrap();
        // Not what the test runner prints beside it.
        let line = format!("\n{READY}{} {}\n", addresses.otlp_http, addresses.query);
        std::io::stdout().write_all(line.as_bytes()).unwrap();
        server.run(std::future::pending()).await.unwrap();
    });
}

/// The settings of the ClickHouse of the tests, whose tables are made.
pub(crate) fn clickhouse(url: &str) -> ClickHouseSettings {
    ClickHouseSettings {
        database: "traces".to_owned(),
        user: "tracer".to_owned(),
        password: "secret".to_owned(),
        create: Some(Duration::from_hours(24)),
        ..ClickHouseSettings::new(url.parse().unwrap())
    }
}

/// A running server. Killed when dropped, as `kill -9` does.
pub(crate) struct Process {
    child: Child,
    http: SocketAddr,
    query: SocketAddr,
}

impl Process {
    /// Starts a server in a directory, writing blocks of so many spans. With `largest_file`, in KiB, no file can grow beyond.
    pub(crate) fn start(data: &Path, block_spans: usize, largest_file: Option<u32>) -> Self {
        Self::start_with(data, block_spans, largest_file, &[])
    }

    /// Starts one whose blocks all go to the cold tier.
    pub(crate) fn start_cold(data: &Path, block_spans: usize, location: &str) -> Self {
        Self::start_with(data, block_spans, None, &[(COLD, location)])
    }

    /// The same with an S3 server at an address, whose keys are `key` and `secret`.
    #[allow(dead_code, reason = "for the tests of engines, which share this file")]
    pub(crate) fn start_s3(data: &Path, block_spans: usize, location: &str, server: SocketAddr) -> Self {
        let endpoint = format!("http://{server}");
        let variables = [
            (COLD, location),
            ("AWS_ENDPOINT", &endpoint),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ];
        Self::start_with(data, block_spans, None, &variables)
    }

    /// Starts one that writes until the disk is full.
    pub(crate) fn start_without_reserve(data: &Path, block_spans: usize) -> Self {
        Self::start_with(data, block_spans, None, &[(NO_RESERVE, "1")])
    }

    /// Starts one whose spans go to ClickHouse.
    #[allow(dead_code, reason = "for the tests of engines, which share this file")]
    pub(crate) fn start_clickhouse(data: &Path, block_spans: usize, url: &str) -> Self {
        Self::start_with(data, block_spans, None, &[(CLICKHOUSE, url)])
    }

    fn start_with(
        data: &Path,
        block_spans: usize,
        largest_file: Option<u32>,
        variables: &[(&str, &str)],
    ) -> Self {
        let program = std::env::current_exe().unwrap();
        // A limit on the size of files stands for a full disk; the shell sees to it that the signal of it is ignored.
        let limit =
            largest_file.map_or(String::new(), |kib| format!("trap '' XFSZ; ulimit -f {}; ", kib * 2));
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(format!("{limit}exec \"$0\" --ignored --exact child::serve --nocapture"))
            .arg(program)
            .env(DATA, data)
            .envs(variables.iter().copied())
            .env("TEST_SERVER_BLOCK_SPANS", block_spans.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line =
            lines.find_map(|line| line.ok()?.strip_prefix(READY).map(str::to_owned)).expect("it listens");
        let (http, query) = line.split_once(' ').unwrap();
        Self { child, http: http.parse().unwrap(), query: query.parse().unwrap() }
    }

    /// Sends a request and returns the status of the answer.
    pub(crate) fn send(&self, request: &ExportTraceServiceRequest) -> u16 {
        let headers = [("content-type", "application/x-protobuf")];
        exchange(self.http, "POST", "/v1/traces", &headers, &request.encode_to_vec()).status
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        exchange(self.query, "GET", path, &[], &[])
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        let response = self.get(path);
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        response.json()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
