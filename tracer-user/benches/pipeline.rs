//! Spans a second that one core makes of kernel records: stages 2 to 6, with and without encoding to OTLP.
//!
//! `cargo bench -p tracer-user --bench pipeline`. The records are made beforehand; no kernel, no root. Requests and
//! responses have the size and headers of browsers, proxies and frameworks, on connections that are kept alive.
//! `-- --ci` runs each shape once: it shows that the benchmark works. `-- --profile SHAPE` repeats one shape for some seconds, for a profiler.
#![expect(clippy::print_stdout, reason = "a benchmark reports to the terminal")]

#[path = "../tests/pipeline/records.rs"]
#[expect(dead_code, reason = "shared with tests, which make other records too")]
mod records;

use std::hint::black_box;

use nix::time::{ClockId, clock_gettime};
use records::{Ends, Record, Segment};
use tracer_user::{
    clock::WallClock, config::Config, export::otlp::Encoder, identity::Host, pipeline::Pipeline,
    processes::Processes, spans::span::Span, traces::ids::Ids,
};

/// Connections in use at a time, taken in turn.
const CONNECTIONS: u64 = 64;
/// Exchanges from end to end in one round.
const EXCHANGES: u64 = 25_000;
/// Between two records: as with 50 thousand requests a second to a server.
const STEP_NS: u64 = 10_000;
const ROUNDS: usize = 7;
/// Records between two looks of the daemon at its clock.
const PASS: usize = 512;
/// Spans in one request to the backend.
const BATCH: usize = 512;
const CLOCK: WallClock = WallClock { offset_ns: 1_790_000_000_000_000_000 };

/// What goes on on the host.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Clients elsewhere, a server here: one span.
    Server,
    /// A client and a server here: two spans.
    Pair,
    /// A client, a proxy and an application here: four spans.
    Chain,
}

const SHAPES: [Shape; 3] = [Shape::Server, Shape::Pair, Shape::Chain];

/// A process with one thread for each connection.
#[derive(Clone, Copy)]
struct Service {
    pid: u32,
    name: &'static str,
}

const CLIENT: Service = Service { pid: 1000, name: "client" };
const PROXY: Service = Service { pid: 2000, name: "proxy" };
const APP: Service = Service { pid: 3000, name: "app" };

/// One end of a connection.
struct Socket {
    id: u64,
    opened: bool,
    ends: Ends,
    positions: [u32; 2],
    numbers: [u32; 2],
}

/// Records in the making.
#[derive(Default)]
struct Script {
    records: Vec<Record>,
    now_ns: u64,
    sockets: Vec<Socket>,
}

impl Script {
    /// Both ends of a connection; returns the index of the client's.
    fn connect(&mut self, client_address: [u8; 4], port: u16) -> usize {
        let at = self.sockets.len();
        let client = (client_address, 20_000 + (at % 40_000) as u16);
        let server = ([127, 0, 0, 1], port);
        for (local, peer) in [(client, server), (server, client)] {
            let (id, ends) = (self.sockets.len() as u64 + 1, Ends::V4 { local, peer });
            self.sockets.push(Socket { id, opened: false, ends, positions: [1, 1], numbers: [0, 0] });
        }
        at
    }

    fn describe(&mut self, service: Service) {
        let path = format!("/usr/bin/{}\0", service.name);
        self.records.push(records::process(
            service.pid,
            service.name,
            path.as_bytes(),
            b"",
            None,
            self.now_ns,
        ));
    }

    /// `service` reads or writes; its thread is the one of this connection.
    fn pass(&mut self, socket: usize, sent: bool, service: Service, thread: u64, bytes: &[u8]) {
        self.now_ns += STEP_NS;
        let at = &mut self.sockets[socket];
        if !at.opened {
            at.opened = true;
            self.records.push(records::open(&at.ends, 0, service.pid, self.now_ns, at.id));
        }
        let way = usize::from(sent);
        let front = &bytes[..bytes.len().min(if bytes.starts_with(b"HTTP") { 1024 } else { 4096 })];
        self.records.push(records::data(&Segment {
            sent,
            tcp: true,
            eof: false,
            tls: false,
            tgid: service.pid,
            tid: service.pid + 1 + thread as u32,
            task: 0,
            time_ns: self.now_ns,
            conn: at.id,
            number: at.numbers[way],
            position: at.positions[way],
            len: bytes.len() as u32,
            front,
            tail: (front.len() < bytes.len()).then_some(*b"the end."),
        }));
        at.numbers[way] += 1;
        at.positions[way] = at.positions[way].wrapping_add(bytes.len() as u32);
    }
}

impl Shape {
    fn records(self) -> Vec<Record> {
        let mut script = Script { now_ns: 1_000_000_000_000, ..Script::default() };
        for service in [CLIENT, PROXY, APP] {
            script.describe(service);
        }
        let client_address = if matches!(self, Self::Server) { [198, 51, 100, 7] } else { [127, 0, 0, 1] };
        let front: Vec<_> = (0..CONNECTIONS).map(|_| script.connect(client_address, 80)).collect();
        let back: Vec<_> = (0..CONNECTIONS).map(|_| script.connect([127, 0, 0, 1], 8000)).collect();
        let response = response();
        for number in 0..EXCHANGES {
            let thread = number % CONNECTIONS;
            let (front, back) = (front[thread as usize], back[thread as usize]);
            let request = request(number);
            let client_is_here = !matches!(self, Self::Server);
            if client_is_here {
                script.pass(front, true, CLIENT, thread, &request);
            }
            script.pass(front + 1, false, PROXY, thread, &request);
            if matches!(self, Self::Chain) {
                script.pass(back, true, PROXY, thread, &request);
                script.pass(back + 1, false, APP, thread, &request);
                script.pass(back + 1, true, APP, thread, &response);
                script.pass(back, false, PROXY, thread, &response);
            }
            script.pass(front + 1, true, PROXY, thread, &response);
            if client_is_here {
                script.pass(front, false, CLIENT, thread, &response);
            }
        }
        script.records
    }
}

fn request(number: u64) -> Vec<u8> {
    format!(
        "GET /api/v1/users/{}/orders?page={}&sort=date HTTP/1.1\r\n\
         Host: shop.example:8080\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
         Accept: application/json, text/plain, */*\r\n\
         Accept-Encoding: gzip, deflate, br\r\n\
         X-Forwarded-For: 203.0.113.9\r\n\
         Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\
         Connection: keep-alive\r\n\r\n",
        number % 9973,
        number % 7
    )
    .into_bytes()
}

/// Two kilobytes: more than is captured.
fn response() -> Vec<u8> {
    let body = "x".repeat(2000);
    format!(
        "HTTP/1.1 200 OK\r\nServer: nginx/1.28.0\r\nDate: Tue, 03 Mar 2026 08:00:00 GMT\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: keep-alive\r\n\
         Vary: Accept-Encoding\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--profile") {
        let wanted = arguments.get(at + 1).map_or("Chain", String::as_str);
        let shape = SHAPES.into_iter().find(|shape| format!("{shape:?}") == wanted).unwrap_or(Shape::Chain);
        let records = shape.records();
        for _ in 0..20 {
            black_box(run(&records, false));
        }
        return;
    }
    let count = if arguments.iter().any(|argument| argument == "--ci") { 1 } else { ROUNDS };
    for shape in SHAPES {
        let records = shape.records();
        for encode in [false, true] {
            let mut rounds: Vec<f64> = (0..count)
                .map(|_| {
                    let start_ns = cpu_ns();
                    let spans = black_box(run(&records, encode));
                    (cpu_ns() - start_ns) as f64 / spans as f64
                })
                .collect();
            rounds.sort_by(f64::total_cmp);
            let (best, median) = (rounds[0], rounds[count / 2]);
            let with = if encode { "and OTLP" } else { "" };
            println!(
                "{:<8}{with:<10} {median:>6.0} ns a span (best {best:.0}), {:>9.0} spans a second and core",
                format!("{shape:?}"),
                1e9 / median
            );
        }
    }
}

/// CPU time of this thread: what others do on the machine does not count.
fn cpu_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .map_or(0, |time| time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
}

/// When a record was made: the second word of its header.
fn last_ns(record: &Record) -> u64 {
    record.bytes()[8..16].try_into().map_or(0, u64::from_ne_bytes)
}

/// Takes all records as the daemon does; returns how many spans came of them.
fn run(records: &[Record], encode: bool) -> usize {
    let config = Config::default();
    let processes = Processes::new(&config, Host::default(), None);
    let mut pipeline = Pipeline::new(&config, processes, Ids::seeded(1), CLOCK);
    let mut encoder = Encoder::new("0");
    let mut waiting: Vec<Span> = Vec::new();
    let mut spans = 0;
    let mut take = |trace: Vec<Span>| {
        spans += trace.len();
        if encode {
            waiting.extend(trace);
            while waiting.len() >= BATCH {
                black_box(encoder.encode(&waiting[..BATCH]));
                waiting.drain(..BATCH);
            }
        }
    };
    for pass in records.chunks(PASS) {
        for record in pass {
            pipeline.record(record.bytes());
        }
        if let Some(last) = pass.last() {
            pipeline.advance(last_ns(last), CLOCK, &mut take);
        }
    }
    pipeline.finish(take);
    spans
}
