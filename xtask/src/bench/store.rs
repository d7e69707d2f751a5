//! `cargo xtask bench store`: the benchmark of the backend's store.

use anyhow::Result;

use super::{format::table, host::Host, package, page, report};
use crate::workspace::Workspace;

/// Options of `cargo xtask bench store`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Spans to send.
    #[arg(long, default_value_t = 1_000_000)]
    spans: u64,
    /// A few spans only: shows that the benchmark works, not how fast the store is.
    #[arg(long)]
    ci: bool,
    /// Also put the table into docs/store.md.
    #[arg(long)]
    write: bool,
}

/// `cargo xtask bench store`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let list =
        if args.ci { vec!["--ci".to_owned()] } else { vec!["--spans".to_owned(), args.spans.to_string()] };
    if !args.write {
        return package::run("tracer-server", "store", &list);
    }
    let host = Host::here()?;
    let figures = package::output("tracer-server", "store", &list)?;
    let mut rows = vec![vec!["figure".to_owned(), "value".to_owned()]];
    // Lines of two cells, below a head of two lines.
    rows.extend(figures.lines().skip(2).filter_map(|line| {
        let (name, value) = line.trim_matches(['|', ' ']).split_once(" | ")?;
        Some(vec![name.to_owned(), value.to_owned()])
    }));
    let text =
        format!("{}\n`cargo xtask bench store --spans {}`\n\n{}", host.line(), args.spans, table(&rows));
    report::print(&text);
    page::write(Workspace::find()?.root(), page::STORE, "store", &text)
}
