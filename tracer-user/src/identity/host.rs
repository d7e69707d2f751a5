//! The machine that the processes run on.

use std::{fs, path::Path, sync::Arc};

/// What the resource of every process says of its host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// `host.name`: what hostname(1) prints.
    pub name: Option<Arc<str>>,
    /// `host.id`: the machine id.
    pub id: Option<Arc<str>>,
    /// `host.arch`, in the words of the semantic conventions.
    pub arch: &'static str,
    /// What makes ids of this host unlike those of another: the machine id, else the id of this boot.
    pub seed: Arc<str>,
}

impl Host {
    /// Reads the host's facts below `root` (`/`). The machine id comes from where the semantic conventions for
    /// `host.id` want it, unhashed.
    pub fn read(root: &Path) -> Self {
        let line = |path: &str| {
            let text = fs::read_to_string(root.join(path)).ok()?;
            Some(text.trim()).filter(|line| !line.is_empty()).map(Arc::<str>::from)
        };
        // "uninitialized" is what an image holds before its first boot: machine-id(5).
        let machine_id = |path| line(path).filter(|id| &**id != "uninitialized");
        let id = machine_id("etc/machine-id").or_else(|| machine_id("var/lib/dbus/machine-id"));
        let seed = id.clone().or_else(|| line("proc/sys/kernel/random/boot_id")).unwrap_or_default();
        Self { name: line("proc/sys/kernel/hostname"), id, arch: arch(std::env::consts::ARCH), seed }
    }
}

/// The value of `host.arch` for one of Rust's architecture names.
fn arch(rust: &'static str) -> &'static str {
    match rust {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "arm32",
        "powerpc" => "ppc32",
        "powerpc64" => "ppc64",
        other => other,
    }
}
