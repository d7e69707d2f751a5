//! The configuration: `/etc/tracer/tracer.toml`, environment variables and flags, in rising order of weight.
//!
//! `deploy/tracer.example.toml` documents every key. The file is parsed with `toml` itself because the layering crates
//! (`figment`, `config`) lose the line and column on which their errors should be reported. Everything here is a
//! function of a text, an [`Environment`] and [`Flags`]; only [`load`] opens a file.

mod context;
#[cfg(test)]
mod context_tests;
pub mod effective;
mod environment;
mod error;
mod file;
mod flags;
pub mod keys;
mod kubernetes;
mod metrics;
mod obi;
mod otlp;
mod overlay;
mod pattern;
mod policies;
mod redact;
pub mod reload;
mod remote_sampling;
mod sampling;
#[cfg(test)]
mod sampling_tests;
mod sections;
mod security;
mod select;
#[cfg(test)]
mod select_tests;
mod tail;
mod targets;
#[cfg(test)]
mod tests;
mod traces;
mod validate;

use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use self::{
    context::Context,
    environment::Environment,
    error::{ConfigError, Place},
    flags::Flags,
    kubernetes::Kubernetes,
    metrics::{Family, Metrics},
    otlp::Otlp,
    pattern::{PathPattern, PatternError, PortRange, TextPattern},
    policies::{Code, Composite, LearnedLatency, Rare},
    redact::Redact,
    remote_sampling::RemoteSampling,
    sampling::{Choice, ForceAttribute, Root, Sampling, SamplingRule},
    sections::{
        Capture, Export, Http, Level, Log, Print, Propagation, ResourceSection, Routes, Streams, Tls,
    },
    security::Security,
    select::{PortFilter, Rule, Select, SkipReason, Verdict},
    tail::{Policy, PolicyKind, Tail},
    targets::{Target, TargetKind},
    traces::{EventLoops, OfInstrumented, Traces},
};
use self::{file::Document, overlay::Settings};

/// The file that is read where none is named; it need not exist.
pub const DEFAULT_FILE: &str = "/etc/tracer/tracer.toml";

/// The variable that names another file.
pub const FILE_VARIABLE: &str = "TRACER_CONFIG";

/// The whole configuration, complete and checked.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What is traced.
    pub select: Select,
    /// What the kernel programs copy.
    pub capture: Capture,
    /// Whether TLS connections are read.
    pub tls: Tls,
    /// How HTTP becomes spans.
    pub http: Http,
    /// What is never sent.
    pub redact: Redact,
    /// Which headers say where a request comes from.
    pub context: Context,
    /// Which requests get a header.
    pub propagation: Propagation,
    /// How requests find their causes.
    pub traces: Traces,
    /// Which traces are kept.
    pub sampling: Sampling,
    /// Where SDKs ask what to keep.
    pub remote_sampling: RemoteSampling,
    /// Where spans go.
    pub export: Export,
    /// Metrics for Prometheus.
    pub metrics: Metrics,
    /// What is known of every process.
    pub resource: ResourceSection,
    /// What Kubernetes knows of processes.
    pub kubernetes: Kubernetes,
    /// What the daemon gives up.
    pub security: Security,
    /// What the daemon says of itself.
    pub log: Log,
}

/// A configuration and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// Sentences about what is probably not meant but does no harm.
    pub warnings: Vec<String>,
}

/// Reads the file that the flags or the environment name, else the default one if it exists, and lays the
/// environment and the flags over it.
pub fn load(flags: &Flags, env: &Environment) -> Result<Loaded, ConfigError> {
    let source = source(flags, env)?;
    let file = source.as_ref().map(|(path, text)| (path.as_path(), text.as_str()));
    let config = combine(file, flags, env)?;
    Ok(Loaded { config, file: source.map(|(path, _)| path), warnings: warnings(env) })
}

/// The file that is read and its text, if there is one.
fn source(flags: &Flags, env: &Environment) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let named = flags.config.clone().or_else(|| env.get(FILE_VARIABLE).map(PathBuf::from));
    let optional = named.is_none();
    let path = named.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    match file::read(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(ConfigError::Unreadable { source, .. })
            if optional && source.kind() == std::io::ErrorKind::NotFound =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The configuration of a text (with the path it is reported under), an environment and flags.
pub fn combine(file: Option<(&Path, &str)>, flags: &Flags, env: &Environment) -> Result<Config, ConfigError> {
    let document = file.map(|(path, text)| Document::parse(path, text)).transpose()?;
    let table = document.as_ref().map(Document::table).unwrap_or_default();
    let mut settings = Settings { table, origins: Vec::new() };
    settings.add_environment(env)?;
    settings.add_flags(flags)?;

    // Every part was read alone before; together they can only fail where that check has a hole.
    let mut config: Config = settings.table.clone().try_into().map_err(|error| ConfigError::Malformed {
        place: Place::Default,
        reason: format!("the settings do not fit together: {}.", error.message()),
    })?;
    let from_flags = settings.origins.iter().filter(|(_, place)| matches!(place, Place::Flag(_)));
    config.export.otlp.by_flag =
        from_flags.map(|(key, _)| key.path).filter(|path| path.starts_with("export.otlp.")).collect();

    let Some(problem) = validate::first_problem(&config) else { return Ok(config) };
    let set_outside = |name: &str| {
        let owner = keys::owner(name)?;
        let (_, place) = settings.origins.iter().rev().find(|(key, _)| *key == owner)?;
        Some((place.clone(), problem.value.clone()))
    };
    let set_in_file = |name: &str| {
        let (place, written) = document.as_ref()?.locate(name)?;
        let as_written = name == problem.key && problem.reason.is_empty();
        Some((place, if as_written { written } else { problem.value.clone() }))
    };
    let (place, value) = std::iter::once(problem.key.as_str())
        .chain(problem.also.iter().copied())
        .find_map(|name| set_outside(name).or_else(|| set_in_file(name)))
        .unwrap_or_else(|| (Place::Default, problem.value.clone()));
    Err(bad_value(place, &problem.key, &value, problem.reason))
}

/// The error for a value, with what the key takes instead.
fn bad_value(place: Place, key: &str, value: &str, message: &str) -> ConfigError {
    const LONGEST_VALUE: usize = 80;
    let secret = key.starts_with("export.otlp.headers")
        || key.starts_with("export.targets") && key.contains(".headers");
    let mut value: String = if secret {
        "this value (not shown)".to_owned()
    } else {
        value.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    if let Some((cut, _)) = value.char_indices().nth(LONGEST_VALUE) {
        value.truncate(cut);
        value.push_str("...");
    }
    // What serde says of a wrong type names Rust types; `expects` says the same in words.
    let of_serde = ["invalid type", "invalid value", "unknown variant", "data did not match"];
    let reason = if secret || of_serde.iter().any(|start| message.starts_with(start)) { "" } else { message };
    let expects = match keys::owner(key) {
        Some(key) => key.expects.to_owned(),
        None => format!("a section with the keys {}", keys::names_below(key).join(", ")),
    };
    ConfigError::BadValue {
        place,
        key: key.to_owned(),
        value,
        reason: reason.into(),
        expects: expects.into(),
    }
}

/// Variables that look like a mistyped one of ours. Others that start with TRACER_ are left alone: Kubernetes makes
/// such names from a service called "tracer".
fn warnings(env: &Environment) -> Vec<String> {
    let known =
        || keys::KEYS.iter().map(|key| key.env).filter(|name| !name.is_empty()).chain([FILE_VARIABLE]);
    let mistyped =
        env.names().filter(|name| name.starts_with("TRACER_") && !known().any(|known| known == *name));
    let near = mistyped.filter_map(|name| Some((name, keys::nearest_above(0.85, name, known())?)));
    near.map(|(name, meant)| {
        format!("The environment variable {name} is not known and has no effect. Did you mean {meant}?")
    })
    .collect()
}
