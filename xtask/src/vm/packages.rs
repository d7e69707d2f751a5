//! Fetches pinned packages, and takes out of them what is needed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::lock::{Kernel, Lock, Package};
use crate::shell::run;

/// apt's own downloader: it goes the way that this machine's apt goes, and checks what arrives.
const DOWNLOADER: &str = "/usr/lib/apt/apt-helper";

/// The image of a kernel.
pub(crate) fn kernel(cache: &Path, kernel: &Kernel) -> Result<PathBuf> {
    // Newer packages have it beside the modules.
    extract(cache, &kernel.package, "vmlinuz*", &format!("vmlinuz-{}", kernel.release))
}

/// A shell with everything that a small machine needs.
pub(crate) fn busybox(cache: &Path, lock: &Lock) -> Result<PathBuf> {
    extract(cache, &lock.busybox, "busybox", "busybox")
}

/// The file of a package that matches `pattern`, as `name` in the cache.
fn extract(cache: &Path, package: &Package, pattern: &str, name: &str) -> Result<PathBuf> {
    let file = cache.join(format!("{name}-{}", &package.sha256[..16]));
    if file.exists() {
        return Ok(file);
    }
    std::fs::create_dir_all(cache)?;
    let work = tempfile::tempdir_in(cache)?;
    let deb = work.path().join("package.deb");
    fetch(package, &deb)?;
    // Names without wildcards match directories too.
    let mut script = Command::new("sh");
    script
        .arg("-c")
        .arg("dpkg-deb --fsys-tarfile \"$0\" | tar -x -C \"$1\" --wildcards --no-anchored \"$2\"");
    run(script.arg(&deb).arg(work.path()).arg(pattern))?;
    let found = files(work.path())?
        .into_iter()
        .filter(|found| *found != deb)
        .max_by_key(|found| std::fs::metadata(found).map_or(0, |metadata| metadata.len()));
    let found = found.with_context(|| format!("{} holds no {pattern}.", package.path))?;
    // Whole or not at all.
    std::fs::rename(found, &file)?;
    Ok(file)
}

fn fetch(package: &Package, to: &Path) -> Result<()> {
    let targets = Command::new("apt-get").args(["indextargets", "--format", "$(SITE)"]).output();
    let targets =
        targets.context("apt-get could not be started; test machines are made of Debian packages.")?;
    let sites = String::from_utf8_lossy(&targets.stdout).into_owned();
    let site = site(&sites, &package.archive).with_context(|| {
        format!("apt knows no archive {}, so {} cannot be had.", package.archive, package.path)
    })?;
    ensure!(Path::new(DOWNLOADER).exists(), "{DOWNLOADER} is missing; it belongs to the package apt.");
    let mut command = Command::new(DOWNLOADER);
    command.args(["download-file", &format!("{site}/{}", package.path)]).arg(to);
    run(command.arg(format!("SHA256:{}", package.sha256))).context(
        "The archive does not have that package (any more); pin a newer one in tests/vm/packages.json.",
    )
}

/// The address of an archive among those that apt knows.
fn site<'a>(sites: &'a str, archive: &str) -> Option<&'a str> {
    sites.lines().map(|site| site.trim_end_matches('/')).find(|site| site.rsplit('/').next() == Some(archive))
}

fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            found.extend(files(&entry.path())?);
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_found_by_its_last_part() {
        let sites = "https://one.example/debian-security/\nhttps://one.example/debian\n";
        assert_eq!(site(sites, "debian"), Some("https://one.example/debian"));
        assert_eq!(site(sites, "debian-security"), Some("https://one.example/debian-security"));
        assert_eq!(site(sites, "ubuntu"), None);
    }
}
