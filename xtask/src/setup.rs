//! `cargo xtask setup`: makes a fresh machine able to compile the kernel programs. Safe to repeat.
//!
//! One step is decided from what is found and what has been tried, then everything is looked at again; the deciding
//! is a pure function.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};
use ebpf_build::{BPF_LINKER_VERSION, LLVM_MAJOR, Toolchain};

use crate::shell::{as_root, run as run_command, say, succeeds, which};
use crate::tools::BPF_LINKER;
use crate::workspace::Workspace;

/// The distribution's packages of a second compiler and its library source. Debian keeps them as new as its browsers
/// need them, so they fit where its `rustc` does not.
const PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];

/// `cargo xtask setup`.
pub(crate) fn run() -> Result<()> {
    let workspace = Workspace::find()?;
    let toolchain = ensure(workspace.root())?;
    say(format!(
        "this machine can compile the kernel programs: compiler {} with the library source, bpf-linker \
         {BPF_LINKER_VERSION} at {}.",
        toolchain.rustc.path.display(),
        toolchain.linker.display()
    ));
    Ok(())
}

/// Finds the toolchain, installing what is missing.
pub(crate) fn ensure(root: &Path) -> Result<Toolchain> {
    let mut tried = Tried::default();
    loop {
        let missing = match ebpf_build::find(root) {
            Ok(toolchain) => return Ok(toolchain),
            Err(missing) => missing,
        };
        let found = Found {
            compiler: missing.rustc.is_none(),
            linker: missing.linker.is_none(),
            rustup: which("rustup").is_some(),
            apt: which("apt-get").is_some(),
            packages_known: succeeds(Command::new("apt-cache").arg("show").args(PACKAGES)),
        };
        match decide(found, tried) {
            Step::AddComponent => {
                say("the standard library source is missing; asking rustup for it.");
                if let Err(error) = run_command(Command::new("rustup").args(["component", "add", "rust-src"]))
                {
                    say(format!("rustup could not deliver it, so another way is tried. {error}"));
                }
                tried.rustup = true;
            }
            Step::UpdatePackageLists => {
                say("the package lists of this machine may be old; fetching new ones.");
                if let Err(error) = run_command(&mut apt_get(&["update"])) {
                    say(format!("the package lists could not be fetched. {error}"));
                }
                tried.apt_update = true;
                tried.apt_install = false;
            }
            Step::InstallPackages => {
                say(format!("installing the distribution's packages {}.", PACKAGES.join(" and ")));
                let mut command = apt_get(&["install", "--yes", "--no-install-recommends"]);
                if let Err(error) = run_command(command.args(PACKAGES)) {
                    say(format!("the packages could not be installed. {error}"));
                }
                tried.apt_install = true;
            }
            Step::InstallLinker => {
                BPF_LINKER.install(root)?;
                tried.linker = true;
            }
            Step::GiveUp(reason) => bail!("{missing}\n{reason}"),
        }
    }
}

/// `apt-get` that asks no questions.
pub(crate) fn apt_get(args: &[&str]) -> Command {
    let mut command = as_root("env", "installing distribution packages needs root");
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(args);
    command
}

/// What this machine has.
#[derive(Debug, Clone, Copy)]
struct Found {
    /// A usable compiler with the library source.
    compiler: bool,
    /// The pinned bpf-linker.
    linker: bool,
    /// rustup is here.
    rustup: bool,
    /// apt-get is here.
    apt: bool,
    /// apt knows both packages.
    packages_known: bool,
}

/// What has been done already in this run.
#[derive(Debug, Clone, Copy, Default)]
struct Tried {
    rustup: bool,
    apt_update: bool,
    /// Since the last update of the lists.
    apt_install: bool,
    linker: bool,
}

/// The next thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    AddComponent,
    UpdatePackageLists,
    InstallPackages,
    InstallLinker,
    /// Nothing is left to try; the sentence says what a person has to do.
    GiveUp(String),
}

/// What to do next about the part that is missing. The caller has made sure that one is.
fn decide(found: Found, tried: Tried) -> Step {
    if !found.compiler {
        return decide_compiler(found, tried);
    }
    if tried.linker || found.linker {
        return Step::GiveUp(
            "bpf-linker was installed but does not run; try it with --version and mend what it says."
                .to_owned(),
        );
    }
    Step::InstallLinker
}

fn decide_compiler(found: Found, tried: Tried) -> Step {
    if found.rustup && !tried.rustup {
        return Step::AddComponent;
    }
    if found.apt {
        if found.packages_known && !tried.apt_install {
            return Step::InstallPackages;
        }
        // Either the packages are unknown, or the version in old lists can no longer be fetched.
        if !tried.apt_update {
            return Step::UpdatePackageLists;
        }
    }
    Step::GiveUp(format!(
        "Nothing on this machine could install the compiler part. Install one of these by hand and repeat: the rustup \
         component rust-src (https://rustup.rs), or your distribution's package of the standard library source for a \
         rustc with LLVM {LLVM_MAJOR} (Debian: {}).",
        PACKAGES.join(" and ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: Found =
        Found { compiler: false, linker: false, rustup: true, apt: true, packages_known: false };

    #[test]
    fn rustup_is_asked_first() {
        assert_eq!(decide(FRESH, Tried::default()), Step::AddComponent);
    }

    #[test]
    fn without_rustup_the_lists_are_fetched_and_then_the_packages() {
        let found = Found { rustup: false, ..FRESH };
        assert_eq!(decide(found, Tried::default()), Step::UpdatePackageLists);
        let found = Found { packages_known: true, ..found };
        let tried = Tried { apt_update: true, ..Tried::default() };
        assert_eq!(decide(found, tried), Step::InstallPackages);
    }

    #[test]
    fn known_packages_are_installed_without_fetching_lists() {
        let found = Found { packages_known: true, ..FRESH };
        assert_eq!(decide(found, Tried { rustup: true, ..Tried::default() }), Step::InstallPackages);
    }

    #[test]
    fn old_lists_are_fetched_anew_after_a_failed_installation_and_only_once() {
        let found = Found { packages_known: true, ..FRESH };
        let tried = Tried { rustup: true, apt_install: true, ..Tried::default() };
        assert_eq!(decide(found, tried), Step::UpdatePackageLists);
        let tried = Tried { apt_update: true, apt_install: true, ..tried };
        assert!(matches!(decide(found, tried), Step::GiveUp(text) if text.contains("rust-web-src")));
    }

    #[test]
    fn a_machine_without_apt_gets_a_sentence() {
        let found = Found { apt: false, ..FRESH };
        let step = decide(found, Tried { rustup: true, ..Tried::default() });
        assert!(matches!(step, Step::GiveUp(text) if text.contains("rust-src")));
    }

    #[test]
    fn packages_that_stay_unknown_end_the_search() {
        let tried = Tried { rustup: true, apt_update: true, ..Tried::default() };
        assert!(matches!(decide(FRESH, tried), Step::GiveUp(_)));
    }

    #[test]
    fn the_linker_comes_after_the_compiler_and_once() {
        let found = Found { compiler: true, ..FRESH };
        assert_eq!(decide(found, Tried::default()), Step::InstallLinker);
        assert!(matches!(decide(found, Tried { linker: true, ..Tried::default() }), Step::GiveUp(_)));
    }

    #[test]
    fn every_path_ends() {
        for bits in 0..32_u8 {
            let bit = |n: u8| bits & (1 << n) != 0;
            let mut found = Found {
                compiler: bit(0),
                linker: bit(1),
                rustup: bit(2),
                apt: bit(3),
                packages_known: bit(4),
            };
            if found.compiler && found.linker {
                continue;
            }
            let mut tried = Tried::default();
            // Nothing that is tried ever helps, except that new lists may know the packages.
            let steps = std::iter::from_fn(|| {
                let step = decide(found, tried);
                match step {
                    Step::AddComponent => tried.rustup = true,
                    Step::UpdatePackageLists => {
                        tried.apt_update = true;
                        tried.apt_install = false;
                        found.packages_known = true;
                    }
                    Step::InstallPackages => tried.apt_install = true,
                    Step::InstallLinker => tried.linker = true,
                    Step::GiveUp(_) => return None,
                }
                Some(step)
            });
            assert!(steps.take(10).count() <= 4, "{bits:#b}");
        }
    }
}
