//! `tracer record`: what the kernel side says, to a file.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter},
    num::NonZeroUsize,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use anyhow::Context;
use lru::LruCache;
use tracer_common::process::EXCLUDED;

use super::{configure, say};
use crate::{
    agent::{StartError, load_kernel, stop_flag},
    clock::{WallClock, monotonic_ns},
    config::{Config, Environment, Flags},
    identity::Host,
    ingest::{Capture, Event, Recorder, decode},
    processes::{Mark, Processes},
};

/// Write what the kernel side sees to a file, for bug reports, tests and benchmarks; `tracer replay` makes traces of it.
///
/// The file holds the bytes of requests and responses as they were sent, as far as they are captured: cookies and
/// credentials too. Of environments only the variables that name a service are kept. Only its owner can read the file.
#[derive(Clone, Debug, clap::Args)]
pub struct RecordArgs {
    #[command(flatten)]
    flags: Flags,
    /// Stop after this long, e.g. 10s [default: when interrupted]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
    /// The file to write; one that exists is replaced
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Connections that are remembered at a time.
const MAX_CONNECTIONS: usize = 65_536;
/// How long records may take to settle at the end.
const SETTLING: Duration = Duration::from_millis(500);

/// Records until the time is over or the process is asked to end.
pub fn record(args: &RecordArgs) -> anyhow::Result<ExitCode> {
    let config = configure(&args.flags, &Environment::of_this_process())?;
    let stop = stop_flag()?;
    let mut session = Session::start(&config, &args.file)?;
    say(format_args!("tracer records to {}.", args.file.display()));
    let end = args.duration.map(|duration| Instant::now() + duration);
    while !stop.load(Ordering::Relaxed)
        && end.is_none_or(|end| Instant::now() < end)
        && session.taker.failure.is_none()
    {
        session.turn();
    }
    let (records, bytes) = session.finish()?;
    say(format_args!(
        "{records} records, {bytes} bytes. They hold what was sent, credentials too: share them with care."
    ));
    Ok(ExitCode::SUCCESS)
}

struct Session<'a> {
    capture: Capture,
    taker: Taker,
    file: &'a Path,
}

/// Writes the records of processes that are not left out.
struct Taker {
    recorder: Recorder<BufWriter<File>>,
    processes: Processes,
    /// Connections that were written, for their ends name no process.
    connections: LruCache<u64, ()>,
    /// Processes that turned out to be left out, for the kernel side to be told.
    excluded: Vec<u32>,
    failure: Option<io::Error>,
}

impl<'a> Session<'a> {
    fn start(config: &Config, file: &'a Path) -> anyhow::Result<Self> {
        let kernel = load_kernel(config, false).map_err(StartError::Kernel)?;
        // The traffic of strangers is for the eyes of whoever asked for it.
        let out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file);
        let recorder = out
            .and_then(|out| Recorder::new(BufWriter::new(out), WallClock::now()))
            .with_context(|| format!("The recording {} cannot be written", file.display()))?;
        let processes = Processes::new(config, Host::default(), Some(PathBuf::from("/proc")));
        let capture = Capture::start(kernel).map_err(StartError::Kernel)?;
        let connections = LruCache::new(NonZeroUsize::new(MAX_CONNECTIONS).unwrap_or(NonZeroUsize::MIN));
        let taker = Taker { recorder, processes, connections, excluded: Vec::new(), failure: None };
        Ok(Self { capture, taker, file })
    }

    fn turn(&mut self) {
        let Self { capture, taker, .. } = self;
        capture.turn(false, |record| taker.take(record));
        for pid in taker.excluded.drain(..) {
            if let Err(error) = capture.kernel.mark_process(pid, EXCLUDED) {
                tracing::debug!(pid, %error, "a process that is left out still costs events");
            }
        }
        taker.processes.sweep(monotonic_ns());
    }

    /// Takes what is still in the rings. Returns how many records the file holds, and its size.
    fn finish(mut self) -> anyhow::Result<(u64, u64)> {
        let (until_ns, deadline) = (monotonic_ns(), Instant::now() + SETTLING);
        while Instant::now() < deadline && self.taker.failure.is_none() {
            let Self { capture, taker, .. } = &mut self;
            if capture.drain(|record| taker.take(record)).horizon_ns >= until_ns {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        for (reason, count) in self.capture.kernel.drops().unwrap_or_default() {
            if count > 0 && !reason.intentional() {
                say(format_args!("Lost: {count} {} (kernel).", reason.name()));
            }
        }
        drop(self.capture);
        let failed = || format!("The recording {} cannot be written", self.file.display());
        if let Some(error) = self.taker.failure {
            return Err(error).with_context(failed);
        }
        let records = self.taker.recorder.records();
        let out = self.taker.recorder.finish().with_context(failed)?;
        Ok((records, out.get_ref().metadata()?.len()))
    }
}

impl Taker {
    fn take(&mut self, record: &[u8]) {
        let Ok(event) = decode(record) else { return };
        let header = *event.header();
        match &event {
            Event::Process(process) if self.processes.describe(process) == Some(Mark::LeftOut) => {
                self.excluded.push(header.tgid);
            }
            Event::Exit(exit) => self.processes.exit(header.tgid, exit.header.time_ns),
            _ => {}
        }
        // Rules by port are applied when the recording is replayed: which end is the server is not known yet.
        let wanted = match &event {
            Event::Close(_) => self.connections.contains(&header.conn),
            _ => !self.processes.is_left_out(header.tgid),
        };
        if wanted && self.failure.is_none() {
            if header.conn != 0 {
                self.connections.put(header.conn, ());
            }
            self.failure = self.recorder.write(record).err();
        }
    }
}
