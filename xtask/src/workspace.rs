//! Where things are in this checkout.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use cargo_metadata::{Metadata, MetadataCommand};

/// The checkout, as cargo sees it.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The members, their dependencies and targets; nothing outside the workspace.
    pub(crate) metadata: Metadata,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn find() -> Result<Self> {
        // `cargo run` sets the variable; the compile-time value would be wrong in a moved checkout.
        let here = std::env::var("CARGO_MANIFEST_DIR")
            .context("CARGO_MANIFEST_DIR is not set: start this program as `cargo xtask`.")?;
        let metadata = MetadataCommand::new()
            .current_dir(here)
            .no_deps()
            .exec()
            .context("cargo metadata failed, so the layout of the workspace is unknown.")?;
        Ok(Self { metadata })
    }

    /// The root directory of the workspace.
    pub(crate) fn root(&self) -> &Path {
        self.metadata.workspace_root.as_std_path()
    }

    /// Where cargo puts what it builds.
    pub(crate) fn target_dir(&self) -> &Path {
        self.metadata.target_directory.as_std_path()
    }

    /// The daemon of a build profile.
    pub(crate) fn daemon(&self, profile: Profile) -> PathBuf {
        self.target_dir().join(profile.directory()).join("tracer")
    }
}

/// How the daemon is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Optimised.
    Release,
    /// Fast to build, with debug assertions. The kernel programs are optimised all the same.
    Debug,
}

impl Profile {
    /// The name of its directory under the target directory.
    pub(crate) fn directory(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Debug => "debug",
        }
    }
}
