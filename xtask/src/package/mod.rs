//! `cargo xtask package`: what people install: a Debian package, an archive, checksums, a list of what is inside.

mod sbom;
mod try_out;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::build;
use crate::shell::{cargo, run as run_command, say};
use crate::tools::CARGO_DEB;
use crate::workspace::{Profile, Workspace};

/// Shells, and the names under which each looks for completions.
const COMPLETIONS: [(&str, &str); 3] = [("bash", "tracer.bash"), ("zsh", "_tracer"), ("fish", "tracer.fish")];

/// What else is in the archive, from the root of the workspace.
const FILES: [&str; 6] = [
    "deploy/tracer.service",
    "deploy/environment",
    "deploy/tracer.example.toml",
    "deploy/README.md",
    "LICENSE-APACHE",
    "LICENSE-GPL",
];

/// Options of `cargo xtask package`.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct Args {
    /// Package a build without optimisation: quick to make, to try packaging out.
    #[arg(long)]
    debug: bool,
    /// Install the Debian package into a clean Debian root afterwards, and start the service's command there (root).
    #[arg(long)]
    try_out: bool,
}

/// `cargo xtask package`: leaves everything in target/package/dist.
pub(crate) fn run(args: Args) -> Result<()> {
    let workspace = Workspace::find()?;
    let profile = if args.debug { Profile::Debug } else { Profile::Release };
    let deb = make(&workspace, profile)?;
    if args.try_out { try_out::try_out(&workspace, &deb) } else { Ok(()) }
}

/// Makes everything, and returns where the Debian package is.
fn make(workspace: &Workspace, profile: Profile) -> Result<PathBuf> {
    let daemon = build::build(workspace, profile)?;
    // Not below what cargo is told to build into: the package's list of files names this directory.
    let folder = workspace.root().join("target/package");
    let dist = folder.join("dist");
    for directory in [&folder.join("man"), &folder.join("completions"), &dist] {
        let _ = fs::remove_dir_all(directory);
        fs::create_dir_all(directory).with_context(|| format!("{} cannot be made.", directory.display()))?;
    }
    run_command(Command::new(&daemon).arg("manual").arg(folder.join("man")))?;
    for (shell, file) in COMPLETIONS {
        let output = Command::new(&daemon).args(["completions", shell]).output()?;
        anyhow::ensure!(output.status.success(), "`tracer completions {shell}` failed.");
        fs::write(folder.join("completions").join(file), output.stdout)?;
    }
    let name = format!("tracer-{}-{}-linux", version(workspace)?, std::env::consts::ARCH);
    let bill = serde_json::to_string_pretty(&sbom::of_the_daemon(workspace)?)? + "\n";
    fs::write(dist.join(format!("{name}.cdx.json")), bill)?;
    archive(workspace, &daemon, &folder, &name)?;
    let deb = debian(workspace, profile, &dist)?;
    checksums(&dist)?;
    say(format!("the packages are in {}.", dist.display()));
    Ok(deb)
}

fn version(workspace: &Workspace) -> Result<String> {
    let mut packages = workspace.metadata.packages.iter();
    let package = packages.find(|package| package.name.as_str() == "tracer-user");
    Ok(package.context("The workspace has no package tracer-user.")?.version.to_string())
}

/// When the sources were committed, in seconds since 1970: archives of the same sources are the same to the byte.
fn committed(root: &Path) -> String {
    let output = Command::new("git").current_dir(root).args(["log", "-1", "--format=%ct"]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok().filter(|text| text.parse::<u64>().is_ok()).unwrap_or_else(|| "0".to_owned())
}

fn archive(workspace: &Workspace, daemon: &Path, folder: &Path, name: &str) -> Result<()> {
    let stage = folder.join(name);
    let _ = fs::remove_dir_all(&stage);
    fs::create_dir_all(&stage)?;
    run_command(Command::new("strip").arg("-o").arg(stage.join("tracer")).arg(daemon))?;
    for file in FILES {
        run_command(Command::new("cp").arg(workspace.root().join(file)).arg(&stage))?;
    }
    for directory in ["man", "completions"] {
        run_command(Command::new("cp").arg("-r").arg(folder.join(directory)).arg(&stage))?;
    }
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(folder).args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner"]);
    tar.arg("--mode=u+w,go-w").arg(format!("--mtime=@{}", committed(workspace.root())));
    // Without the time of compression.
    tar.args(["-I", "gzip -n", "-cf"]).arg(folder.join("dist").join(format!("{name}.tar.gz"))).arg(name);
    run_command(&mut tar)?;
    fs::remove_dir_all(stage)?;
    Ok(())
}

fn debian(workspace: &Workspace, profile: Profile, dist: &Path) -> Result<PathBuf> {
    let program = CARGO_DEB.path(workspace.root());
    if !program.is_file() {
        CARGO_DEB.install(workspace.root())?;
    }
    let mut command = Command::new(program);
    command.current_dir(workspace.root()).env("SOURCE_DATE_EPOCH", committed(workspace.root()));
    command.env("CARGO", cargo(workspace.root()).get_program());
    command.args(["--no-build", "--package", "tracer-user", "--output"]).arg(dist);
    command.args(["--profile", if profile == Profile::Release { "release" } else { "dev" }]);
    run_command(&mut command)?;
    let mut made = fs::read_dir(dist)?.flatten().map(|entry| entry.path());
    made.find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .context("cargo-deb succeeded, but left no package.")
}

/// SHA256SUMS, as sha256sum(1) checks it.
fn checksums(dist: &Path) -> Result<()> {
    let mut names: Vec<_> = fs::read_dir(dist)?.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    let output = Command::new("sha256sum").current_dir(dist).arg("--").args(&names).output()?;
    anyhow::ensure!(output.status.success(), "sha256sum cannot read what is in {}.", dist.display());
    fs::write(dist.join("SHA256SUMS"), output.stdout)?;
    Ok(())
}
