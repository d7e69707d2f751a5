//! The nested cargo call that compiles the kernel object.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::toolchain::Toolchain;

/// The workspace package that holds the kernel programs; its one binary has the same name.
pub const EBPF_PACKAGE: &str = "tracer-ebpf";

/// What to do with the kernel programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Compile and link the object.
    Build,
    /// Lint only; warnings are errors.
    Clippy,
}

/// Why there is no kernel object.
#[derive(Debug)]
pub enum CompileError {
    /// The nested cargo did not start.
    Start(std::io::Error),
    /// The nested cargo ended with an error; its messages are already on standard error.
    Failed {
        /// Its exit code; `None` when a signal ended it.
        code: Option<i32>,
    },
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => write!(f, "cargo could not be started for the kernel programs: {error}."),
            Self::Failed { code } => {
                let code = code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
                write!(
                    f,
                    "Compiling the kernel programs ended with {code}; the messages above say where and why."
                )
            }
        }
    }
}

impl std::error::Error for CompileError {}

/// Which object is wanted, and where the work happens.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    /// Root of the workspace.
    pub workspace: &'a Path,
    /// Target directory of the nested cargo. It must not be the outer one, whose lock is held while build scripts run.
    pub target_dir: &'a Path,
    /// The CPU architecture that the programs will run on (`x86_64`), as in `CARGO_CFG_TARGET_ARCH`.
    pub arch: &'a str,
    /// Rust's name of the bpf target, see [`target_triple`].
    pub triple: &'a str,
}

/// The bpf target for a host of this byte order, as in `CARGO_CFG_TARGET_ENDIAN`.
pub fn target_triple(endian: &str) -> &'static str {
    if endian == "big" { "bpfeb-unknown-none" } else { "bpfel-unknown-none" }
}

/// Compiles (or lints) the kernel programs. Returns where the object is, and the warnings of the compiler.
pub fn compile(
    toolchain: &Toolchain,
    job: &Job<'_>,
    verb: Verb,
) -> Result<(PathBuf, Vec<String>), CompileError> {
    let mut command = command(toolchain, job, verb);
    let mut child =
        command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(CompileError::Start)?;
    let mut warnings = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            #[expect(
                clippy::print_stderr,
                reason = "the messages of the nested build are what the user has to read"
            )]
            {
                eprintln!("{line}");
            }
            if line.starts_with("warning: ") {
                warnings.push(line);
            }
        }
    }
    let status = child.wait().map_err(CompileError::Start)?;
    if !status.success() {
        return Err(CompileError::Failed { code: status.code() });
    }
    Ok((job.target_dir.join(job.triple).join("release").join(EBPF_PACKAGE), warnings))
}

/// The nested cargo call.
fn command(toolchain: &Toolchain, job: &Job<'_>, verb: Verb) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    for (name, _) in std::env::vars_os() {
        if is_of_outer_build(&name) {
            command.env_remove(name);
        }
    }
    let flags: Vec<OsString> = vec![
        // BTF is made from the debug information.
        "-Cdebuginfo=2".into(),
        "-Clink-arg=--btf".into(),
        format!("--cfg=bpf_target_arch=\"{}\"", job.arch).into(),
        {
            let mut flag = OsString::from("-Clinker=");
            flag.push(&toolchain.linker);
            flag
        },
    ];
    command
        .current_dir(job.workspace)
        .arg(match verb {
            Verb::Build => "build",
            Verb::Clippy => "clippy",
        })
        .args(["--release", "--package", EBPF_PACKAGE, "--target", job.triple, "-Z", "build-std=core"])
        .arg("--target-dir")
        .arg(job.target_dir)
        .args(if verb == Verb::Clippy { ["--", "-Dwarnings"].as_slice() } else { &[] })
        // Opens -Z build-std on a stable toolchain.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC", &toolchain.rustc.path)
        // 0x1f is how cargo separates flags in this variable, which beats every other source of flags.
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join(OsStr::new("\u{1f}")));
    if let Some(dir) = &toolchain.llvm_dir {
        // bpf-linker looks for the LLVM library here first.
        let inherited = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        let all = std::iter::once(dir.clone()).chain(std::env::split_paths(&inherited));
        if let Ok(value) = std::env::join_paths(all) {
            command.env("LD_LIBRARY_PATH", value);
        }
    }
    command
}

/// Variables that cargo or its user set for the outer build and that would change the nested one: flags, wrappers and
/// profiles of the host. Network, registry and home settings stay.
fn is_of_outer_build(name: &OsStr) -> bool {
    const NAMES: [&str; 12] = [
        "RUSTC",
        "RUSTDOC",
        "RUSTFLAGS",
        "RUSTDOCFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_LINKER",
        "TARGET",
        "HOST",
        "OUT_DIR",
        "PROFILE",
        "CLIPPY_ARGS",
    ];
    const PREFIXES: [&str; 11] = [
        "CARGO_CFG_",
        "CARGO_FEATURE_",
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BUILD_",
        "CARGO_TARGET_",
        "CARGO_PROFILE_",
        "CARGO_UNSTABLE_",
        "CARGO_ENCODED_",
        "CARGO_PRIMARY_",
        "CARGO_INCREMENTAL",
    ];
    name.to_str()
        .is_some_and(|name| NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_the_host_do_not_reach_the_kernel_build() {
        for name in
            ["RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_TARGET_DIR", "CARGO_CFG_TARGET_ARCH", "OUT_DIR"]
        {
            assert!(is_of_outer_build(OsStr::new(name)), "{name}");
        }
        for name in [
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "CARGO_HTTP_PROXY",
            "PATH",
            "RUSTUP_TOOLCHAIN",
            "CARGO_MAKEFLAGS",
        ] {
            assert!(!is_of_outer_build(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn the_byte_order_of_the_host_chooses_the_target() {
        assert_eq!(target_triple("little"), "bpfel-unknown-none");
        assert_eq!(target_triple("big"), "bpfeb-unknown-none");
    }
}
