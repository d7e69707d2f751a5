//! `cargo xtask test`: every test that this machine can run.
//!
//! | suite | what | needs |
//! |---|---|---|
//! | unit | unit, integration and doc tests of the workspace | nothing: no root, no eBPF toolchain |
//! | replay | recorded events -> expected spans: the test targets whose names begin with `replay` | nothing |
//! | engines | the backend with ClickHouse's engine, an S3 server, DuckDB and exporters of OpenTelemetry's SDK | Python 3.11 or later |
//! | web | the page in headless Chromium, against the real server; its screenshots stay in `target/web` | Node.js 20, Chromium |
//! | scenarios | package tracer-tests: real services against the real daemon | root, a kernel that can be traced |
//! | faults | what goes wrong around the daemon: kills, overload, full disks, silent backends | as before |
//! | accuracy | services of many runtimes, 64 requests at a time: is each call in its trace? | as before; what is not installed is skipped |
//!
//! The output of the test runner goes to the user untouched.

use std::process::Command;

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::bench::accuracy;
use crate::build;
use crate::shell::{cargo, is_ci, is_root, run as run_command, say, sentences, succeeds};
use crate::test_env;
use crate::web;
use crate::workspace::{Profile, Workspace};

/// Packages without unit tests that run anywhere: kernel programs, and scenarios.
const NOT_UNIT: [&str; 2] = [ebpf_build::EBPF_PACKAGE, SCENARIOS];

/// The package of the scenarios.
const SCENARIOS: &str = "tracer-tests";

/// Options of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this kind of test; all of them if not given.
    suite: Option<Suite>,
    /// Only tests whose names contain this.
    #[arg(long, value_parser = parse_filter)]
    filter: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Suite {
    Unit,
    Replay,
    Engines,
    Web,
    Scenarios,
    Faults,
    Accuracy,
}

/// How a suite ended.
enum Outcome {
    Ran,
    /// It could not run here, for this reason.
    LeftOut(String),
}

/// `cargo xtask test`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::find()?;
    let runner = Runner::find(&workspace);
    let suites = args.suite.map_or_else(|| Suite::value_variants().to_vec(), |suite| vec![suite]);
    let filter = args.filter.as_deref();

    let (mut failures, mut left_out) = (Vec::new(), Vec::new());
    for suite in suites {
        say(format!("{suite:?} tests."));
        let outcome = match suite {
            Suite::Unit => unit(&workspace, runner, filter),
            Suite::Replay => replay(&workspace, runner, filter),
            Suite::Engines => engines(&workspace, runner, filter),
            Suite::Web => web(&workspace, filter),
            Suite::Scenarios => {
                scenarios(&workspace, runner, filter, &["--lib", "--bins", "--test", "scenarios"])
            }
            Suite::Faults => scenarios(&workspace, runner, filter, &["--test", "faults"]),
            Suite::Accuracy => accuracy(&workspace, filter),
        };
        match outcome {
            Ok(Outcome::Ran) => {}
            Ok(Outcome::LeftOut(reason)) => {
                left_out.push(format!("{suite:?} tests were left out: {}.", reason.trim_end_matches('.')));
            }
            Err(error) => failures.push(format!("{suite:?} tests failed: {}", sentences(&error))),
        }
    }
    verdict(&failures, &left_out, is_ci())
}

/// Says what was left out, and fails if a test failed or, where nobody reads along, was left out.
fn verdict(failures: &[String], left_out: &[String], ci: bool) -> Result<()> {
    for sentence in left_out {
        say(sentence);
    }
    if !failures.is_empty() {
        bail!("{}", failures.join("\n"));
    }
    if ci && !left_out.is_empty() {
        bail!("CI is set, where every test has to run, but some were left out; see above.");
    }
    Ok(())
}

fn unit(workspace: &Workspace, runner: Runner, filter: Option<&str>) -> Result<Outcome> {
    let mut command = runner.command(workspace);
    command.args(anywhere());
    let (apart, others): (Vec<_>, Vec<_>) =
        test_targets(workspace).into_iter().partition(|target| is_replay(target) || is_engines(target));
    match runner {
        Runner::Nextest => command.args(nextest_filter(&apart, filter)),
        Runner::CargoTest => {
            command.args(["--lib", "--bins"]);
            for target in &others {
                command.args(["--test", target.name]);
            }
            command.args(filter)
        }
    };
    run_command(stubbed(&mut command))?;

    // nextest does not run the examples in the documentation.
    let mut documentation = cargo(workspace.root());
    documentation.args(["test", "--doc"]).args(anywhere()).args(filter);
    run_command(stubbed(&mut documentation))?;
    Ok(Outcome::Ran)
}

fn replay(workspace: &Workspace, runner: Runner, filter: Option<&str>) -> Result<Outcome> {
    let targets: Vec<_> = test_targets(workspace).into_iter().filter(is_replay).collect();
    if targets.is_empty() {
        return Ok(Outcome::LeftOut("no package has a test target whose name begins with replay".to_owned()));
    }
    let mut command = runner.command(workspace);
    command.args(anywhere());
    for target in &targets {
        command.args(["--test", target.name]);
    }
    match runner {
        Runner::Nextest => command.args(nextest_filter(&[], filter)),
        Runner::CargoTest => command.args(filter),
    };
    run_command(stubbed(&mut command))?;
    Ok(Outcome::Ran)
}

fn engines(workspace: &Workspace, runner: Runner, filter: Option<&str>) -> Result<Outcome> {
    let venv = match test_env::python(workspace.root()) {
        Ok(venv) => venv,
        Err(error) => return Ok(Outcome::LeftOut(sentences(&error))),
    };
    let mut command = runner.command(workspace);
    command.args(anywhere()).env("TRACER_TEST_ENV", venv);
    for target in test_targets(workspace).iter().filter(|target| is_engines(target)) {
        command.args(["--test", target.name]);
    }
    match runner {
        Runner::Nextest => command.args(nextest_filter(&[], filter)),
        Runner::CargoTest => command.args(filter),
    };
    run_command(stubbed(&mut command))?;
    Ok(Outcome::Ran)
}

fn web(workspace: &Workspace, filter: Option<&str>) -> Result<Outcome> {
    let root = workspace.root();
    let chromium = match web::check_tools().and_then(|()| test_env::chromium()) {
        Ok(chromium) => chromium,
        Err(error) => return Ok(Outcome::LeftOut(sentences(&error))),
    };
    let daemon = build::build(workspace, Profile::Release)?;
    let mut command = web::npm(root);
    command.args(["run", "--silent", "test"]).env("TRACER_BIN", daemon).env("CHROMIUM", chromium);
    command.env("TRACER_WEB_SHOTS", workspace.target_dir().join("web"));
    command.envs(filter.map(|filter| ("TRACER_WEB_FILTER", filter)));
    run_command(&mut command)?;
    Ok(Outcome::Ran)
}

fn scenarios(
    workspace: &Workspace,
    runner: Runner,
    filter: Option<&str>,
    targets: &[&str],
) -> Result<Outcome> {
    if !is_root() {
        return Ok(Outcome::LeftOut(
            "they trace this host and so need root; repeat as root: cargo xtask test scenarios".to_owned(),
        ));
    }
    let daemon = build::build(workspace, Profile::Release)?;
    if run_command(Command::new(&daemon).arg("check")).is_err() {
        return Ok(Outcome::LeftOut("this host cannot be traced; `tracer check` above says why".to_owned()));
    }
    let venv = match test_env::prepare(workspace.root()) {
        Ok(venv) => venv,
        Err(error) => return Ok(Outcome::LeftOut(sentences(&error))),
    };

    let mut command = runner.command(workspace);
    command
        .args(["--package", SCENARIOS])
        .args(targets)
        .env("TRACER_BIN", daemon)
        .env("TRACER_TEST_ENV", venv);
    // One after the other: each daemon traces the whole host.
    match runner {
        Runner::Nextest => command.args(["--test-threads", "1"]).args(nextest_filter(&[], filter)),
        Runner::CargoTest => command.args(filter).args(["--", "--test-threads", "1"]),
    };
    run_command(&mut command)?;
    Ok(Outcome::Ran)
}

fn accuracy(workspace: &Workspace, filter: Option<&str>) -> Result<Outcome> {
    if !is_root() {
        return Ok(Outcome::LeftOut(
            "they trace this host and so need root; repeat as root: cargo xtask test accuracy".to_owned(),
        ));
    }
    if filter.is_some() {
        say("A filter is for tests by name; accuracy has none.");
        return Ok(Outcome::Ran);
    }
    let daemon = build::build(workspace, Profile::Release)?;
    if run_command(Command::new(&daemon).arg("check")).is_err() {
        return Ok(Outcome::LeftOut("this host cannot be traced; `tracer check` above says why".to_owned()));
    }
    let venv = test_env::prepare(workspace.root())?;
    accuracy::check(workspace, &daemon, &venv)?;
    Ok(Outcome::Ran)
}

/// An integration test of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TestTarget<'a> {
    package: &'a str,
    name: &'a str,
}

/// The integration tests that run anywhere.
fn test_targets(workspace: &Workspace) -> Vec<TestTarget<'_>> {
    let packages = workspace.metadata.packages.iter();
    packages
        .filter(|package| !NOT_UNIT.contains(&package.name.as_str()))
        .flat_map(|package| {
            let targets = package.targets.iter().filter(|target| target.is_test());
            targets.map(|target| TestTarget { package: package.name.as_str(), name: &target.name })
        })
        .collect()
}

fn is_replay(target: &TestTarget<'_>) -> bool {
    target.name.starts_with("replay")
}

/// The packages whose tests run anywhere. Always all of them: chosen alone, a package would be compiled again with other
/// features of its dependencies.
fn anywhere() -> impl Iterator<Item = &'static str> {
    std::iter::once("--workspace").chain(NOT_UNIT.iter().flat_map(|package| ["--exclude", package]))
}

/// They need the Python environment.
fn is_engines(target: &TestTarget<'_>) -> bool {
    target.name == "engines"
}

/// These tests need no kernel programs.
fn stubbed(command: &mut Command) -> &mut Command {
    command.env("TRACER_EBPF_STUB", "1")
}

/// The program that runs tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runner {
    Nextest,
    CargoTest,
}

impl Runner {
    /// nextest if it is installed.
    fn find(workspace: &Workspace) -> Self {
        let nextest = succeeds(cargo(workspace.root()).args(["nextest", "--version"]));
        if nextest { Self::Nextest } else { Self::CargoTest }
    }

    fn command(self, workspace: &Workspace) -> Command {
        let mut command = cargo(workspace.root());
        match self {
            Self::Nextest => command.args(["nextest", "run", "--no-fail-fast"]),
            Self::CargoTest => command.args(["test", "--no-fail-fast"]),
        };
        command
    }
}

/// Arguments that choose tests by nextest's filter language. A filter may match nothing in a suite.
fn nextest_filter(without: &[TestTarget<'_>], filter: Option<&str>) -> Vec<String> {
    let mut terms: Vec<String> = without
        .iter()
        .map(|TestTarget { package, name }| format!("not (package(={package}) and binary(={name}))"))
        .collect();
    terms.extend(filter.map(|filter| format!("test(~{filter})")));
    let mut args = Vec::new();
    if !terms.is_empty() {
        args.extend(["-E".to_owned(), terms.join(" and ")]);
    }
    if filter.is_some() {
        args.push("--no-tests=pass".to_owned());
    }
    args
}

/// Parts of test names only, so that the filter means the same to both runners.
fn parse_filter(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':') {
        Ok(text.to_owned())
    } else {
        Err("a filter is a part of a test's name: letters, digits, _ and ::".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replay_tests_are_not_run_twice() {
        let replay = TestTarget { package: "tracer-user", name: "replay" };
        assert!(is_replay(&replay));
        let args = nextest_filter(&[replay], Some("http"));
        let expected = "not (package(=tracer-user) and binary(=replay)) and test(~http)";
        assert_eq!(args, ["-E", expected, "--no-tests=pass"]);
        assert_eq!(nextest_filter(&[], None), Vec::<String>::new());
    }

    #[test]
    fn a_filter_cannot_break_the_filter_language() {
        assert_eq!(parse_filter("http1::split"), Ok("http1::split".to_owned()));
        assert!(parse_filter("a) or all(").is_err());
        assert!(parse_filter("").is_err());
    }

    #[test]
    fn what_is_left_out_fails_only_in_ci() {
        let left_out = ["Scenarios tests were left out: not root.".to_owned()];
        assert!(verdict(&[], &left_out, false).is_ok());
        assert!(verdict(&[], &left_out, true).is_err());
        assert!(verdict(&[], &[], true).is_ok());
    }

    #[test]
    fn a_failure_is_reported_with_its_suite() {
        let failures = ["Unit tests failed: exit status: 100".to_owned()];
        let error = verdict(&failures, &[], false).expect_err("a test failed");
        assert_eq!(error.to_string(), failures[0]);
    }
}
