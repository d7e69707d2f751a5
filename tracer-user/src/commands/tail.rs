//! `tracer tail`: finished traces, live.

use std::{
    io::{self, IsTerminal, Read},
    path::PathBuf,
    process::ExitCode,
    sync::atomic::Ordering,
};

use super::{configure, say};
use crate::{
    agent::{Agent, Backends, Options, stop_flag, terminal_style},
    config::{Environment, Flags},
    control::{DEFAULT_SOCKET, Request, Tail, ask},
    export::output::Watcher,
};

/// Show finished traces as trees, as they come: strace for requests.
///
/// Watches the running tracer; if there is none, traces by itself until interrupted.
#[derive(Debug, clap::Args)]
pub struct TailArgs {
    #[command(flatten)]
    flags: Flags,
    /// Only traces that pass through this service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Only traces with this outcome: error, ok, or an HTTP status code
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Only traces that took at least this long, e.g. 250ms
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    min_duration: Option<std::time::Duration>,
    /// OTLP/JSON, one line for each span, instead of trees
    #[arg(long)]
    json: bool,
    /// Show why each span has its parent
    #[arg(long)]
    evidence: bool,
    /// Control socket of the tracer
    #[arg(long, value_name = "PATH", default_value = DEFAULT_SOCKET, env = "TRACER_SOCKET")]
    socket: PathBuf,
}

/// Shows traces until interrupted or until the reader of standard output goes away.
pub fn tail(args: TailArgs) -> anyhow::Result<ExitCode> {
    let style = terminal_style(&io::stdout());
    let tail = Tail {
        service: args.service,
        status: args.status,
        min_duration_ns: args.min_duration.map_or(0, |duration| duration.as_nanos() as u64),
        json: args.json,
        color: style.color,
        width: style.width,
        evidence: args.evidence,
    };
    let filter = tail.filter().map_err(anyhow::Error::msg)?;
    if let Ok(stream) = ask(&args.socket, &Request::Tail(tail.clone())) {
        return copy(stream);
    }
    if io::stderr().is_terminal() {
        say("No tracer is running: tracing from here until interrupted.");
    }
    let environment = Environment::of_this_process();
    let config = configure(&args.flags, &environment)?;
    let stop = stop_flag()?;
    let mut agent = Agent::start(&Options {
        config,
        environment,
        only_selected: false,
        socket: None,
        backends: Backends::None,
        keep: None,
    })?;
    let (sender, traces) = std::sync::mpsc::sync_channel(1024);
    agent.output().watch(Watcher { filter, show: tail.show(), sender });
    let printer = std::thread::spawn(move || {
        while let Ok(text) = traces.recv() {
            if super::print_bytes(&text).is_err() {
                return;
            }
        }
    });
    agent.run(|| stop.load(Ordering::Relaxed) || printer.is_finished());
    super::agent::summarise(&agent.finish());
    // Its queue is closed now; what it holds is printed before the end.
    let _ = printer.join();
    Ok(ExitCode::SUCCESS)
}

fn copy(mut stream: impl Read) -> anyhow::Result<ExitCode> {
    let mut block = vec![0; 64 << 10];
    loop {
        let count = stream.read(&mut block)?;
        if count == 0 {
            say("The tracer has stopped.");
            return Ok(ExitCode::SUCCESS);
        }
        if super::print_bytes(&block[..count]).is_err() {
            return Ok(ExitCode::SUCCESS);
        }
    }
}
