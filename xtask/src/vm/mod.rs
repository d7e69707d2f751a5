//! Emulated machines: a kernel of a Debian package, a shell, and the programs under test, which QEMU runs without root.

mod archive;
pub(crate) mod lock;
pub(crate) mod machine;
mod packages;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use self::lock::{Kernel, Lock};
use crate::shell::{as_root, run as run_command, which};

/// Files from packages.
pub(crate) struct Images {
    /// A shell with everything that a small machine needs.
    pub(crate) busybox: PathBuf,
    /// Images of the kernels, in the order in which they were asked for.
    pub(crate) kernels: Vec<PathBuf>,
}

/// Installs the emulator if it is missing, and fetches what machines are made of.
pub(crate) fn prepare(cache: &Path, lock: &Lock, kernels: &[&Kernel]) -> Result<Images> {
    ensure!(cfg!(target_arch = "x86_64"), "The pinned kernels are for x86_64.");
    if which(machine::QEMU).is_none() {
        let reason = format!("{} is missing and apt-get installs it for the whole machine", machine::QEMU);
        let mut install = as_root("apt-get", &reason);
        install.args(["install", "-y", "--no-install-recommends", machine::QEMU_PACKAGE]);
        run_command(install.env("DEBIAN_FRONTEND", "noninteractive"))
            .with_context(|| format!("Machines need the package {}.", machine::QEMU_PACKAGE))?;
    }
    let busybox = packages::busybox(cache, lock)?;
    let kernels = kernels.iter().map(|kernel| packages::kernel(cache, kernel)).collect::<Result<_>>()?;
    Ok(Images { busybox, kernels })
}
