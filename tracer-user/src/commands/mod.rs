//! The commands of the `tracer` binary, one file each.

pub mod agent;
mod backend;
pub mod check;
pub mod completions;
pub mod config;
pub mod exec;
pub mod manual;
pub mod record;
pub mod replay;
pub mod run;
pub mod server;
pub mod status;
pub mod tail;

use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

use crate::{
    config::{Config, ConfigError, Environment, Flags, load},
    kernel::propagation::{ProbeArgs, probe},
};

/// Loads the configuration for a command and sets up its log.
pub(crate) fn configure(flags: &Flags, environment: &Environment) -> Result<Config, ConfigError> {
    let loaded = load(flags, environment)?;
    // Whoever sets RUST_LOG knows the modules; everybody else has [log] level.
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(loaded.config.log.level.name()));
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A second command in one process (tests) keeps the first one's log.
    let _ = subscriber.try_init();
    if let Some(file) = &loaded.file {
        tracing::info!(file = %file.display(), "configuration read");
    }
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    Ok(loaded.config)
}

/// Says on standard output what the self-test finds.
pub(crate) fn propagation_probe(args: ProbeArgs) -> anyhow::Result<ExitCode> {
    let finding = probe(args);
    print(finding.as_ref().map_or_else(String::as_str, |()| "ok"))?;
    Ok(if finding.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says something to the person at the terminal, on standard error. One that is closed has nobody to tell.
pub(crate) fn say(sentence: impl std::fmt::Display) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "{sentence}");
}

/// Writes text to standard output. Unlike `print!`, a closed pipe is an error and no panic.
pub(crate) fn print(text: impl AsRef<str>) -> std::io::Result<()> {
    print_bytes(text.as_ref().as_bytes())
}

/// As [`print`], for bytes.
pub(crate) fn print_bytes(bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}
