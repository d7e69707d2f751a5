//! `tracer agent`: the daemon.

use std::{path::PathBuf, process::ExitCode, sync::atomic::Ordering};

use super::{configure, say};
use crate::{
    agent::{Agent, Options, stop_flag},
    config::{Environment, Flags},
    control::DEFAULT_SOCKET,
    telemetry::status::Snapshot,
};

/// Trace every service on this host until stopped.
///
/// With OTEL_EXPORTER_OTLP_ENDPOINT set, finished traces go there (OTLP over gRPC or HTTP, by OTEL_EXPORTER_OTLP_PROTOCOL);
/// with no endpoint they are printed. Needs root, or the capabilities that `tracer check` names.
#[derive(Debug, clap::Args)]
pub struct AgentArgs {
    #[command(flatten)]
    flags: Flags,
    /// Control socket for `tracer status` and `tracer tail`
    #[arg(long, value_name = "PATH", default_value = DEFAULT_SOCKET, env = "TRACER_SOCKET")]
    socket: PathBuf,
}

/// Runs the daemon until SIGINT or SIGTERM.
pub fn agent(args: AgentArgs) -> anyhow::Result<ExitCode> {
    let environment = Environment::of_this_process();
    let config = configure(&args.flags, &environment)?;
    let stop = stop_flag()?;
    let options =
        Options { config, environment, only_selected: false, socket: Some(args.socket), export: true };
    let mut agent = Agent::start(&options)?;
    say(format_args!("tracer is attached: {}", agent.attached().join(", ")));
    agent.run(|| stop.load(Ordering::Relaxed));
    summarise(&agent.finish());
    Ok(ExitCode::SUCCESS)
}

/// Says at the end what was made and what was lost.
pub(crate) fn summarise(status: &Snapshot) {
    say(format_args!("tracer made {} spans and exported {}.", status.spans.finished, status.spans.exported));
    for drop in status.losses() {
        say(format_args!("Lost: {} {} ({}).", drop.count, drop.reason, drop.stage));
    }
}
