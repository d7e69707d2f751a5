//! Does the Debian package work where nothing else is installed?

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::setup::apt_get;
use crate::shell::{is_root, run, say, which};
use crate::workspace::Workspace;

/// What a clean root is made of: what the package depends on, and systemd, which judges the unit.
const RELEASE: &str = "bookworm";
const PACKAGES: &str = "systemd,procps";

/// Highest exposure that `systemd-analyze security` may find in the unit, in tenths: what CAP_SYS_ADMIN, CAP_SYS_PTRACE, the
/// host's network and root cost. It only ever goes down.
const MAX_EXPOSURE: u32 = 33;

/// Makes a root, installs the package in it, and starts what the unit starts.
pub(crate) fn try_out(workspace: &Workspace, deb: &Path) -> Result<()> {
    ensure!(
        is_root(),
        "Trying the package out needs root: it makes a Debian root and loads kernel programs."
    );
    if which("mmdebstrap").is_none() {
        run(apt_get(&["install", "--yes", "--no-install-recommends"]).arg("mmdebstrap"))?;
    }
    let root = workspace.root().join("target/package/root");
    let _ = std::fs::remove_dir_all(&root);
    let mut bootstrap = Command::new("mmdebstrap");
    bootstrap
        .args(["--variant=minbase", "--mode=root", "--quiet", "--include", PACKAGES, RELEASE])
        .arg(&root);
    // The mirrors and their keys that this machine trusts.
    let sources = ["/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources"];
    bootstrap.args(sources.iter().filter(|file| Path::new(file).is_file()));
    run(&mut bootstrap)?;
    let outcome = in_root(&root, deb);
    std::fs::remove_dir_all(&root).with_context(|| format!("{} stays behind.", root.display()))?;
    outcome?;
    say("the package was installed, started, stopped and removed again in a clean Debian root.");
    Ok(())
}

fn in_root(root: &Path, deb: &Path) -> Result<()> {
    std::fs::copy(deb, root.join("tracer.deb"))?;
    run(inside(root).args(["dpkg", "--install", "/tracer.deb"]))?;
    run(inside(root).args(["tracer", "--version"]))?;
    run(inside(root).args(["tracer", "check"]))?;
    run(inside(root).args(["systemd-analyze", "verify", "/lib/systemd/system/tracer.service"]))?;
    let exposure = format!("--threshold={MAX_EXPOSURE}");
    let security = ["systemd-analyze", "security", "--offline=true", "--no-pager", &exposure];
    run(inside(root).args(security).arg("/lib/systemd/system/tracer.service"))?;
    start(root)?;
    run(inside(root).args(["dpkg", "--purge", "tracer"]))?;
    for left in ["usr/bin/tracer", "lib/systemd/system/tracer.service", "etc/tracer"] {
        ensure!(!root.join(left).exists(), "Removing the package left /{left} behind.");
    }
    Ok(())
}

/// Starts the unit's command with no more privileges than the unit gives it, until it is attached, and stops it.
fn start(root: &Path) -> Result<()> {
    let unit = std::fs::read_to_string(root.join("lib/systemd/system/tracer.service"))?;
    let bounds = bounding_set(&unit).context("The unit names no CapabilityBoundingSet.")?;
    // There is no systemd running here; setpriv(1) does what matters of it.
    let mut child = inside(root)
        .args(["setpriv", "--no-new-privs", "--bounding-set", &bounds, "--inh-caps", "-all"])
        .args(["tracer", "agent", "--socket", "/run/tracer/agent.sock"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    let lines = child.stderr.take().map(|errors| BufReader::new(errors).lines());
    let mut said = Vec::new();
    for line in lines.into_iter().flatten().map_while(Result::ok) {
        if line.starts_with("tracer is attached") {
            run(inside(root).args(["tracer", "status", "--socket", "/run/tracer/agent.sock"]))?;
            run(Command::new("kill").arg(child.id().to_string()))?;
        }
        said.push(line);
    }
    let status = child.wait()?;
    ensure!(
        status.success() && said.iter().any(|line| line.starts_with("tracer is attached")),
        "The installed service ended with {status}, and said: {}",
        said.join("\n")
    );
    Ok(())
}

/// The unit's capabilities in the words of setpriv(1): `-all,+bpf,+perfmon`.
fn bounding_set(unit: &str) -> Option<String> {
    let line = unit.lines().find_map(|line| line.strip_prefix("CapabilityBoundingSet="))?;
    let names = line.split_whitespace().map(|name| name.trim_start_matches("CAP_").to_lowercase());
    Some(names.fold("-all".to_owned(), |all, name| all + ",+" + &name))
}

/// A program within the root that sees the host's processes and kernel. As in the unit, /sys and /proc/sys are read-only.
/// Everything of it ends with it.
fn inside(root: &Path) -> Command {
    let mut command = Command::new("unshare");
    // Mounts of its own, so that none is left behind.
    command.args(["--mount", "--propagation=private", "sh", "-ec"]);
    command.arg(
        "root=$1; shift; for name in proc sys dev; do mount --rbind /$name $root/$name; done; \
         mount --bind /proc/sys $root/proc/sys; \
         for name in sys proc/sys; do mount -o remount,bind,ro $root/$name; done; exec chroot $root \"$@\"",
    );
    command.arg("sh").arg(root);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_units_capabilities_are_read_from_it() {
        let unit = "[Service]\n# CapabilityBoundingSet=CAP_X\nCapabilityBoundingSet=CAP_BPF CAP_SYS_PTRACE\n";
        assert_eq!(bounding_set(unit).as_deref(), Some("-all,+bpf,+sys_ptrace"));
        assert_eq!(bounding_set("[Service]\n"), None);
    }
}
