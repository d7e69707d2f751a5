//! What the store costs: CPU time for each span on its way from OTLP/gRPC to the disk, bytes for each span on disk, the
//! time that queries take, and memory.
//!
//! The server runs as a process of its own, so that its CPU time and memory are its own: this program starts itself with
//! `serve`. Wall-clock times say little on a busy machine; CPU time does not depend on what else runs.

#![allow(clippy::print_stdout, reason = "the figures are what this program is for")]

mod http;
mod load;
mod spans;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use tracer_server::{Settings, serve};

/// Rounds of each query.
const ROUNDS: usize = 40;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.get(1).map(String::as_str) == Some("serve") {
        return run_server(Path::new(&args[2]));
    }
    // What `cargo bench` adds is of no use here.
    let number = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)?.parse::<u64>().ok()
    };
    let is_ci = args.iter().any(|arg| arg == "--ci");
    let spans = number("--spans").unwrap_or(if is_ci { 40_000 } else { 1_000_000 });
    let directory = tempfile::tempdir().expect("a directory");
    let server = ServerProcess::start(directory.path());

    let (cpu, start) = (server.cpu(), Instant::now());
    let sent = load::send(server.grpc, spans);
    let took = start.elapsed();
    println!("| figure | value |\n|---|---|");
    println!("| spans sent and acknowledged | {} |", sent.spans);
    println!("| OTLP bytes for each span | {:.0} |", sent.bytes as f64 / sent.spans as f64);
    println!("| spans a second, sender on the same cores | {:.0} |", sent.spans as f64 / took.as_secs_f64());
    server.wait_for_blocks(sent.spans);
    let cpu = server.cpu().saturating_sub(cpu);
    println!(
        "| server CPU for each span, blocks included | {:.2} us ({:.0} spans for each second of one core) |",
        cpu.as_secs_f64() * 1e6 / sent.spans as f64,
        sent.spans as f64 / cpu.as_secs_f64()
    );
    let size = server.status();
    let (rows, bytes) =
        (size["spans_in_blocks"].as_f64().unwrap_or(0.0), size["bytes_of_blocks"].as_f64().unwrap_or(0.0));
    println!("| blocks | {} |", size["blocks"]);
    println!("| bytes on disk for each span in a block | {:.1} |", bytes / rows);
    let since = spans::EPOCH;
    let queries = [
        ("trace by id", format!("/api/v1/traces/{}", spans::trace_id(spans / 2 / spans::PER_TRACE))),
        ("service", format!("/api/v1/traces?service=service-3&start={since}")),
        ("duration", format!("/api/v1/traces?min_duration=900ms&start={since}")),
        (
            "attribute that one span has",
            format!("/api/v1/traces?tag=url.path=/api/v1/items/{}&start={since}", spans / 2),
        ),
        ("attribute that no span has", format!("/api/v1/traces?tag=url.path=/nowhere&start={since}")),
        ("errors", format!("/api/v1/traces?error=true&start={since}")),
        (
            "errors of a service, counted",
            format!("/api/v1/traces?error=true&service=service-3&count=true&start={since}"),
        ),
    ];
    for (name, path) in queries {
        let answer: serde_json::Value =
            serde_json::from_slice(&http::get(server.query, &path)).expect("JSON");
        let (cpu, read) = (server.cpu(), server.read());
        let mut times: Vec<Duration> = (0..ROUNDS)
            .map(|_| {
                let start = Instant::now();
                http::get(server.query, &path);
                start.elapsed()
            })
            .collect();
        times.sort();
        let p95 = times[ROUNDS * 95 / 100 - 1];
        println!(
            "| query: {name}, p50 / p95 | {:.1} / {:.1} ms; {:.1} ms of CPU, {:.2} MiB read{} |",
            ms(times[ROUNDS / 2]),
            ms(p95),
            ms(server.cpu().saturating_sub(cpu)) / ROUNDS as f64,
            (server.read() - read) as f64 / ROUNDS as f64 / f64::from(1 << 20),
            answer["inspected_blocks"]
                .as_u64()
                .map_or_else(String::new, |blocks| format!(" from {blocks} blocks")),
        );
    }
    println!("| most memory of the server | {:.0} MiB |", server.peak_memory() as f64 / 1024.0);
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn run_server(data: &Path) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut settings =
        Settings { otlp_grpc: any, otlp_http: any, query: any, ..Settings::new(data.to_owned()) };
    // The spans are of a fixed day, which is long ago some day.
    settings.limits.age = Duration::from_hours(1_000_000);
    let ready = |addresses: tracer_server::Addresses| {
        println!("{} {}", addresses.otlp_grpc, addresses.query);
        std::io::stdout().flush()
    };
    serve(settings, Arc::new(AtomicBool::new(false)), ready).expect("it serves");
}

struct ServerProcess {
    child: Child,
    grpc: SocketAddr,
    query: SocketAddr,
}

impl ServerProcess {
    fn start(data: &Path) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut child =
            Command::new(program).arg("serve").arg(data).stdout(Stdio::piped()).spawn().expect("started");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let (grpc, query) = line.trim().split_once(' ').expect("two addresses");
        let (grpc, query) = (grpc.parse().expect("an address"), query.parse().expect("an address"));
        Self { child, grpc, query }
    }

    /// CPU time so far, of all threads (proc(5), `stat`, fields 14 and 15, in ticks of 10 ms).
    fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("stat");
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().expect("ticks")).sum();
        Duration::from_millis(ticks * 10)
    }

    /// Bytes read so far, from files and sockets, wherever the kernel had them (proc(5), `io`).
    fn read(&self) -> u64 {
        let io = std::fs::read_to_string(format!("/proc/{}/io", self.child.id())).expect("io");
        let line = io.lines().find_map(|line| line.strip_prefix("rchar: ")).expect("rchar");
        line.parse().expect("a number")
    }

    /// Most resident memory so far, KiB (proc(5), `status`).
    fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    fn status(&self) -> serde_json::Value {
        let body = http::get(self.query, "/api/v1/status");
        serde_json::from_slice::<serde_json::Value>(&body).expect("JSON")["store"].clone()
    }

    /// Waits until all but what stays in memory is in blocks.
    fn wait_for_blocks(&self, spans: u64) {
        let limit = tracer_server::store::Limits::default().block_spans as u64;
        let is_done = |size: &serde_json::Value| {
            size["spans_in_memory"].as_u64().is_some_and(|count| count < limit || count == spans)
        };
        while !is_done(&self.status()) {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
