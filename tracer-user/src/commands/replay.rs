//! `tracer replay`: a recording through the stages that need no kernel.

use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context;

use super::{configure, say};
use crate::{
    agent::terminal_style,
    config::{Config, Environment, Flags},
    export::output::Show,
    identity::Host,
    ingest::{Recording, RecordingError},
    pipeline::{Census, Pipeline},
    processes::Processes,
    spans::span::Span,
    telemetry::drops::Drop,
    traces::ids::Ids,
};

/// Make traces of a recording (see `tracer record`), without root and the same each time.
#[derive(Clone, Debug, clap::Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    flags: Flags,
    /// OTLP/JSON, one line for each span, instead of trees
    #[arg(long)]
    json: bool,
    /// Show why each span has its parent
    #[arg(long)]
    evidence: bool,
    /// The recording
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Ids of a replay come from this seed.
const SEED: u64 = 1;
/// After the last record, longer than anything waits for the rest of its trace: nanoseconds.
const AFTERMATH_NS: u64 = 60_000_000_000;

/// Prints the traces of a recording, then what was lost on standard error.
pub fn replay(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let config = configure(&args.flags, &Environment::of_this_process())?;
    let of_file = || format!("{}", args.file.display());
    let input = File::open(&args.file).with_context(of_file)?;
    let mut recording = Recording::open(BufReader::new(input)).with_context(of_file)?;
    let mut style = terminal_style(&io::stdout());
    style.evidence = args.evidence;
    let show = if args.json { Show::JsonLines } else { Show::Trees(style) };

    let mut out = io::stdout().lock();
    let mut written = Ok(());
    let census = traces(&mut recording, &config, |trace| {
        if written.is_ok() {
            written = show.write(&mut out, &trace);
        }
    })
    .with_context(of_file)?;
    written.and_then(|()| out.flush()).context("The traces cannot be written")?;

    say(format_args!("{} records made {} spans.", recording.records(), census.finished_spans));
    if recording.is_cut() {
        say("The recording ends within a record: whoever wrote it was stopped. What came before counts.");
    }
    for reason in Drop::ALL {
        let count = census.drops.get(reason);
        if count > 0 {
            let word = if reason.intentional() { "Left out" } else { "Lost" };
            say(format_args!("{word}: {count} {} ({}).", reason.name(), reason.stage()));
        }
    }
    for dropped in census.sampling.decisions.iter().filter(|sampled| !sampled.kept) {
        say(format_args!("Not kept by sampling: {} spans ({}).", dropped.spans, dropped.reason));
    }
    Ok(ExitCode::SUCCESS)
}

/// Hands out the traces of a recording; returns the state at its end.
pub fn traces(
    recording: &mut Recording<impl Read>,
    config: &Config,
    mut out: impl FnMut(Vec<Span>),
) -> Result<Census, RecordingError> {
    let clock = recording.clock;
    let processes = Processes::new(config, Host::default(), None);
    let mut pipeline = Pipeline::new(config, processes, Ids::seeded(SEED), clock);
    let mut now_ns = 0;
    while let Some(record) = recording.next_record()? {
        pipeline.record(record.bytes);
        now_ns = record.time_ns;
        pipeline.advance(now_ns, clock, &mut out);
    }
    pipeline.advance(now_ns + AFTERMATH_NS, clock, &mut out);
    let census = pipeline.census();
    pipeline.finish(out);
    Ok(census)
}
