//! `cargo xtask web`: the page of the backend, built by npm into `web/dist`, from where tracer-server takes it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::shell::{is_ci, run as run_command, say, sentences, which};
use crate::workspace::Workspace;

/// Directory of the page, from the root of the workspace.
pub(crate) const WEB: &str = "web";

/// Oldest Node.js that esbuild and the tests' playwright-core take.
const OLDEST_NODE: u32 = 20;

/// `cargo xtask web`.
pub(crate) fn run() -> Result<()> {
    build(Workspace::find()?.root())
}

/// Builds the page.
pub(crate) fn build(root: &Path) -> Result<()> {
    install(root)?;
    run_command(npm(root).args(["run", "--silent", "build"]))
}

/// Builds the page if there is Node.js to do it with: without, the daemon says in its place how to get it.
pub(crate) fn build_if_possible(root: &Path) -> Result<()> {
    match (check_tools(), is_ci()) {
        (Ok(()), _) => build(root),
        (Err(missing), true) => Err(missing),
        (Err(missing), false) => {
            say(format!("the page is left out. {}", sentences(&missing)));
            Ok(())
        }
    }
}

/// Installs the packages that the lock file names, if they are not there.
pub(crate) fn install(root: &Path) -> Result<()> {
    check_tools()?;
    // npm notes what it installed when it is done, so an interrupted installation is started again.
    let lock = root.join(WEB).join("package-lock.json");
    let noted = root.join(WEB).join("node_modules/.package-lock.json");
    let modified = |path: &Path| std::fs::metadata(path).and_then(|file| file.modified());
    let wanted = modified(&lock).context("web/package-lock.json cannot be read.")?;
    if modified(&noted).is_ok_and(|noted| noted >= wanted) {
        return Ok(());
    }
    run_command(npm(root).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))
}

/// npm in the directory of the page.
pub(crate) fn npm(root: &Path) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(root.join(WEB));
    command
}

/// Node.js that is new enough, and npm.
pub(crate) fn check_tools() -> Result<()> {
    if which("npm").is_none() {
        bail!("The page needs Node.js {OLDEST_NODE} or newer with npm, and there is no npm; install both.");
    }
    let version = Command::new("node").arg("--version").output().map(|output| output.stdout);
    let version = String::from_utf8_lossy(&version.unwrap_or_default()).trim().to_owned();
    if major(&version).is_none_or(|major| major < OLDEST_NODE) {
        bail!(
            "The page needs Node.js {OLDEST_NODE} or newer, and `node --version` says {version:?}; install a newer one."
        );
    }
    Ok(())
}

/// `v20.1.0` is 20.
fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn the_first_number_of_a_version_counts() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("v9"), Some(9));
        assert_eq!(major(""), None);
        assert_eq!(major("20"), None);
    }
}
