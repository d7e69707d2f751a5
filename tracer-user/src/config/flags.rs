//! The flags that change the configuration, shared by every command that traces.

use std::path::PathBuf;

/// Flags of a command; they win over the environment, which wins over the file.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Flags {
    /// Configuration file [default: /etc/tracer/tracer.toml, if it exists] [env: TRACER_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Trace only what matches, e.g. 'exe=/usr/bin/py*' or 'port=8000-8999,service=shop*'. May be repeated;
    /// replaces the include rules of the environment and the file
    #[arg(long, value_name = "RULE")]
    pub include: Vec<String>,
    /// Do not trace what matches, e.g. 'port=22'. May be repeated; replaces the exclude rules of the environment
    /// and the file
    #[arg(long, value_name = "RULE")]
    pub exclude: Vec<String>,
    /// Set any key of the configuration file, e.g. --set http.route_guess=false. May be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}
