//! The `tracer` binary.

use clap::Parser;

fn main() -> std::process::ExitCode {
    tracer_user::cli::run(tracer_user::cli::Cli::parse())
}
