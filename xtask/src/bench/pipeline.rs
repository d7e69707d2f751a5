//! `cargo xtask bench pipeline`: the benchmark of the daemon's pipeline, which needs neither root nor kernel programs.

use anyhow::{Result, bail};

use crate::shell::{cargo, run as run_command, which};
use crate::workspace::Workspace;

/// Options of `cargo xtask bench pipeline`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// One short round: shows that the benchmark works, not how fast the pipeline is.
    #[arg(long)]
    ci: bool,
    /// Count instructions a span with valgrind instead: the same on a busy machine as on a quiet one.
    #[arg(long, conflicts_with = "ci")]
    instructions: bool,
}

/// The package and its benchmark.
const PACKAGE: &str = "tracer-user";
const BENCHMARK: &str = "pipeline";

/// `cargo xtask bench pipeline`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::find()?;
    let packages = workspace.metadata.packages.iter().filter(|package| package.name.as_str() == PACKAGE);
    let mut benchmarks = packages.flat_map(|package| &package.targets).filter(|target| target.is_bench());
    if !benchmarks.any(|target| target.name == BENCHMARK) {
        bail!(
            "Package {PACKAGE} has no benchmark {BENCHMARK}; `cargo bench -p {PACKAGE}` shows which it has."
        );
    }
    let mut command = cargo(workspace.root());
    command.args(["bench", "--package", PACKAGE, "--bench", BENCHMARK]).env("TRACER_EBPF_STUB", "1");
    if args.ci {
        command.args(["--", "--ci"]);
    }
    if args.instructions {
        if which("valgrind").is_none() {
            bail!(
                "Instructions are counted by valgrind, which is not here; install it (Debian's package is called valgrind)."
            );
        }
        command.args(["--", "--instructions"]);
    }
    run_command(&mut command)
}
