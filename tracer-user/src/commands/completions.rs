//! `tracer completions`: what a shell has to know to complete the command line.

use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::Cli;

/// Print the completions of a shell.
///
/// Packages install them. By hand, for bash: tracer completions bash > /usr/share/bash-completion/completions/tracer
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Prints the completions on standard output.
pub fn completions(args: CompletionsArgs) -> anyhow::Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tracer", &mut text);
    super::print_bytes(&text)?;
    Ok(ExitCode::SUCCESS)
}
