//! What one core makes of kernel records: stages 2 to 6, then with sampling by policies, with encoding to OTLP, and with both. Sampling keeps everything
//! here, so that every span pays for all of it.
//!
//! `cargo bench -p tracer-user --bench pipeline`. No kernel, no root. Requests and responses have the size and headers of
//! browsers, proxies and frameworks, on connections that are kept alive.
//!
//! | after `--` | what it does |
//! |---|---|
//! | nothing | CPU time and spans a second: of a quiet machine |
//! | `--ci` | each shape once: shows that the benchmark works |
//! | `--instructions` | instructions a span, counted by valgrind: the same on a busy machine |
//! | `--waiting` | memory of 50,000 traces that wait for policies |
//! | `--profile SHAPE` | repeats one shape for some seconds, for a profiler |
//! | `--toml TEXT` | the two without sampling with this configuration instead of none |
#![expect(clippy::print_stdout, reason = "a benchmark reports to the terminal")]

mod counted;
#[path = "../../tests/pipeline/records.rs"]
#[expect(dead_code, reason = "shared with tests, which make other records too")]
mod records;
mod script;
mod waiting;

use std::{hint::black_box, path::Path, process::ExitCode};

use nix::time::{ClockId, clock_gettime};
use records::Record;
use script::{SHAPES, Shape};
use tracer_user::{
    clock::WallClock,
    config::{Config, Environment, Flags, combine},
    export::otlp::Encoder,
    identity::Host,
    pipeline::{Census, Pipeline},
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
/// Sampling that looks at whole traces and keeps them: two policies that say no to nearly all, and one that says yes.
const POLICIES: &str = r#"
[sampling.tail]
decision_wait = "100ms"
policies = [
    { name = "errors", type = "status_code", status_code = { status_codes = ["ERROR"] } },
    { name = "slow", type = "latency", latency = { threshold_ms = 500 } },
    { name = "rest", type = "probabilistic", probabilistic = { sampling_percentage = 100 } },
]
"#;
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
        counted::child(shape, Stages { sample: has(counted::SAMPLE), encode: has(counted::ENCODE) });
    } else if let Some(shape) = behind(waiting::CHILD) {
        waiting::child(shape);
    } else if has("--instructions") {
        return counted::report();
    } else if has("--waiting") {
        return waiting::report();
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

/// What is measured of each shape: with sampling, with encoding.
const STAGES: [Stages; 4] = [
    Stages { sample: false, encode: false },
    Stages { sample: true, encode: false },
    Stages { sample: false, encode: true },
    Stages { sample: true, encode: true },
];

/// The stages behind that which makes traces.
#[derive(Clone, Copy)]
struct Stages {
    sample: bool,
    encode: bool,
}

impl Stages {
    fn name(self) -> &'static str {
        match (self.sample, self.encode) {
            (false, false) => "traces",
            (true, false) => "and sampling",
            (false, true) => "and OTLP",
            (true, true) => "and both",
        }
    }
}

fn measure(config: &Config, count: usize) {
    let sampling = self::config(POLICIES);
    for shape in SHAPES {
        let records = shape.records(EXCHANGES);
        let mut alone = f64::NAN;
        for stages in STAGES {
            let config = if stages.sample { &sampling } else { config };
            let mut rounds: Vec<f64> = (0..count)
                .map(|_| {
                    let start_ns = cpu_ns();
                    let spans = black_box(run(config, &records, stages.encode));
                    (cpu_ns() - start_ns) as f64 / spans as f64
                })
                .collect();
            rounds.sort_by(f64::total_cmp);
            let (best, median) = (rounds[0], rounds[count / 2]);
            if alone.is_nan() {
                alone = median;
            }
            println!(
                "{} {median:>6.0} ns a span (best {best:.0}), {:>9.0} spans a second and core, {:>2.0} % behind the traces",
                title(shape, stages),
                1e9 / median,
                (median - alone) / median * 100.0
            );
        }
    }
}

fn title(shape: Shape, stages: Stages) -> String {
    format!("{:<8}{:<14}", format!("{shape:?}"), stages.name())
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
        self.census().finished_spans as usize
    }

    fn census(&self) -> Census {
        self.pipeline.census()
    }
}
