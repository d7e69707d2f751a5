//! Benchmarks of one package, which need neither root nor kernel programs.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::shell::{cargo, run as run_command};
use crate::workspace::Workspace;

/// Runs a package's own benchmark with arguments.
pub(super) fn run(package: &str, benchmark: &str, args: &[String]) -> Result<()> {
    run_command(&mut command(package, benchmark, args)?)
}

/// Runs a package's own benchmark with arguments and returns what it prints.
pub(super) fn output(package: &str, benchmark: &str, args: &[String]) -> Result<String> {
    let output = command(package, benchmark, args)?.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("The benchmark {benchmark} of {package} failed.");
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn command(package: &str, benchmark: &str, args: &[String]) -> Result<Command> {
    let workspace = Workspace::find()?;
    let packages = workspace.metadata.packages.iter().filter(|found| found.name.as_str() == package);
    let mut benchmarks = packages.flat_map(|found| &found.targets).filter(|target| target.is_bench());
    if !benchmarks.any(|target| target.name == benchmark) {
        bail!(
            "Package {package} has no benchmark {benchmark}; `cargo bench -p {package}` shows which it has."
        );
    }
    let mut command = cargo(workspace.root());
    command.args(["bench", "--package", package, "--bench", benchmark]).env("TRACER_EBPF_STUB", "1");
    if !args.is_empty() {
        command.arg("--").args(args);
    }
    Ok(command)
}
