//! What one core makes of kernel records: stages 2 to 7, with and without encoding to OTLP.
//!
//! `cargo bench -p tracer-user --bench pipeline`. No kernel, no root. Requests and responses have the size and headers of
//! browsers, proxies and frameworks, on connections that are kept alive.
//!
//! | after `--` | what it does |
//! |---|---|
//! | nothing | CPU time and spans a second: of a quiet machine |
//! | `--ci` | each shape once: shows that the benchmark works |
//! | `--instructions` | instructions a span, counted by valgrind: the same on a busy machine |
//! | `--profile SHAPE` | repeats one shape for some seconds, for a profiler |
//! | `--toml TEXT` | with this configuration, such as a sampler |
#![expect(clippy::print_stdout, reason = "a benchmark reports to the terminal")]

mod counted;
#[path = "../../tests/pipeline/records.rs"]
#[expect(dead_code, reason = "shared with tests, which make other records too")]
mod records;
mod script;

use std::{hint::black_box, path::Path, process::ExitCode};

use nix::time::{ClockId, clock_gettime};
use records::Record;
use script::{SHAPES, Shape};
use tracer_user::{
    clock::WallClock,
    config::{Config, Environment, Flags, combine},
    export::otlp::Encoder,
    identity::Host,
    pipeline::Pipeline,
    processes::Processes,
    spans::span::Span,
    traces::ids::Ids,
};

/// As the daemon has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exchanges from end to end in one round.
const EXCHANGES: u64 = 25_000;
const ROUNDS: usize = 7;
/// Records between two looks of the daemon at its clock.
const PASS: usize = 512;
/// Spans in one request to the backend.
const BATCH: usize = 512;
const CLOCK: WallClock = WallClock { offset_ns: 1_790_000_000_000_000_000 };

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let behind = |option: &str| {
        let at = arguments.iter().position(|argument| argument == option)?;
        let wanted = arguments.get(at + 1).map_or("", String::as_str);
        Some(SHAPES.into_iter().find(|shape| format!("{shape:?}") == wanted).unwrap_or(Shape::Chain))
    };
    let toml =
        arguments.iter().position(|argument| argument == "--toml").and_then(|at| arguments.get(at + 1));
    let config = config(toml.map_or("", String::as_str));
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    if let Some(shape) = behind("--profile") {
        let records = shape.records(EXCHANGES);
        for _ in 0..20 {
            black_box(run(&config, &records, false));
        }
    } else if let Some(shape) = behind(counted::CHILD) {
        counted::child(shape, has(counted::ENCODE));
    } else if has("--instructions") {
        return counted::report();
    } else {
        measure(&config, if has("--ci") { 1 } else { ROUNDS });
    }
    ExitCode::SUCCESS
}

/// The configuration of a text.
fn config(text: &str) -> Config {
    let file = (Path::new("--toml"), text);
    combine(Some(file), &Flags::default(), &Environment::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn measure(config: &Config, count: usize) {
    for shape in SHAPES {
        let records = shape.records(EXCHANGES);
        for encode in [false, true] {
            let mut rounds: Vec<f64> = (0..count)
                .map(|_| {
                    let start_ns = cpu_ns();
                    let spans = black_box(run(config, &records, encode));
                    (cpu_ns() - start_ns) as f64 / spans as f64
                })
                .collect();
            rounds.sort_by(f64::total_cmp);
            let (best, median) = (rounds[0], rounds[count / 2]);
            println!(
                "{} {median:>6.0} ns a span (best {best:.0}), {:>9.0} spans a second and core",
                title(shape, encode),
                1e9 / median
            );
        }
    }
}

fn title(shape: Shape, encode: bool) -> String {
    format!("{:<8}{:<10}", format!("{shape:?}"), if encode { "and OTLP" } else { "" })
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

/// Takes all records as the daemon does; returns how many spans were made of them.
fn run(config: &Config, records: &[Record], encode: bool) -> usize {
    let mut daemon = Daemon::new(config, encode);
    daemon.take(records);
    daemon.finish()
}

/// The part of the daemon that is measured.
struct Daemon {
    pipeline: Pipeline,
    sink: Sink,
}

/// Where the spans go.
struct Sink {
    /// `None`: they are counted alone.
    encoder: Option<Encoder>,
    waiting: Vec<Span>,
}

impl Sink {
    fn take(&mut self, trace: Vec<Span>) {
        let Some(encoder) = &mut self.encoder else { return };
        self.waiting.extend(trace);
        while self.waiting.len() >= BATCH {
            black_box(encoder.encode(&self.waiting[..BATCH]));
            self.waiting.drain(..BATCH);
        }
    }
}

impl Daemon {
    fn new(config: &Config, encode: bool) -> Self {
        let processes = Processes::new(config, Host::default(), None);
        let pipeline = Pipeline::new(config, processes, Ids::seeded(1), CLOCK);
        let encoder = encode.then(|| Encoder::new("0"));
        Self { pipeline, sink: Sink { encoder, waiting: Vec::new() } }
    }

    fn take(&mut self, records: &[Record]) {
        let Self { pipeline, sink } = self;
        for pass in records.chunks(PASS) {
            for record in pass {
                pipeline.record(record.bytes());
            }
            if let Some(last) = pass.last() {
                pipeline.advance(last_ns(last), CLOCK, |trace| sink.take(trace));
            }
        }
    }

    fn finish(mut self) -> usize {
        self.pipeline.finish(|trace| self.sink.take(trace));
        self.spans()
    }

    /// Spans that were made.
    fn spans(&self) -> usize {
        self.pipeline.census().finished_spans as usize
    }
}
