//! Cargo-installed tools of pinned versions, private to this checkout.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::shell::{cargo, run, say};

/// A program from the registry, and the only version of it that is used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tool {
    /// Name of the package and of its program.
    pub(crate) name: &'static str,
    /// The pinned version.
    pub(crate) version: &'static str,
}

/// Links kernel programs. What the version is bound to is said at the constant.
pub(crate) const BPF_LINKER: Tool = Tool { name: "bpf-linker", version: ebpf_build::BPF_LINKER_VERSION };

/// Checks licences, sources, duplicates and advisories of dependencies. Compiles in about two minutes on two cores,
/// once per checkout: short enough not to write such checks ourselves.
pub(crate) const CARGO_DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };

/// Makes the Debian package: maintainer scripts for the unit, libraries that the binary needs, compressed manual pages.
pub(crate) const CARGO_DEB: Tool = Tool { name: "cargo-deb", version: "3.8.0" };

impl Tool {
    /// Where [`Tool::install`] puts it.
    pub(crate) fn path(self, root: &Path) -> PathBuf {
        ebpf_build::tools_dir(root).join("bin").join(self.name)
    }

    /// Compiles it into the project's own tool directory; nothing outside the checkout changes. Does nothing if that
    /// version is already there.
    pub(crate) fn install(self, root: &Path) -> Result<()> {
        say(format!(
            "installing {} {} into target/tools; this takes a minute or two.",
            self.name, self.version
        ));
        let mut command = cargo(root);
        command.args(["install", self.name, "--version", self.version, "--locked", "--quiet", "--root"]);
        command.arg(ebpf_build::tools_dir(root));
        // A target directory shared with the workspace would mix the two builds.
        command.env_remove("CARGO_TARGET_DIR");
        run(&mut command)
    }
}
