//! Variables of OpenTelemetry eBPF Instrumentation (OBI, `OTEL_EBPF_*`) and of Grafana Beyla (`BEYLA_*`), and those of the OpenTelemetry
//! specification that are written in another way than ours: each stands for one of ours where that is not set.
//!
//! Source: OBI's documentation, "Configuration options", v0.12. `docs/migrating.md` has the same table.

use super::environment::Environment;

/// A variable of another tool, ours, and how its value becomes one of ours; `None` where it has no counterpart.
type Alias = (&'static str, &'static str, fn(&str) -> Option<String>);

/// In front of OBI's names, and of Beyla's for the same.
const PREFIXES: [&str; 2] = ["OTEL_EBPF_", "BEYLA_"];

/// What stands for what, by the name behind the prefix.
const ALIASES: [Alias; 9] = [
    ("LOG_LEVEL", "TRACER_LOG_LEVEL", |value| Some(value.to_lowercase())),
    ("PROMETHEUS_PORT", "TRACER_METRICS_LISTEN", |port| (port != "0").then(|| format!("0.0.0.0:{port}"))),
    ("METRICS_INTERVAL", "TRACER_METRICS_PUSH_INTERVAL", |value| Some(value.to_owned())),
    ("METRICS_FEATURES", "TRACER_METRICS_FAMILIES", |value| Some(families(value))),
    ("TRACE_PRINTER", "TRACER_EXPORT_PRINT", printer),
    ("BPF_HTTP_REQUEST_TIMEOUT", "TRACER_HTTP_MAX_REQUEST_AGE", |value| Some(value.to_owned())),
    ("BPF_CONTEXT_PROPAGATION", "TRACER_PROPAGATION_ENABLED", |value| {
        Some(value.split(',').any(|way| matches!(way.trim(), "all" | "headers" | "http")).to_string())
    }),
    ("OTLP_TRACES_BATCH_MAX_SIZE", "TRACER_EXPORT_BATCH_SPANS", |value| Some(value.to_owned())),
    ("OTLP_TRACES_BATCH_TIMEOUT", "TRACER_EXPORT_BATCH_DELAY", |value| Some(value.to_owned())),
];

/// The same for variables of the OpenTelemetry specification ("Environment Variable Specification").
const STANDARD: [Alias; 3] = [
    // Milliseconds.
    ("OTEL_METRIC_EXPORT_INTERVAL", "TRACER_METRICS_PUSH_INTERVAL", |value| Some(format!("{value}ms"))),
    ("OTEL_METRICS_EXEMPLAR_FILTER", "TRACER_METRICS_EXEMPLARS", |value| {
        Some((value != "always_off").to_string())
    }),
    ("OTEL_LOG_LEVEL", "TRACER_LOG_LEVEL", |value| Some(value.to_lowercase())),
];

/// What selects processes: several variables that one rule is made of.
const SELECTION: [&str; 3] = ["AUTO_TARGET_EXE", "OPEN_PORT", "TARGET_PID"];
const INCLUDE: &str = "TRACER_INCLUDE";

fn families(features: &str) -> String {
    let family = |feature: &str| match feature.trim() {
        "application" => Some("http"),
        "application_service_graph" => Some("service_graph"),
        "application_span" => Some("span_metrics"),
        _ => None,
    };
    features.split(',').filter_map(family).collect::<Vec<_>>().join(",")
}

fn printer(printer: &str) -> Option<String> {
    match printer {
        "disabled" => Some("never".to_owned()),
        "text" => Some("always".to_owned()),
        _ => None,
    }
}

/// The environment with ours in place of theirs.
pub(super) fn translated(env: &Environment) -> Environment {
    let mut translated = env.clone();
    let mut add = |theirs: &str, ours: &'static str, value: Option<String>| {
        if let Some(value) = value.filter(|_| translated.get(ours).is_none()) {
            translated.stand_in(ours, theirs, value);
        }
    };
    for prefix in PREFIXES {
        if let Some((theirs, rules)) = selection(env, prefix) {
            add(&theirs, INCLUDE, Some(rules));
        }
        for (name, ours, convert) in ALIASES {
            let theirs = format!("{prefix}{name}");
            if let Some(value) = env.get(&theirs) {
                add(&theirs, ours, convert(value));
            }
        }
    }
    for (theirs, ours, convert) in STANDARD {
        if let Some(value) = env.get(theirs) {
            add(theirs, ours, convert(value));
        }
    }
    translated
}

/// A rule for each port, or one without: OBI wants all of its criteria to hold.
fn selection(env: &Environment, prefix: &str) -> Option<(String, String)> {
    let [exe, ports, pid] = SELECTION.map(|name| env.get(&format!("{prefix}{name}")));
    let both: Vec<String> = [("exe", exe), ("pid", pid)]
        .into_iter()
        .filter_map(|(field, value)| Some(format!("{field}={}", value?)))
        .collect();
    let rules: Vec<String> = match ports {
        Some(ports) => {
            let ports = ports.split(',').map(str::trim).filter(|port| !port.is_empty());
            ports
                .map(|port| {
                    both.iter().cloned().chain([format!("port={port}")]).collect::<Vec<_>>().join(",")
                })
                .collect()
        }
        None => vec![both.join(",")],
    };
    let rules = rules.join(";");
    let names = SELECTION.into_iter().map(|name| format!("{prefix}{name}"));
    let set: Vec<String> = names.filter(|name| env.get(name).is_some()).collect();
    (!rules.is_empty()).then(|| (set.join(", "), rules))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Flags, combine};

    const DOCS: &str = include_str!("../../../docs/migrating.md");

    fn with(variables: &[(&str, &str)]) -> Result<Config, String> {
        let env: Environment = variables.iter().copied().collect();
        combine(None, &Flags::default(), &env).map_err(|error| error.to_string())
    }

    #[test]
    fn each_variable_of_the_documentation_does_something() {
        let defaults = Config::default();
        for (name, value) in [
            ("LOG_LEVEL", "DEBUG"),
            ("PROMETHEUS_PORT", "9999"),
            ("METRICS_INTERVAL", "7s"),
            ("METRICS_FEATURES", "application,application_span,network"),
            ("TRACE_PRINTER", "text"),
            ("BPF_HTTP_REQUEST_TIMEOUT", "30s"),
            ("BPF_CONTEXT_PROPAGATION", "headers,tcp"),
            ("OTLP_TRACES_BATCH_MAX_SIZE", "100"),
            ("OTLP_TRACES_BATCH_TIMEOUT", "1s"),
            ("AUTO_TARGET_EXE", "*/shop*"),
            ("OPEN_PORT", "8080,8090-8099"),
            ("TARGET_PID", "77"),
        ] {
            for prefix in PREFIXES {
                let config = with(&[(&format!("{prefix}{name}"), value)]).unwrap();
                assert_ne!(config, defaults, "{prefix}{name}");
            }
            assert!(DOCS.contains(&format!("`OTEL_EBPF_{name}`")), "{name} is not in docs/migrating.md");
        }
        for (name, ours, _) in STANDARD {
            assert!(DOCS.contains(&format!("`{name}`")) && DOCS.contains(ours), "{name} is not documented");
        }
        for (name, ours, _) in ALIASES {
            assert!(DOCS.contains(&format!("`OTEL_EBPF_{name}`")) && DOCS.contains(ours), "{name}");
        }
        assert_eq!(
            with(&[("OTEL_METRIC_EXPORT_INTERVAL", "5000")]).unwrap().metrics.push_interval.as_secs(),
            5
        );
        assert!(!with(&[("OTEL_METRICS_EXEMPLAR_FILTER", "always_off")]).unwrap().metrics.exemplars);
    }

    #[test]
    fn all_criteria_of_a_selection_have_to_hold() {
        let config =
            with(&[("BEYLA_OPEN_PORT", "80, 8090-8099"), ("BEYLA_AUTO_TARGET_EXE", "*/shop")]).unwrap();
        let ours = with(&[("TRACER_INCLUDE", "exe=*/shop,port=80;exe=*/shop,port=8090-8099")]).unwrap();
        assert_eq!(config, ours);
    }

    #[test]
    fn ours_win_and_errors_name_theirs() {
        let both = [("TRACER_LOG_LEVEL", "warn"), ("OTEL_EBPF_LOG_LEVEL", "debug")];
        assert_eq!(with(&both).unwrap().log.level.name(), "warn");
        let error = with(&[("OTEL_EBPF_LOG_LEVEL", "loud")]).unwrap_err();
        assert!(error.contains("environment variable OTEL_EBPF_LOG_LEVEL"), "{error}");
    }
}
