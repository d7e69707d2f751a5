//! `tracer manual`: the manual pages, for packages.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::CommandFactory as _;

use crate::cli::Cli;

/// Write a manual page for each command into a directory.
#[derive(Clone, Debug, clap::Args)]
pub struct ManualArgs {
    /// The directory; it has to exist
    directory: PathBuf,
}

/// Writes `tracer.1` and a `tracer-<command>.1` for each command.
pub fn manual(args: &ManualArgs) -> anyhow::Result<ExitCode> {
    clap_mangen::generate_to(Cli::command(), &args.directory)
        .with_context(|| format!("The manual pages cannot be written into {}", args.directory.display()))?;
    Ok(ExitCode::SUCCESS)
}
