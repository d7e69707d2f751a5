//! Starting other programs and telling the user about it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Says something to the user. On standard error, so that it stays in order with the output of cargo.
#[expect(clippy::print_stderr, reason = "this is the one place where xtask speaks")]
pub(crate) fn say(text: impl AsRef<str>) {
    eprintln!("xtask: {}", text.as_ref());
}

/// The cargo that started xtask, called in the root of the workspace.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    // Build scripts of some dependencies watch what `cargo run` tells xtask about itself, and would run again each time
    // that `cargo build` and `cargo xtask` take turns.
    for (name, _) in std::env::vars_os() {
        let told = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"];
        if name.to_str().is_some_and(|name| told.iter().any(|prefix| name.starts_with(prefix))) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a program that must succeed. It reads nothing, and its output goes to the user untouched.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    say(format!("running `{}`.", line(command)));
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("`{}` could not be started.", line(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}; its messages are above.", line(command));
    }
    Ok(())
}

/// Whether a quick question to a program is answered with success.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Where PATH leads for a program.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}

/// This process may do what root may.
pub(crate) fn is_root() -> bool {
    // The effective user id is the second number: proc_pid_status(5).
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| effective_uid(&status) == Some(0))
}

/// A program that runs as root: through sudo if this process is not root. Says why.
pub(crate) fn as_root(program: impl AsRef<OsStr>, reason: &str) -> Command {
    if is_root() {
        return Command::new(program);
    }
    say(format!("sudo is used because {reason}."));
    let mut command = Command::new("sudo");
    command.arg(program);
    command
}

/// A continuous-integration run: nobody can answer, and nothing may be left out.
pub(crate) fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

fn effective_uid(status: &str) -> Option<u32> {
    status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().nth(1)?.parse().ok()
}

/// An error and its causes, one sentence after the other.
pub(crate) fn sentences(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// The command as one would type it.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effective_uid_decides() {
        assert_eq!(effective_uid("Name:\tx\nUid:\t1000\t0\t1000\t1000\n"), Some(0));
        assert_eq!(effective_uid("Uid:\t0\t1000\t0\t0\n"), Some(1000));
        assert_eq!(effective_uid("Name:\tx\n"), None);
    }

    #[test]
    fn causes_follow_as_sentences() {
        let error = anyhow::anyhow!("It is not there.").context("It could not be read.");
        assert_eq!(sentences(&error), "It could not be read. It is not there.");
    }

    #[test]
    fn a_failing_program_is_named() {
        let error = run(Command::new("false").arg("--now")).expect_err("false fails");
        assert!(error.to_string().contains("`false --now` ended with exit status: 1"), "{error}");
    }
}
