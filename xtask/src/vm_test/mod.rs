//! `cargo xtask vm-test`: the daemon on other kernels, in emulated machines.
//!
//! | tier | what | takes, on two cores |
//! |---|---|---|
//! | 1 | every kernel program is loaded and attached, or `tracer check` says what is missing | half a minute a kernel |
//! | 2 | HTTP by every system call that carries it makes the same traces, besides | two minutes a kernel |

mod tier1;
mod tier2;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use crate::build;
use crate::shell::{cargo, is_ci, run as run_command, say, sentences};
use crate::vm::{
    self,
    lock::{Kernel, Lock},
    machine::{self, Clock, Contents},
};
use crate::workspace::{Profile, Workspace};

/// Most time that a machine may take for a tier.
const LIMIT: Duration = Duration::from_mins(5);

/// Options of `cargo xtask vm-test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Kernels by name (tests/vm/packages.json); all of them if none is given.
    kernels: Vec<String>,
    /// 2: besides, trace real requests.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    tier: u8,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    json: bool,
    /// A daemon that is not optimised: built sooner, and slower to start.
    #[arg(long)]
    debug: bool,
}

/// What became of a kernel.
#[derive(Debug, Serialize)]
struct Outcome {
    kernel: String,
    release: String,
    #[serde(flatten)]
    found: tier1::Found,
    /// Traces as they have to be, of how many; `None` where tier 2 was not run.
    traces: Option<(usize, usize)>,
    /// What is wrong, a sentence each.
    faults: Vec<String>,
}

/// `cargo xtask vm-test`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::find()?;
    let lock = Lock::read(workspace.root())?;
    let kernels = lock.chosen(&args.kernels)?;
    let cache = workspace.target_dir().join("vm");
    let images = match vm::prepare(&cache, &lock, &kernels) {
        Ok(images) => images,
        Err(error) if !is_ci() => {
            say(format!("nothing was tested: {}", sentences(&error)));
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let profile = if args.debug { Profile::Debug } else { Profile::Release };
    let mut programs = vec![("tracer", build::build(&workspace, profile)?)];
    if args.tier == 2 {
        run_command(cargo(workspace.root()).args([
            "build",
            "--package",
            "tracer-tests",
            "--bin",
            "syscalls",
        ]))?;
        let folder = workspace.target_dir().join(Profile::Debug.directory());
        programs.push(("syscalls", folder.join("syscalls")));
    }
    let mut contents = Contents::new(workspace.root(), &images.busybox)?;
    for (name, program) in &programs {
        contents.program(name, program)?;
    }
    let job = |name: &str| {
        let file = workspace.root().join(name);
        std::fs::read_to_string(&file).with_context(|| format!("{} could not be read.", file.display()))
    };
    let (first, second) = (job(tier1::JOB)?, tier2::job(&job(tier2::JOB)?));
    let second = (args.tier == 2).then_some(second.as_str());
    let mut outcomes = Vec::new();
    for (kernel, image) in kernels.into_iter().zip(&images.kernels) {
        say(format!("kernel {} ({}).", kernel.name, kernel.release));
        outcomes.push(test(kernel, image, &contents, &first, second));
    }
    print(&outcomes, args.json)?;
    let failed: Vec<_> = outcomes.iter().filter(|outcome| !outcome.faults.is_empty()).collect();
    ensure!(failed.is_empty(), "{} of {} kernels failed; see above.", failed.len(), outcomes.len());
    Ok(())
}

/// Lines of what the daemon says when it ends, which name what was lost, and some before.
const DAEMONS_LAST_WORDS: usize = 40;

fn test(kernel: &Kernel, image: &Path, contents: &Contents, first: &str, second: Option<&str>) -> Outcome {
    let mut outcome = Outcome {
        kernel: kernel.name.clone(),
        release: kernel.release.clone(),
        found: tier1::Found::default(),
        traces: None,
        faults: Vec::new(),
    };
    match machine::run(image, contents, first, Clock::Host, LIMIT).and_then(|output| tier1::read(&output)) {
        Ok(found) => {
            outcome.faults.extend(found.fault(kernel.traces).map(str::to_owned));
            outcome.found = found;
        }
        Err(error) => outcome.faults.push(sentences(&error)),
    }
    let Some(second) = second.filter(|_| outcome.found.usable && outcome.faults.is_empty()) else {
        return outcome;
    };
    match machine::run(image, contents, second, Clock::Host, LIMIT) {
        Ok(output) => {
            outcome.traces = Some((tier2::count(&output), tier2::expected()));
            let wrong = tier2::wrong(&output);
            if !wrong.is_empty() {
                let seen: Vec<_> = wrong.iter().map(|path| tier2::seen(&output, path)).collect();
                outcome.faults.push(format!(
                    "traces are wrong or missing: {}. What was printed of them, and at the end:\n{}{}",
                    wrong.join(", "),
                    seen.concat(),
                    machine::end_of(DAEMONS_LAST_WORDS, &output)
                ));
            }
        }
        Err(error) => outcome.faults.push(sentences(&error)),
    }
    outcome
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
fn print(outcomes: &[Outcome], json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(outcomes)?);
    } else {
        println!("{}", table(outcomes).trim_end());
    }
    Ok(())
}

fn table(outcomes: &[Outcome]) -> String {
    let mut text =
        format!("{:<8} {:<10} {:<7} {:>8} {:>8}\n", "kernel", "release", "usable", "attached", "traces");
    for Outcome { kernel, release, found, traces, faults } in outcomes {
        let usable = if found.usable { "yes" } else { "no" };
        let traces = traces.map_or_else(|| "-".to_owned(), |(right, all)| format!("{right}/{all}"));
        let attached = found.attached.len();
        // Writing to memory does not fail.
        let _ = writeln!(text, "{kernel:<8} {release:<10} {usable:<7} {attached:>8} {traces:>8}");
        for sentence in &found.missing {
            let _ = writeln!(text, "    {sentence}");
        }
        for fault in faults {
            let _ = writeln!(text, "    FAILED: {fault}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_is_missing_and_what_failed() {
        let found =
            tier1::Found { usable: true, attached: vec!["one".into()], missing: vec!["two: no".into()] };
        let outcome = Outcome {
            kernel: "6.1".into(),
            release: "6.1.192".into(),
            found,
            traces: Some((87, 88)),
            faults: vec!["not everything is attached".into()],
        };
        let text = table(&[outcome]);
        for part in
            ["6.1      6.1.192    yes            1    87/88", "    two: no", "    FAILED: not everything"]
        {
            assert!(text.contains(part), "{text}");
        }
    }
}
