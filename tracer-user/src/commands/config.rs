//! `tracer config`: what a configuration comes to.

use std::process::ExitCode;

use super::{print, say};
use crate::config::{self, Environment, Flags, effective};

/// Show or check the configuration, without starting anything.
#[derive(Debug, clap::Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Every key with its value in force, and where that comes from; values of headers are hidden
    Print(Sources),
    /// Say whether the configuration can be used; exit code 2 if not
    Check(Sources),
    /// The JSON schema of the configuration file
    Schema,
}

#[derive(Debug, clap::Args)]
struct Sources {
    #[command(flatten)]
    flags: Flags,
}

/// Prints what is asked for.
pub fn config(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    let environment = Environment::of_this_process();
    match &args.what {
        What::Print(Sources { flags }) => print(effective::print(flags, &environment)?)?,
        What::Check(Sources { flags }) => {
            let loaded = config::load(flags, &environment)?;
            for warning in &loaded.warnings {
                say(warning);
            }
            // What only the exporters judge.
            for target in &loaded.config.export.targets {
                target.settings()?;
            }
            let file = loaded.file.map_or_else(
                || "There is no configuration file, and the defaults".to_owned(),
                |file| format!("The configuration in {}", file.display()),
            );
            print(format!("{file} with environment and flags can be used.\n"))?;
        }
        What::Schema => print(serde_json::to_string_pretty(&effective::schema())? + "\n")?,
    }
    Ok(ExitCode::SUCCESS)
}
