//! `cargo xtask bench outage`: what is lost while a backend is down.

use anyhow::Result;

use super::package;

/// Options of `cargo xtask bench outage`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long the backend is down, seconds.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Spans a second.
    #[arg(long, default_value_t = 20_000)]
    rate: u64,
    /// Most bytes on disk.
    #[arg(long, default_value_t = 16 << 30)]
    bytes: u64,
}

/// `cargo xtask bench outage`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let values = [("--seconds", args.seconds), ("--rate", args.rate), ("--bytes", args.bytes)];
    let list: Vec<_> =
        values.into_iter().flat_map(|(name, value)| [name.to_owned(), value.to_string()]).collect();
    package::run("tracer-otlp", "outage", &list)
}
