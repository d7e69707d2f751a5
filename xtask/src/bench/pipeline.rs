//! `cargo xtask bench pipeline`: the benchmark of the daemon's pipeline.

use anyhow::Result;

use super::package;

/// Options of `cargo xtask bench pipeline`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// One short round: shows that the benchmark works, not how fast the pipeline is.
    #[arg(long)]
    ci: bool,
}

/// `cargo xtask bench pipeline`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let ci = args.ci.then(|| "--ci".to_owned());
    package::run("tracer-user", "pipeline", ci.as_slice())
}
