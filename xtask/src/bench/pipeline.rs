//! `cargo xtask bench pipeline`: the benchmark of the daemon's pipeline.

use anyhow::{Result, bail};

use super::package;
use crate::shell::which;

/// Options of `cargo xtask bench pipeline`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// One short round: shows that the benchmark works, not how fast the pipeline is.
    #[arg(long)]
    ci: bool,
    /// Count instructions a span with valgrind instead: the same on a busy machine as on a quiet one.
    #[arg(long, conflicts_with = "ci")]
    instructions: bool,
    /// Measure the memory of 50,000 traces that wait for policies instead.
    #[arg(long, conflicts_with_all = ["ci", "instructions"])]
    waiting: bool,
}

/// `cargo xtask bench pipeline`.
pub(crate) fn run(args: &Args) -> Result<()> {
    if args.instructions && which("valgrind").is_none() {
        bail!(
            "Instructions are counted by valgrind, which is not here; install it (Debian's package is called valgrind)."
        );
    }
    let chosen = [(args.ci, "--ci"), (args.instructions, "--instructions"), (args.waiting, "--waiting")];
    let options: Vec<_> =
        chosen.iter().filter(|(set, _)| *set).map(|(_, option)| (*option).to_owned()).collect();
    package::run("tracer-user", "pipeline", &options)
}
