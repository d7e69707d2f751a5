//! `tracer agent`: the daemon.

use std::{path::PathBuf, process::ExitCode, sync::atomic::Ordering};

use toml::Table;

use super::{configure, say};
use crate::{
    agent::{Agent, Backends, Options, reload_flag, stop_flag},
    config::{self, Environment, Flags, effective, keys::KEYS, reload},
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
    let mut values = effective::values(&args.flags, &environment)?;
    let (stop, reload) = (stop_flag()?, reload_flag()?);
    let AgentArgs { flags, socket } = args;
    let mut options = Options {
        config,
        environment,
        only_selected: false,
        socket: Some(socket),
        backends: Backends::Configured,
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
        read_again(&mut agent, &mut options, &flags, &mut values);
    }
    summarise(&agent.finish());
    Ok(ExitCode::SUCCESS)
}

/// Takes over what can be changed while the daemon runs. A configuration that is wrong changes nothing.
fn read_again(agent: &mut Agent, options: &mut Options, flags: &Flags, values: &mut Table) {
    let env = &options.environment;
    let read =
        config::load(flags, env).and_then(|loaded| Ok((loaded.config, effective::values(flags, env)?)));
    let (new, new_values) = match read {
        Ok(read) => read,
        Err(error) => {
            tracing::error!("{error} The configuration stays as it was.");
            return;
        }
    };
    let changed = effective::differences(values, &new_values);
    let (taken, left): (Vec<&str>, Vec<&str>) =
        changed.into_iter().partition(|key| reload::is_reloadable(key, &options.config, &new));
    reload::take_over(&mut options.config, &new);
    agent.reconfigure(&options.config);
    // What waits for a restart is said again each time, so it is not taken for done.
    for key in KEYS.iter().map(|key| key.path).filter(|key| !left.contains(key)) {
        effective::copy(key, &new_values, values);
    }
    tracing::info!("configuration read again; in force now: {}", list(&taken));
    if !left.is_empty() {
        tracing::warn!(
            "These keys cannot be changed while the tracer runs and need a restart: {}.",
            list(&left)
        );
    }
}

fn list(keys: &[&str]) -> String {
    if keys.is_empty() { "nothing new".to_owned() } else { keys.join(", ") }
}

/// Says at the end what was made and what was lost.
pub(crate) fn summarise(status: &Snapshot) {
    say(format_args!("tracer made {} spans and exported {}.", status.spans.finished, status.spans.exported));
    for drop in status.losses() {
        say(format_args!("Lost: {} {} ({}).", drop.count, drop.reason, drop.stage));
    }
}
