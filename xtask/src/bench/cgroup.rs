//! A cgroup for the programs whose requests are written into.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

/// A cgroup (version 2), removed again at the end.
#[derive(Debug)]
pub(super) struct Cgroup(PathBuf);

impl Cgroup {
    pub(super) fn create() -> Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").context("The mounts cannot be read.")?;
        let root = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let root = root.into_iter().find(|fields| fields.get(2) == Some(&"cgroup2"));
        let root =
            root.context("The benchmark needs cgroups of version 2; mount -t cgroup2 none DIRECTORY.")?;
        let path = Path::new(root[1]).join(format!("tracer-bench-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("{} could not be made.", path.display()))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Busy until its last process is reaped.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
