//! `tracer agent`: the daemon.

use std::{path::PathBuf, process::ExitCode, sync::atomic::Ordering};

use super::{configure, say};
use crate::{
    agent::{Agent, Options, reload_flag, stop_flag},
    config::{self, Environment, Flags},
    control::DEFAULT_SOCKET,
    kernel::privileges::CapabilitySet,
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

/// Runs the daemon until SIGINT or SIGTERM. SIGHUP reads what can be changed while it runs.
pub fn agent(args: AgentArgs) -> anyhow::Result<ExitCode> {
    let environment = Environment::of_this_process();
    let config = configure(&args.flags, &environment)?;
    let (stop, reload) = (stop_flag()?, reload_flag()?);
    let AgentArgs { flags, socket } = args;
    let mut options = Options {
        config,
        environment,
        only_selected: false,
        socket: Some(socket),
        export: true,
        keep: Some(CapabilitySet::empty()),
    };
    let mut agent = Agent::start(&options)?;
    say(format_args!("tracer is attached: {}", agent.attached().join(", ")));
    loop {
        agent.run(|| stop.load(Ordering::Relaxed) || reload.load(Ordering::Relaxed));
        if stop.load(Ordering::Relaxed) {
            break;
        }
        reload.store(false, Ordering::Relaxed);
        read_again(&mut agent, &mut options, &flags);
    }
    summarise(&agent.finish());
    Ok(ExitCode::SUCCESS)
}

/// Takes over what can be changed while the daemon runs. A configuration that is wrong changes nothing.
fn read_again(agent: &mut Agent, options: &mut Options, flags: &Flags) {
    let loaded = match config::load(flags, &options.environment) {
        Ok(loaded) => loaded,
        Err(error) => {
            tracing::error!("{error} The configuration stays as it was.");
            return;
        }
    };
    let running = &mut options.config;
    running.sampling = loaded.config.sampling.clone();
    agent.set_sampling(&running.sampling);
    tracing::info!("configuration read again: [sampling] is in force");
    if *running != loaded.config {
        tracing::warn!(
            "Only [sampling] can be changed while the tracer runs. The other changes need a restart."
        );
    }
}

/// Says at the end what was made and what was lost.
pub(crate) fn summarise(status: &Snapshot) {
    say(format_args!("tracer made {} spans and exported {}.", status.spans.finished, status.spans.exported));
    for drop in status.losses() {
        say(format_args!("Lost: {} {} ({}).", drop.count, drop.reason, drop.stage));
    }
}
