//! What the daemon's build script does.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::compile::{EBPF_PACKAGE, Job, Verb, compile, target_triple};
use crate::toolchain::find;

/// Set to 1, the daemon is built with an empty kernel object and `cfg(ebpf_stub)`.
const STUB_VARIABLE: &str = "TRACER_EBPF_STUB";

/// The whole build script: leaves the kernel object at `OUT_DIR/tracer.bpf.o`, declares `cfg(ebpf_stub)` and sets it
/// in stub mode, and sets `TRACER_GIT` to the revision (`unknown` without git or in a debug build).
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "this is how a build script speaks to cargo")]
pub fn build_script() -> ExitCode {
    println!("cargo:rustc-check-cfg=cfg(ebpf_stub)");
    println!("cargo:rerun-if-env-changed={STUB_VARIABLE}");
    match run() {
        Ok(lines) => {
            for line in lines {
                println!("cargo:{line}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Does the work; returns the lines for cargo, without their `cargo:`.
fn run() -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let out_dir = PathBuf::from(std::env::var("OUT_DIR")?);
    let manifest_dir = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let workspace = manifest_dir.parent().ok_or("CARGO_MANIFEST_DIR has no parent directory.")?;
    let object = out_dir.join("tracer.bpf.o");

    let mut lines = revision(workspace);
    if std::env::var(STUB_VARIABLE).is_ok_and(|value| value == "1") {
        std::fs::write(&object, [])?;
        lines.push("rustc-cfg=ebpf_stub".to_owned());
        return Ok(lines);
    }

    for input in [EBPF_PACKAGE, "tracer-common"]
        .iter()
        .flat_map(|package| ["src", "Cargo.toml"].map(|part| workspace.join(package).join(part)))
    {
        lines.push(format!("rerun-if-changed={}", input.display()));
    }
    lines.push(format!("rerun-if-changed={}", workspace.join("Cargo.toml").display()));

    let toolchain = find(workspace)?;
    lines.push(format!("rerun-if-changed={}", toolchain.linker.display()));
    let target_dir = nested_target_dir(&out_dir);
    let job = Job {
        workspace,
        target_dir: &target_dir,
        arch: &std::env::var("CARGO_CFG_TARGET_ARCH")?,
        triple: target_triple(&std::env::var("CARGO_CFG_TARGET_ENDIAN")?),
    };
    let (built, warnings) = compile(&toolchain, &job, Verb::Build)?;
    std::fs::copy(&built, &object)
        .map_err(|error| format!("The kernel object {} could not be copied: {error}.", built.display()))?;
    lines.extend(warnings.into_iter().map(|warning| format!("warning={EBPF_PACKAGE}: {warning}")));
    Ok(lines)
}

/// One directory for the nested builds of every profile, so that `core` is compiled once: `ebpf` in the outer target
/// directory, which cargo marks with CACHEDIR.TAG.
fn nested_target_dir(out_dir: &Path) -> PathBuf {
    out_dir.ancestors().find(|dir| dir.join("CACHEDIR.TAG").is_file()).unwrap_or(out_dir).join("ebpf")
}

/// The short git revision for `tracer --version`. Only release builds look: otherwise every commit would compile the
/// daemon again while one works on it.
fn revision(workspace: &Path) -> Vec<String> {
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let revision = release.then(|| git(workspace, &["rev-parse", "--short=12", "HEAD"])).flatten();
    let mut lines = Vec::new();
    if revision.is_some()
        && let Some(log) = git(workspace, &["rev-parse", "--git-path", "logs/HEAD"])
    {
        // A path that does not exist would make cargo run this script every time.
        let log = workspace.join(log);
        if log.is_file() {
            lines.push(format!("rerun-if-changed={}", log.display()));
        }
    }
    lines.push(format!("rustc-env=TRACER_GIT={}", revision.as_deref().unwrap_or("unknown")));
    lines
}

/// What a git command prints; `None` if there is no git or no repository.
fn git(workspace: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git").current_dir(workspace).args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
