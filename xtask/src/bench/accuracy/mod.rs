//! `cargo xtask bench accuracy`: whether each call is in the trace of the request that it was made for.
//!
//! A front service answers `/front/KIND/ID` and for that calls a back service at `/back/HASH`, or a database (`store`). Only this benchmark and
//! the front can tell which hash belongs to which id, so a tracer has to know it from what the front's process does.

mod back;
mod driver;
mod ids;
mod judge;
mod otlp;
mod proxies;
mod run;
mod runtimes;
mod store;
mod table;
mod verdict;

use std::path::Path;

use anyhow::{Result, bail};
use serde::Serialize;

use self::back::Back;
use self::run::Series;
use self::runtimes::{RUNTIMES, Runtime};
use super::host::Host;
use super::process::go_on;
use super::{Common, page, prepare, report};
use crate::shell::{say, sentences};
use crate::test_env;
use crate::workspace::Workspace;

/// Requests at a time of `cargo xtask test accuracy`, and how many in all.
const CHECKED_CONCURRENCY: u16 = 64;
const CHECKED_REQUESTS: u32 = 240;

/// Options of `cargo xtask bench accuracy`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this front service; may be given more than once.
    #[arg(long, value_name = "NAME")]
    runtime: Vec<String>,
    /// Requests that are open at a time; may be given more than once.
    #[arg(long, default_values_t = [1, 8, 64, 256], value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: Vec<u16>,
    /// Requests of each front service at each concurrency, without the tracer and again with it.
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    requests: u32,
    #[command(flatten)]
    common: Common,
}

/// Everything that was found.
#[derive(Debug, Serialize)]
struct Report {
    host: Host,
    command: String,
    series: Vec<Series>,
    skipped: Vec<Skipped>,
}

/// A front service that did not run.
#[derive(Debug, Serialize)]
struct Skipped {
    runtime: &'static str,
    reason: String,
}

/// `cargo xtask bench accuracy`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let wanted = wanted(&args.runtime)?;
    let workspace = Workspace::find()?;
    let binary = prepare(&workspace, &args.common, &[])?;
    let venv = test_env::prepare(workspace.root())?;
    let setting = run::Setting {
        binary: &binary,
        venv: &venv,
        apps: &workspace.root().join("tests/apps/accuracy"),
        target: workspace.target_dir(),
        concurrency: &args.concurrency,
        requests: args.requests,
    };
    let mut report = Report {
        host: Host::here()?,
        command: format!("cargo xtask bench accuracy --requests {}", args.requests),
        series: Vec::new(),
        skipped: Vec::new(),
    };
    measure(&setting, wanted, &mut report)?;
    let text = table::text(&report);
    report::show(&report, &text, args.common.json);
    if args.common.write {
        page::write(workspace.root(), page::ACCURACY, "accuracy", &text)?;
    }
    Ok(())
}

/// Runs the front services one after the other.
fn measure(setting: &run::Setting<'_>, wanted: Vec<&'static Runtime>, report: &mut Report) -> Result<()> {
    let back = Back::start()?;
    for runtime in wanted {
        match run::series(setting, runtime, &back) {
            Ok(Ok(series)) => {
                for example in &series.examples {
                    say(format!("{}: WRONG: {example}", runtime.name));
                }
                report.series.push(series);
            }
            Ok(Err(reason)) => {
                say(format!("{} is skipped: {reason}.", runtime.name));
                report.skipped.push(Skipped { runtime: runtime.name, reason });
            }
            Err(error) => {
                // The others are worth judging all the same, unless this process was asked to end.
                go_on()?;
                let reason = sentences(&error);
                say(format!("{} failed: {reason}", runtime.name));
                report.skipped.push(Skipped { runtime: runtime.name, reason });
            }
        }
    }
    Ok(())
}

/// `cargo xtask test accuracy`: every front service that is installed, with many requests at a time. Fails where a call is in the trace
/// of another request, is reported twice or not at all, where a request fails, or where calls that have to be linked are not.
pub(crate) fn check(workspace: &Workspace, binary: &Path, venv: &Path) -> Result<()> {
    let setting = run::Setting {
        binary,
        venv,
        apps: &workspace.root().join("tests/apps/accuracy"),
        target: workspace.target_dir(),
        concurrency: &[CHECKED_CONCURRENCY],
        requests: CHECKED_REQUESTS,
    };
    let mut report =
        Report { host: Host::here()?, command: String::new(), series: Vec::new(), skipped: Vec::new() };
    measure(&setting, wanted(&[])?, &mut report)?;
    let faults: Vec<_> = report.series.iter().flat_map(verdict::faults).collect();
    for series in &report.series {
        say(verdict::summary(series));
    }
    if report.series.is_empty() {
        bail!("No front service could run.");
    }
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    Ok(())
}

fn wanted(names: &[String]) -> Result<Vec<&'static Runtime>> {
    for name in names {
        if RUNTIMES.iter().all(|runtime| runtime.name != name) {
            let known: Vec<_> = RUNTIMES.iter().map(|runtime| runtime.name).collect();
            bail!("There is no front service {name}; there are {}.", known.join(", "));
        }
    }
    let wanted =
        RUNTIMES.iter().filter(|runtime| names.is_empty() || names.iter().any(|name| name == runtime.name));
    Ok(wanted.collect())
}
