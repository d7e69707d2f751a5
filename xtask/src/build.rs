//! `cargo xtask build`: the daemon with its kernel programs.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::shell::{cargo, run as run_command, say};
use crate::workspace::{Profile, Workspace};
use crate::{programs, setup, web};

/// Options of `cargo xtask build`.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct Args {
    /// Build without optimisation, into target/debug.
    #[arg(long)]
    debug: bool,
}

/// `cargo xtask build`.
pub(crate) fn run(args: Args) -> Result<()> {
    let workspace = Workspace::find()?;
    let profile = if args.debug { Profile::Debug } else { Profile::Release };
    let daemon = build(&workspace, profile)?;
    let bytes = std::fs::metadata(&daemon)
        .with_context(|| format!("cargo succeeded but {} is not there.", daemon.display()))?
        .len();
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    say(format!("the daemon is {}, {mebibytes:.1} MiB.", daemon.display()));
    say(programs::report(&programs::object(&workspace))?);
    Ok(())
}

/// Sets up, builds, and returns where the daemon is.
pub(crate) fn build(workspace: &Workspace, profile: Profile) -> Result<PathBuf> {
    setup::ensure(workspace.root())?;
    web::build_if_possible(workspace.root())?;
    say("building the daemon and its kernel programs; the first time takes some minutes.");
    let mut command = cargo(workspace.root());
    command.args(["build", "--package", "tracer-user", "--bin", "tracer"]);
    if profile == Profile::Release {
        command.arg("--release");
    }
    // This command promises a daemon that can trace.
    command.env_remove("TRACER_EBPF_STUB");
    run_command(&mut command)?;
    Ok(workspace.daemon(profile))
}
