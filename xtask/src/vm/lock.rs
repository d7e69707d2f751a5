//! What test machines are made of: Debian packages, pinned in `tests/vm/packages.json` by version and checksum.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// The pinned packages.
#[derive(Debug, Deserialize)]
pub(crate) struct Lock {
    pub(crate) busybox: Package,
    pub(crate) kernels: Vec<Kernel>,
}

/// A file of an archive.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    /// The last part of the archive's address: `debian`, `debian-security`.
    pub(crate) archive: String,
    /// Where it is in there.
    pub(crate) path: String,
    /// Hexadecimal.
    pub(crate) sha256: String,
}

/// A kernel.
#[derive(Debug, Deserialize)]
pub(crate) struct Kernel {
    /// As users name it.
    pub(crate) name: String,
    /// Its version.
    pub(crate) release: String,
    #[serde(flatten)]
    pub(crate) package: Package,
    /// Whether everything has to be traced there; if not, `tracer check` has to say why.
    pub(crate) traces: bool,
}

impl Lock {
    /// Reads it.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let file = root.join("tests/vm/packages.json");
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("{} could not be read.", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} makes no sense.", file.display()))
    }

    /// The kernels of these names, all of them if there are none.
    pub(crate) fn chosen(&self, names: &[String]) -> Result<Vec<&Kernel>> {
        if names.is_empty() {
            return Ok(self.kernels.iter().collect());
        }
        let find = |name: &String| {
            let known =
                || self.kernels.iter().map(|kernel| kernel.name.as_str()).collect::<Vec<_>>().join(", ");
            self.kernels
                .iter()
                .find(|kernel| kernel.name == *name)
                .with_context(|| format!("{name} is none of the pinned kernels: {}.", known()))
        };
        names.iter().map(find).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> Lock {
        Lock::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).expect("the repository's own file")
    }

    #[test]
    fn every_package_is_pinned_by_version_and_checksum() {
        let lock = lock();
        for kernel in &lock.kernels {
            assert!(kernel.package.path.contains(&kernel.release), "{kernel:?}");
        }
        for package in lock.kernels.iter().map(|kernel| &kernel.package).chain([&lock.busybox]) {
            assert!(
                package.sha256.len() == 64 && package.sha256.bytes().all(|letter| letter.is_ascii_hexdigit())
            );
        }
    }

    #[test]
    fn an_unknown_kernel_is_answered_with_those_that_are_known() {
        let lock = lock();
        let error = lock.chosen(&["4.4".to_owned()]).expect_err("not pinned");
        assert!(error.to_string().contains("6.1, 6.12"), "{error}");
        assert_eq!(lock.chosen(&[]).expect("all").len(), lock.kernels.len());
    }
}
