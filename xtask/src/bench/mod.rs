//! `cargo xtask bench <what>`: what the tracer costs, measured against the real daemon on this machine.
//!
//! | benchmark | question |
//! |---|---|
//! | cost | how many instructions does tracing add to a request? |
//! | overhead | what does a traced server pay, what does the daemon pay, is anything lost? |
//! | propagation | what does a client pay for the header that is written into its requests? |
//! | start | how long until a service that already runs shows up? |
//! | idle | what does the daemon use when nothing happens? |
//! | bystander | what does a system call of a process cost more that is not traced? |
//! | soak | does the daemon's memory stay flat? |
//! | pipeline | how many spans a second does the daemon's pipeline make? |
//! | outage | what is lost while a backend is down for long? |
//! | store | what does a span cost on its way to the disk and there, how long do queries take? |
//! | web | how long does the page take to be there? |
//! | tls | the same as overhead, for a server that speaks TLS |
//! | accuracy | does each call belong to the trace of the request that it was made for? |
//!
//! Nothing here judges a figure: machines differ and are seldom quiet. Rounds with and without the tracer take turns,
//! and ratios are taken within a round, so that what else the machine does falls on both sides.

pub(crate) mod accuracy;
mod bystander;
mod cgroup;
mod cost;
mod daemon;
mod format;
mod host;
mod idle;
mod load;
mod measure;
mod nginx;
mod outage;
mod overhead;
mod package;
mod page;
mod pipeline;
mod process;
mod propagation;
mod receiver;
mod report;
mod serve;
mod soak;
mod start;
mod store;
mod tls;
mod web;
mod wrk;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::build;
use crate::shell::{is_root, say, which};
use crate::workspace::{Profile, Workspace};

/// The benchmarks.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Bench {
    /// Instructions that tracing adds to a request, counted in an emulated machine: repeatable however busy this one is.
    Cost(cost::Args),
    /// nginx under load, with and without the tracer: throughput, latency, CPU, memory, losses.
    Overhead(overhead::Args),
    /// nginx with TLS under load, with and without the tracer.
    Tls(tls::Args),
    /// A client under load, with and without trace context being written into its requests.
    Propagation(propagation::Args),
    /// Services of many runtimes under concurrent load: whether each call is in the trace of its request.
    Accuracy(accuracy::Args),
    /// Time from the start of the daemon to the first span of a service that already runs, at an OTLP receiver.
    Start(start::Args),
    /// CPU time and context switches of the daemon when nothing is traced.
    Idle(idle::Args),
    /// What the tracer adds to system calls of a process that is not traced.
    Bystander(bystander::Args),
    /// Memory of the daemon under a load that lets its tables grow.
    Soak(soak::Args),
    /// Spans a second that the daemon's pipeline makes on one core, without a kernel.
    Pipeline(pipeline::Args),
    /// Spans that are lost while a backend is down and the exporter is restarted, with the queue on disk.
    Outage(outage::Args),
    /// CPU time, bytes and memory of the backend for each span, and the time that its queries take.
    Store(store::Args),
    /// Time until each view of the page is there, in headless Chromium.
    Web(web::Args),
}

/// Options that the benchmarks with a daemon share.
#[derive(Debug, Clone, clap::Args)]
struct Common {
    /// Measure this `tracer` instead of building one.
    #[arg(long, value_name = "PATH")]
    daemon: Option<PathBuf>,
    /// One line of JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Also put the tables into the page of the benchmark under docs/.
    #[arg(long)]
    write: bool,
}

/// `cargo xtask bench`.
pub(crate) fn run(bench: &Bench) -> Result<()> {
    match bench {
        Bench::Cost(args) => cost::run(args),
        Bench::Overhead(args) => overhead::run(args),
        Bench::Tls(args) => tls::run(args),
        Bench::Propagation(args) => propagation::run(args),
        Bench::Accuracy(args) => accuracy::run(args),
        Bench::Start(args) => start::run(args),
        Bench::Idle(args) => idle::run(args),
        Bench::Bystander(args) => bystander::run(args),
        Bench::Soak(args) => soak::run(args),
        Bench::Pipeline(args) => pipeline::run(args),
        Bench::Outage(args) => outage::run(args),
        Bench::Store(args) => store::run(args),
        Bench::Web(args) => web::run(args),
    }
}

/// The daemon to measure, once it is sure that it can be: root, programs, a quiet machine.
fn prepare(workspace: &Workspace, common: &Common, programs: &[(&str, &str)]) -> Result<PathBuf> {
    if !is_root() {
        bail!("This benchmark traces this host and so needs root; repeat it as root.");
    }
    for (program, package) in programs {
        if which(program).is_none() {
            bail!(
                "The benchmark needs {program}, which is not here; install it (Debian's package is called {package})."
            );
        }
    }
    process::watch_signals()?;
    let daemon = match &common.daemon {
        Some(path) => path
            .canonicalize()
            .with_context(|| format!("There is no daemon at {}, which --daemon names.", path.display()))?,
        None => build::build(workspace, Profile::Release)?,
    };
    for warning in host::warnings() {
        say(warning);
    }
    Ok(daemon)
}
