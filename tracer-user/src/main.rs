//! The `tracer` binary.

use clap::Parser;

/// Every span takes some ten pieces of memory and gives them back milliseconds later.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    tracer_user::cli::run(tracer_user::cli::Cli::parse())
}
