//! The command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{
    agent::StartError,
    commands::{
        self, agent::AgentArgs, check::CheckArgs, completions::CompletionsArgs, config::ConfigArgs,
        exec::ExecArgs, manual::ManualArgs, record::RecordArgs, replay::ReplayArgs, run::RunArgs,
        server::ServerArgs, status::StatusArgs, tail::TailArgs,
    },
    config::ConfigError,
    kernel::propagation::ProbeArgs,
};

/// Distributed traces of every service on this host, without touching one of them.
///
/// The kernel tells what requests go through the sockets of running processes; tracer makes them into OpenTelemetry
/// traces. No code change, no restart, nothing injected.
#[derive(Debug, Parser)]
#[command(name = "tracer", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<RunArgs>),
    Agent(AgentArgs),
    Server(Box<ServerArgs>),
    Tail(TailArgs),
    Exec(ExecArgs),
    Status(StatusArgs),
    Check(CheckArgs),
    Config(ConfigArgs),
    Record(RecordArgs),
    Replay(ReplayArgs),
    Completions(CompletionsArgs),
    #[command(hide = true)]
    Manual(ManualArgs),
    /// The client of the self-test of written trace context; started by the tracer itself.
    #[command(hide = true)]
    PropagationProbe(ProbeArgs),
}

/// Runs a command. The exit code is the command's, 2 for a configuration that makes no sense, 1 for any other failure.
pub fn run(cli: Cli) -> ExitCode {
    let result = match cli.command {
        Command::Run(args) => commands::run::run(*args),
        Command::Agent(args) => commands::agent::agent(args),
        Command::Server(args) => commands::server::server(*args),
        Command::Tail(args) => commands::tail::tail(args),
        Command::Exec(args) => commands::exec::exec(&args),
        Command::Status(args) => commands::status::status(&args),
        Command::Check(args) => commands::check::check(&args),
        Command::Config(args) => commands::config::config(&args),
        Command::Record(args) => commands::record::record(&args),
        Command::Replay(args) => commands::replay::replay(&args),
        Command::Completions(args) => commands::completions::completions(args),
        Command::Manual(args) => commands::manual::manual(&args),
        Command::PropagationProbe(args) => commands::propagation_probe(args),
    };
    result.unwrap_or_else(|error| {
        commands::say(format_args!("tracer: {error:#}"));
        let misconfigured = error.is::<ConfigError>()
            || error.downcast_ref::<StartError>().is_some_and(StartError::is_configuration);
        ExitCode::from(if misconfigured { ConfigError::EXIT_CODE } else { 1 })
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
