//! `tracer exec -- CMD`: run a command and trace only it and its children.

use std::{
    ffi::OsString,
    os::unix::process::ExitStatusExt,
    process::{Command, ExitCode, ExitStatus},
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use anyhow::Context;

use super::configure;
use crate::{
    agent::{Agent, Backends, Options, stop_flag, terminal_style},
    config::{Environment, Flags},
    export::output::Show,
};

/// Traces of a command's last requests may need this long to be complete.
const AFTERMATH: Duration = Duration::from_millis(100);

/// Run a command and trace only it and its children.
///
/// Traces are printed on standard error as trees (and exported by OTLP if an endpoint is set); standard output stays the
/// command's. Ends with the command's exit code.
#[derive(Debug, clap::Args)]
pub struct ExecArgs {
    #[command(flatten)]
    flags: Flags,
    /// OTLP/JSON, one line for each span, instead of trees
    #[arg(long)]
    json: bool,
    /// Show why each span has its parent
    #[arg(long)]
    evidence: bool,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Runs the command to its end.
pub fn exec(args: &ExecArgs) -> anyhow::Result<ExitCode> {
    let environment = Environment::of_this_process();
    let mut config = configure(&args.flags, &environment)?;
    // Printing is this command's own matter.
    config.export.print = crate::config::Print::Never;
    let stop = stop_flag()?;
    let mut agent = Agent::start(&Options {
        config,
        environment,
        only_selected: true,
        socket: None,
        backends: Backends::Configured,
        keep: None,
    })?;
    let mut style = terminal_style(&std::io::stderr());
    style.evidence = args.evidence;
    let show = if args.json { Show::JsonLines } else { Show::Trees(style) };
    agent.output().print(Box::new(std::io::stderr()), show);
    // The mark is inherited at fork, so the child has it before its first instruction. The daemon's own sockets stay untraced.
    agent.select(std::process::id())?;

    let program = &args.command[0];
    let mut child = Command::new(program)
        .args(&args.command[1..])
        .spawn()
        .with_context(|| format!("The command '{}' cannot be started", program.to_string_lossy()))?;
    let mut status: Option<ExitStatus> = None;
    let mut end: Option<Instant> = None;
    agent.run(|| {
        if status.is_none() {
            status = child.try_wait().ok().flatten();
            if status.is_some() || stop.load(Ordering::Relaxed) {
                end = Some(Instant::now() + AFTERMATH);
            }
        }
        end.is_some_and(|end| Instant::now() >= end)
    });
    super::agent::summarise(&agent.finish());
    // Interrupted: the terminal's signal went to the command too.
    let status = match status {
        Some(status) => status,
        None => child.wait()?,
    };
    Ok(exit_code(status))
}

/// The command's own code, or 128 + signal as shells have it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_signals_are_passed_on() {
        assert_eq!(exit_code(ExitStatus::from_raw(3 << 8)), ExitCode::from(3));
        assert_eq!(exit_code(ExitStatus::from_raw(9)), ExitCode::from(137));
    }
}
