//! The resource of a process, by the OpenTelemetry semantic conventions for resources.

use uuid::Uuid;

use super::{host::Host, language, process::ProcessFacts};
use crate::spans::span::{Key, Resource, Value};

/// The namespace that the conventions give for a `service.instance.id` made of an inherent id.
const INSTANCE_NAMESPACE: Uuid = Uuid::from_u128(0x4d63_009a_8d0f_11ee_aad7_4c79_6ed8_e320);

/// The resource of a process: what was found out, what Kubernetes knows of its pod, then the target's own `OTEL_RESOURCE_ATTRIBUTES`, then the
/// attributes of the configuration, each over the former. `service.name` follows [`ProcessFacts::service_name`].
///
/// * `service.instance.id` is the version 5 UUID, in the conventions' namespace, of host id, process id and start time
///   in clock ticks: each process is an instance, and it is the same one after the tracer restarts.
/// * `telemetry.sdk.name` is `tracer`, since `opentelemetry` is reserved for the SDKs of that project;
///   `telemetry.sdk.language` is the target's language where the executable leaves no doubt, else absent.
/// * `process.command_args` and `process.command_line` are left out: arguments hold secrets.
pub fn resource(facts: &ProcessFacts, host: &Host, configured: &[(Key, Value)]) -> Resource {
    let mut attributes = Vec::with_capacity(20 + configured.len());
    let text = |text: String| Value::Str(text.into());
    let name = facts.service_name();

    let id = instance_id(&host.seed, facts.pid, facts.start_ticks());
    put(&mut attributes, "service.instance.id", text(id));
    put(&mut attributes, "process.pid", Value::Int(i64::from(facts.pid)));
    if facts.parent_pid != 0 {
        put(&mut attributes, "process.parent_pid", Value::Int(i64::from(facts.parent_pid)));
    }
    let executable = facts.executable_name();
    if !executable.is_empty() {
        put(&mut attributes, "process.executable.name", text(executable));
    }
    if let Some(exe) = &facts.exe {
        put(&mut attributes, "process.executable.path", text(exe.to_string_lossy().into_owned()));
    }
    // A first argument with spaces is a title, which may have swallowed the other arguments.
    if let Some(command) =
        facts.args.first().filter(|arg| !arg.is_empty() && !arg.contains(char::is_whitespace))
    {
        put(&mut attributes, "process.command", text(super::otel_env::bounded(command.clone())));
    }
    if let Some(id) = &facts.container_id {
        put(&mut attributes, "container.id", text(id.clone()));
    }
    if let Some(name) = &facts.container_name {
        put(&mut attributes, "container.name", text(name.clone()));
    }
    let of_pod = facts.kubernetes.iter().flat_map(|container| &container.attributes);
    for (key, value) in of_pod {
        put(&mut attributes, key.clone(), text(value.clone()));
    }
    if let Some(name) = &host.name {
        put(&mut attributes, "host.name", Value::Shared(name.clone()));
    }
    if let Some(id) = &host.id {
        put(&mut attributes, "host.id", Value::Shared(id.clone()));
    }
    // Nothing is known of the host of a replayed recording.
    if !host.arch.is_empty() {
        put(&mut attributes, "host.arch", Value::Static(host.arch));
    }
    put(&mut attributes, "os.type", Value::Static("linux"));
    put(&mut attributes, "telemetry.sdk.name", Value::Static("tracer"));
    put(&mut attributes, "telemetry.sdk.version", Value::Static(env!("CARGO_PKG_VERSION")));
    if let Some(language) = language::of(facts) {
        put(&mut attributes, "telemetry.sdk.language", Value::Static(language));
    }
    for (key, value) in &facts.env.resource_attributes {
        put(&mut attributes, key.clone(), text(value.clone()));
    }
    // What made the telemetry is not for the target to say.
    put(&mut attributes, "telemetry.distro.name", Value::Static("tracer"));
    put(&mut attributes, "telemetry.distro.version", Value::Static(env!("CARGO_PKG_VERSION")));
    put(&mut attributes, "service.name", text(name.clone()));
    for (key, value) in configured {
        put(&mut attributes, key.clone(), value.clone());
    }
    Resource { service_name: name.into(), attributes }
}

/// What tells a process from every other one: its host by `seed`, its id, and when it started, in whatever unit.
pub(crate) fn instance_id(seed: &str, pid: u32, start: u64) -> String {
    let inherent = format!("{seed}/{pid}/{start}");
    Uuid::new_v5(&INSTANCE_NAMESPACE, inherent.as_bytes()).to_string()
}

/// Sets an attribute; keys stay unique.
fn put(attributes: &mut Vec<(Key, Value)>, key: impl Into<Key>, value: Value) {
    let key = key.into();
    match attributes.iter_mut().find(|(name, _)| *name == key) {
        Some((_, old)) => *old = value,
        None => attributes.push((key, value)),
    }
}
