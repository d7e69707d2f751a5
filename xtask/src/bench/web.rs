//! `cargo xtask bench web`: how long the page takes to be there, in a real browser.

use std::path::PathBuf;

use anyhow::Result;

use crate::build;
use crate::shell::run as run_command;
use crate::test_env;
use crate::web;
use crate::workspace::{Profile, Workspace};

/// Options of `cargo xtask bench web`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Measure the page of this `tracer` instead of building one.
    #[arg(long, value_name = "PATH")]
    daemon: Option<PathBuf>,
    /// Loads of each view.
    #[arg(long, default_value_t = 9)]
    rounds: u32,
}

/// `cargo xtask bench web`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::find()?;
    let root = workspace.root();
    web::check_tools()?;
    let chromium = test_env::chromium()?;
    let daemon = match &args.daemon {
        Some(path) => path.canonicalize()?,
        None => build::build(&workspace, Profile::Release)?,
    };
    web::install(root)?;
    let mut command = web::npm(root);
    command.args(["run", "--silent", "load"]).env("TRACER_BIN", daemon).env("CHROMIUM", chromium);
    run_command(command.env("TRACER_WEB_ROUNDS", args.rounds.to_string()))
}
