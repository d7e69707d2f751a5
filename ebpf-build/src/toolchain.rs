//! Finding a compiler with the standard library source, and `bpf-linker`.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The `bpf-linker` release that the project is built with. From 0.11 on it needs a system LLVM; this one uses the
/// LLVM that comes with rustc.
pub const BPF_LINKER_VERSION: &str = "0.10.1";

/// The LLVM major version that `bpf-linker` [`BPF_LINKER_VERSION`] speaks: it can read bitcode of no newer one.
pub const LLVM_MAJOR: u32 = 22;

/// A Rust compiler on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rustc {
    /// The executable.
    pub path: PathBuf,
    /// What `rustc --print sysroot` answers.
    pub sysroot: PathBuf,
    /// Major version of its LLVM; `None` if `rustc -vV` does not say.
    pub llvm_major: Option<u32>,
    /// The source of the standard library is under its sysroot.
    pub has_source: bool,
}

impl Rustc {
    /// Kernel programs can be compiled with it.
    pub fn is_usable(&self) -> bool {
        self.has_source && self.llvm_major == Some(LLVM_MAJOR)
    }

    /// Asks the compiler at `path` about itself; `None` if it does not run.
    fn ask(path: &Path) -> Option<Self> {
        let sysroot = PathBuf::from(stdout_of(path, &["--print", "sysroot"])?.trim());
        let llvm_major = llvm_major(&stdout_of(path, &["-vV"])?);
        // The lock file is what `-Z build-std` looks for.
        let has_source = sysroot.join("lib/rustlib/src/rust/library/Cargo.lock").is_file();
        Some(Self { path: path.to_owned(), sysroot, llvm_major, has_source })
    }
}

/// A `bpf-linker` on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linker {
    /// The executable.
    pub path: PathBuf,
    /// The version it states, for example `0.10.1`.
    pub version: String,
}

/// All that compiling the kernel object needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// A compiler with the standard library source.
    pub rustc: Rustc,
    /// `bpf-linker` of the pinned version.
    pub linker: PathBuf,
    /// Directory of the LLVM library that `bpf-linker` loads, if a compiler on this machine brings one.
    pub llvm_dir: Option<PathBuf>,
}

/// What stands in the way of compiling the kernel object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// No usable compiler: the compilers that were looked at.
    pub rustc: Option<Vec<Rustc>>,
    /// No usable linker: the linkers that were looked at.
    pub linker: Option<Vec<Linker>>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("The kernel programs cannot be compiled on this machine yet.")?;
        if let Some(seen) = &self.rustc {
            write!(f, " No Rust compiler with LLVM {LLVM_MAJOR} and the standard library source was found")?;
            for rustc in seen {
                let source = if rustc.has_source { "has the source" } else { "no source" };
                let llvm = rustc.llvm_major.map_or_else(|| "unknown".to_owned(), |major| major.to_string());
                write!(f, "; {}: {source}, LLVM {llvm}", rustc.path.display())?;
            }
            f.write_str(".")?;
        }
        if let Some(seen) = &self.linker {
            write!(f, " bpf-linker {BPF_LINKER_VERSION} was not found")?;
            for linker in seen {
                write!(f, "; {} is version {}", linker.path.display(), linker.version)?;
            }
            f.write_str(".")?;
        }
        f.write_str(
            " Run `cargo xtask setup`, which installs what is missing, or set TRACER_EBPF_STUB=1 to build without \
             kernel programs (enough for checks, unit tests and editors, not for tracing).",
        )
    }
}

impl std::error::Error for Missing {}

/// Where `cargo xtask setup` installs the tools that only this project uses.
pub fn tools_dir(workspace: &Path) -> PathBuf {
    workspace.join("target/tools")
}

/// Looks for the toolchain.
pub fn find(workspace: &Path) -> Result<Toolchain, Missing> {
    choose(rustcs(), linkers(workspace))
}

/// The choice among what was found: the first usable of each, in the order given.
fn choose(rustcs: Vec<Rustc>, linkers: Vec<Linker>) -> Result<Toolchain, Missing> {
    let rustc = rustcs.iter().find(|rustc| rustc.is_usable()).cloned();
    let linker =
        linkers.iter().find(|linker| linker.version == BPF_LINKER_VERSION).map(|linker| linker.path.clone());
    match (rustc, linker) {
        (Some(rustc), Some(linker)) => {
            // A distribution's compiler may use a system LLVM outside its sysroot; the workspace's compiler, first in
            // the list, then lends its own.
            let llvm_dir = std::iter::once(&rustc)
                .chain(rustcs.iter().filter(|other| other.llvm_major == Some(LLVM_MAJOR)))
                .map(|rustc| rustc.sysroot.join("lib"))
                .find(|dir| has_llvm(dir));
            Ok(Toolchain { rustc, linker, llvm_dir })
        }
        (rustc, linker) => Err(Missing {
            rustc: rustc.is_none().then_some(rustcs),
            linker: linker.is_none().then_some(linkers),
        }),
    }
}

/// Every Rust compiler that is reachable: the one that runs this build first, then those on PATH.
pub fn rustcs() -> Vec<Rustc> {
    let own = std::env::var_os("RUSTC").map(PathBuf::from);
    let mut found: Vec<Rustc> = Vec::new();
    for path in own.into_iter().chain(on_path("rustc")) {
        if let Some(rustc) = Rustc::ask(&path)
            && !found.iter().any(|other| other.sysroot == rustc.sysroot)
        {
            found.push(rustc);
        }
    }
    found
}

/// Every `bpf-linker` that is reachable: the project's own first, then those on PATH.
pub fn linkers(workspace: &Path) -> Vec<Linker> {
    let own = tools_dir(workspace).join("bin/bpf-linker");
    let mut found: Vec<Linker> = Vec::new();
    for path in std::iter::once(own).chain(on_path("bpf-linker")) {
        if found.iter().any(|other| other.path == path) {
            continue;
        }
        if let Some(version) = stdout_of(&path, &["--version"]).as_deref().and_then(linker_version) {
            found.push(Linker { path, version });
        }
    }
    found
}

/// Files called `name` in the directories of PATH.
fn on_path(name: &str) -> impl Iterator<Item = PathBuf> {
    let path: OsString = std::env::var_os("PATH").unwrap_or_default();
    let directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
    directories.into_iter().map(move |directory| directory.join(name)).filter(|file| file.is_file())
}

/// Standard output of a command that succeeds.
fn stdout_of(program: impl AsRef<OsStr>, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// `LLVM version: 22.1.2` in the output of `rustc -vV`.
fn llvm_major(verbose_version: &str) -> Option<u32> {
    let version = verbose_version.lines().find_map(|line| line.strip_prefix("LLVM version: "))?;
    version.split('.').next()?.trim().parse().ok()
}

/// `bpf-linker 0.10.1` in the output of `bpf-linker --version`.
fn linker_version(output: &str) -> Option<String> {
    output.split_whitespace().nth(1).map(str::to_owned)
}

/// An LLVM shared library lies in `dir`.
fn has_llvm(dir: &Path) -> bool {
    std::fs::read_dir(dir).is_ok_and(|entries| {
        entries.filter_map(Result::ok).any(|entry| entry.file_name().to_string_lossy().starts_with("libLLVM"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rustc(path: &str, llvm_major: u32, has_source: bool) -> Rustc {
        Rustc { path: path.into(), sysroot: "/none".into(), llvm_major: Some(llvm_major), has_source }
    }

    fn linker(path: &str, version: &str) -> Linker {
        Linker { path: path.into(), version: version.into() }
    }

    #[test]
    fn the_first_usable_of_each_is_chosen() {
        let toolchain = choose(
            vec![rustc("/a/rustc", 22, false), rustc("/b/rustc", 14, true), rustc("/c/rustc", 22, true)],
            vec![linker("/a/bpf-linker", "0.9.15"), linker("/b/bpf-linker", BPF_LINKER_VERSION)],
        )
        .expect("both are there");
        assert_eq!(toolchain.rustc.path, Path::new("/c/rustc"));
        assert_eq!(toolchain.linker, Path::new("/b/bpf-linker"));
        assert_eq!(toolchain.llvm_dir, None);
    }

    #[test]
    fn what_is_missing_is_named_with_what_was_seen() {
        let missing = choose(vec![rustc("/a/rustc", 21, true)], vec![linker("/x/bpf-linker", "0.11.0")])
            .expect_err("neither fits");
        let text = missing.to_string();
        for part in [
            "/a/rustc: has the source, LLVM 21",
            "/x/bpf-linker is version 0.11.0",
            "xtask setup",
            "TRACER_EBPF_STUB=1",
        ] {
            assert!(text.contains(part), "{part:?} is not in {text:?}");
        }
    }

    #[test]
    fn only_the_missing_part_is_reported() {
        let missing = choose(vec![rustc("/a/rustc", 22, true)], vec![]).expect_err("no linker");
        assert_eq!(missing, Missing { rustc: None, linker: Some(vec![]) });
        assert!(!missing.to_string().contains("No Rust compiler"));
    }

    #[test]
    fn versions_are_read_from_what_the_tools_print() {
        assert_eq!(llvm_major("rustc 1.95.0\nrelease: 1.95.0\nLLVM version: 22.1.2\n"), Some(22));
        assert_eq!(llvm_major("rustc 1.95.0\n"), None);
        assert_eq!(linker_version("bpf-linker 0.10.1\n").as_deref(), Some("0.10.1"));
        assert_eq!(linker_version(""), None);
    }
}
