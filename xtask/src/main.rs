//! The repository's commands: `cargo xtask <command>`. One file per command.
#![forbid(unsafe_code)]

mod bench;
mod build;
mod check;
mod package;
mod programs;
mod run;
mod setup;
mod shell;
mod test;
mod test_env;
mod tidy;
mod tools;
mod vm;
mod vm_test;
mod web;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Commands of the tracer repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_version_flag = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Install what compiling the kernel programs needs, if it is missing.
    Setup,
    /// Build the daemon with its kernel programs; leaves target/release/tracer.
    Build(build::Args),
    /// Build the page of the backend with npm; leaves web/dist, which `build` puts into the daemon.
    Web,
    /// Set up, build, check this host, and trace every service on it until Ctrl-C.
    Run(run::Args),
    /// Run every test that this machine can run, and say which were left out and why.
    Test(test::Args),
    /// Make a Debian package, an archive, checksums and a list of what is inside, in target/package/dist.
    Package(package::Args),
    /// Test the daemon on other kernels, in emulated machines.
    VmTest(vm_test::Args),
    /// Measure what tracing costs on this machine.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Check the house rules: file sizes, imports, unsafe code, forbidden words, links.
    Tidy,
    /// Formatting, clippy, tidy and dependency rules: what must pass before a commit.
    Check,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Setup => setup::run(),
        Command::Build(args) => build::run(args),
        Command::Web => web::run(),
        Command::Run(args) => run::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Package(args) => package::run(args),
        Command::VmTest(args) => vm_test::run(&args),
        Command::Bench(bench) => bench::run(&bench),
        Command::Tidy => tidy::run(),
        Command::Check => check::run(),
    };
    // Sentences, whatever RUST_BACKTRACE says: what went wrong is in another program's output above.
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            shell::say(shell::sentences(&error));
            ExitCode::FAILURE
        }
    }
}
