//! `cargo xtask check`: what must pass before a commit, and what CI runs.

use anyhow::{Result, bail};
use ebpf_build::{Job, Toolchain, Verb};

use crate::shell::{cargo, is_ci, run as run_command, say, sentences};
use crate::tidy;
use crate::tools::CARGO_DENY;
use crate::workspace::Workspace;

/// One part of the check.
type Part = fn(&Workspace) -> Result<()>;

/// `cargo xtask check`. Every part runs, so that one look shows all that has to be mended.
pub(crate) fn run() -> Result<()> {
    let workspace = Workspace::find()?;
    let parts: [(&str, Part); 5] = [
        ("formatting", format),
        ("tidy", tidy::check),
        ("clippy", clippy),
        ("kernel programs", kernel_programs),
        ("dependencies", dependencies),
    ];
    let mut failed = Vec::new();
    for (name, part) in parts {
        say(format!("checking {name}."));
        if let Err(error) = part(&workspace) {
            say(format!("{name}: {}", sentences(&error)));
            failed.push(name);
        }
    }
    if !failed.is_empty() {
        bail!("These checks failed: {}. The messages above say where.", failed.join(", "));
    }
    say("all checks passed.");
    Ok(())
}

fn format(workspace: &Workspace) -> Result<()> {
    run_command(cargo(workspace.root()).args(["fmt", "--all", "--check"]))
}

fn clippy(workspace: &Workspace) -> Result<()> {
    let mut command = cargo(workspace.root());
    command.args(["clippy", "--workspace", "--all-targets", "--exclude", ebpf_build::EBPF_PACKAGE]);
    command.args(["--", "-Dwarnings"]).env("TRACER_EBPF_STUB", "1");
    run_command(&mut command)
}

/// Compiles the kernel programs with warnings as errors; clippy too if the compiler that can build them has it.
fn kernel_programs(workspace: &Workspace) -> Result<()> {
    let toolchain = match ebpf_build::find(workspace.root()) {
        Ok(toolchain) => toolchain,
        Err(_) if is_ci() => crate::setup::ensure(workspace.root())?,
        Err(missing) => {
            say(format!("kernel programs are left out. {missing}"));
            return Ok(());
        }
    };
    let target_dir = workspace.target_dir().join("ebpf");
    let job = Job {
        workspace: workspace.root(),
        target_dir: &target_dir,
        arch: std::env::consts::ARCH,
        triple: ebpf_build::target_triple(if cfg!(target_endian = "big") { "big" } else { "little" }),
    };
    let (_, warnings) = ebpf_build::compile(&toolchain, &job, Verb::Build)?;
    if !warnings.is_empty() {
        bail!("the compiler gave {} warnings for the kernel programs; they are above.", warnings.len());
    }
    if has_clippy(&toolchain) {
        ebpf_build::compile(&toolchain, &job, Verb::Clippy)?;
    } else {
        say(format!(
            "{} has no clippy, so the kernel programs are only compiled.",
            toolchain.rustc.path.display()
        ));
    }
    Ok(())
}

/// clippy works only with the compiler that it was made with.
fn has_clippy(toolchain: &Toolchain) -> bool {
    toolchain.rustc.sysroot.join("bin/clippy-driver").is_file()
}

/// Licences, duplicates and sources must be right. Advisories come over the network: what cannot be asked is said.
fn dependencies(workspace: &Workspace) -> Result<()> {
    let program = CARGO_DENY.path(workspace.root());
    if !program.is_file() {
        CARGO_DENY.install(workspace.root())?;
    }
    let deny = |checks: &[&str]| {
        let mut command = std::process::Command::new(&program);
        command
            .current_dir(workspace.root())
            .args(["--workspace", "--locked", "check", "--hide-inclusion-graph"])
            .args(checks);
        command
    };
    run_command(&mut deny(&["licenses", "bans", "sources"]))?;
    advisories(deny(&["advisories"]))
}

/// An advisory fails the check; a database that cannot be fetched is only mentioned.
fn advisories(mut command: std::process::Command) -> Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    match advisories_problem(&text) {
        AdvisoriesProblem::NotFetched => {
            say("the advisory database could not be fetched, so known vulnerabilities were not looked for.");
            Ok(())
        }
        AdvisoriesProblem::Found => {
            say(text);
            bail!("a dependency has an advisory against it.")
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum AdvisoriesProblem {
    NotFetched,
    Found,
}

fn advisories_problem(message: &str) -> AdvisoriesProblem {
    if message.contains("failed to fetch advisory database") {
        AdvisoriesProblem::NotFetched
    } else {
        AdvisoriesProblem::Found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreachable_database_is_no_advisory() {
        let message = "2026-01-01 [ERROR] failed to fetch advisory database https://example.org: no route";
        assert_eq!(advisories_problem(message), AdvisoriesProblem::NotFetched);
        assert_eq!(advisories_problem("error[vulnerability]: Use after free"), AdvisoriesProblem::Found);
    }
}
