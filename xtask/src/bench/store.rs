//! `cargo xtask bench store`: the benchmark of the backend's store.

use anyhow::Result;

use super::package;

/// Options of `cargo xtask bench store`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Spans to send.
    #[arg(long, default_value_t = 1_000_000)]
    spans: u64,
    /// A few spans only: shows that the benchmark works, not how fast the store is.
    #[arg(long)]
    ci: bool,
}

/// `cargo xtask bench store`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let list =
        if args.ci { vec!["--ci".to_owned()] } else { vec!["--spans".to_owned(), args.spans.to_string()] };
    package::run("tracer-server", "store", &list)
}
