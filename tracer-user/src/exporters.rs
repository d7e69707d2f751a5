//! The backends that a configuration and an environment name.

use std::{path::Path, time::Duration};

use tracer_otlp::{Settings, SettingsError, Signal, Storage};

use crate::{
    agent::{Backends, StartError},
    clock::{WallClock, monotonic_ns},
    config::{Config, Environment, TargetKind},
    export::{
        file::JsonFile,
        output::VERSION,
        target::{Encoding, MAIN, Target},
    },
    identity::Host,
    metrics::{Instance, Payload, Push},
};

/// Begins to deliver spans to every backend. None are started if one of them cannot be.
pub(crate) fn targets(config: &Config, environment: &Environment) -> Result<Vec<Target>, StartError> {
    let mut targets = Vec::new();
    if let Some(settings) = main_settings(Signal::Traces, config, environment)? {
        tracing::info!(endpoint = ?settings.endpoint, protocol = ?settings.protocol, "traces are exported by OTLP");
        targets.push(Target::backend(MAIN.to_owned(), Encoding::Otlp, stored(settings, MAIN, config))?);
    }
    for target in &config.export.targets {
        let name = target.name.clone();
        let encoding = match target.kind {
            TargetKind::Otlp => Encoding::Otlp,
            TargetKind::Zipkin => Encoding::Zipkin,
            TargetKind::Elasticsearch => Encoding::Elasticsearch(target.index.clone()),
            TargetKind::Influxdb => continue,
            TargetKind::File => {
                let file = JsonFile::open(&target.path, target.max_bytes, VERSION)
                    .map_err(|source| StartError::File { path: target.path.clone(), source })?;
                targets.push(Target::file(name, file));
                continue;
            }
        };
        let Some(mut settings) = target.settings()? else { continue };
        settings.queue.bytes = config.export.queue_bytes as usize;
        tracing::info!(endpoint = ?settings.endpoint, name, "traces are exported");
        let settings = stored(settings, &name, config);
        targets.push(Target::backend(name, encoding, settings)?);
    }
    Ok(targets)
}

/// How often the backend of `tracer run` hears how the daemon is.
const OWN_INTERVAL: Duration = Duration::from_secs(10);

/// Begins to push metrics to every backend that takes them, with its name.
pub(crate) fn pushes(
    config: &Config,
    environment: &Environment,
    backends: Backends,
) -> Result<Vec<(String, Push)>, StartError> {
    let interval = config.metrics.push_interval;
    let now_ns = monotonic_ns();
    let wall_ns = WallClock::now().wall_ns(now_ns);
    let instance = Instance::of_this_process(&Host::read(Path::new("/")), wall_ns);
    let start = |settings, payload, interval| {
        Push::start(settings, payload, interval, instance.clone(), now_ns, wall_ns)
    };
    let mut pushes = Vec::new();
    if backends == Backends::Own
        && let Some(settings) = main_settings(Signal::Metrics, config, environment)?
    {
        pushes.push((MAIN.to_owned(), start(settings, Payload::OtlpOwn, OWN_INTERVAL)?));
    }
    let influx = config.export.targets.iter().filter(|target| target.kind == TargetKind::Influxdb);
    if interval.is_zero() {
        for target in influx {
            tracing::warn!(
                name = target.name,
                "metrics.push_interval is not set: this backend of metrics gets none"
            );
        }
        return Ok(pushes);
    }
    if backends == Backends::Configured
        && let Some(settings) = main_settings(Signal::Metrics, config, environment)?
    {
        tracing::info!(endpoint = ?settings.endpoint, "metrics are pushed by OTLP");
        pushes.push((MAIN.to_owned(), start(settings, Payload::Otlp, interval)?));
    }
    for target in influx {
        let Some(settings) = target.settings()? else { continue };
        tracing::info!(endpoint = ?settings.endpoint, name = target.name, "metrics are pushed");
        pushes.push((target.name.clone(), start(settings, Payload::InfluxLines, interval)?));
    }
    if pushes.is_empty() {
        tracing::warn!("metrics.push_interval is set, but no OTLP endpoint for metrics: none are pushed");
    }
    Ok(pushes)
}

/// Settings of the backend of `[export.otlp]`, from flags, environment and file.
fn main_settings(
    signal: Signal,
    config: &Config,
    environment: &Environment,
) -> Result<Option<Settings>, SettingsError> {
    let variable = |name: &str| config.export.otlp.variable(environment, name);
    let Some(mut settings) = Settings::from_env(signal, &variable)? else { return Ok(None) };
    settings.queue.bytes = config.export.queue_bytes as usize;
    Ok(Some(settings))
}

/// With a queue on disk, where that is asked for. Metrics have none: each push says all that the one before said.
fn stored(mut settings: Settings, name: &str, config: &Config) -> Settings {
    let export = &config.export;
    let directory: &Path = &export.queue_dir;
    settings.storage = (!directory.as_os_str().is_empty())
        .then(|| Storage { directory: directory.join(name), bytes: export.queue_disk_bytes });
    settings
}
