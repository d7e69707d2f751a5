//! `cargo xtask run`: from a fresh clone to traces of this host.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::build;
use crate::shell::{is_root, run as run_command, say};
use crate::workspace::{Profile, Workspace};

/// Options of `cargo xtask run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Arguments for `tracer agent`.
    #[arg(last = true)]
    agent: Vec<OsString>,
}

/// `cargo xtask run`. Does not return if all goes well: this process becomes the tracer.
pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::find()?;
    let daemon = build::build(&workspace, Profile::Release)?;
    if !is_root() {
        say("the tracer is started through sudo, because loading kernel programs needs root.");
    }

    run_command(privileged(&daemon).arg("check"))
        .context("This host cannot be traced yet; the sentences above say what is missing.")?;

    say("starting `tracer agent`; finished traces are printed below, Ctrl-C ends it.");
    // Signals for this process must reach the tracer, so it takes this process over.
    let error = privileged(&daemon).arg("agent").args(&args.agent).exec();
    Err(error).with_context(|| format!("{} could not be started.", daemon.display()))
}

/// The daemon as root, with the settings that the user made by variables.
fn privileged(daemon: &Path) -> Command {
    if is_root() {
        return Command::new(daemon);
    }
    let mut command = Command::new("sudo");
    let names: Vec<String> = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| is_setting(name))
        .collect();
    if !names.is_empty() {
        command.arg(format!("--preserve-env={}", names.join(",")));
    }
    command.arg(daemon);
    command
}

/// Variables that the tracer reads, and that sudo would drop.
fn is_setting(name: &str) -> bool {
    ["OTEL_", "TRACER_"].iter().any(|prefix| name.starts_with(prefix))
        || ["RUST_LOG", "NO_COLOR"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_tracers_own_settings_pass_sudo() {
        assert!(is_setting("OTEL_EXPORTER_OTLP_ENDPOINT"));
        assert!(is_setting("TRACER_CONFIG"));
        assert!(is_setting("RUST_LOG"));
        assert!(!is_setting("LD_PRELOAD"));
        assert!(!is_setting("PATH"));
    }
}
