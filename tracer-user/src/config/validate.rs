//! What a type cannot say: ranges, and settings that depend on each other.

use std::time::Duration;

use tracer_protocols::context::is_baggage_key;

use super::{Config, targets::MOST as MOST_TARGETS};

/// A setting that cannot be used: the full name of its key, what it is, and what is wrong if its range is not.
pub(super) struct Problem {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) reason: &'static str,
    /// Keys to point at where `key` itself is not set.
    pub(super) also: &'static [&'static str],
}

/// What `capture.message_bytes` may not be below.
const HEADS: [&str; 2] = ["capture.request_head_bytes", "capture.response_head_bytes"];

const KIB: u64 = 1 << 10;
const HOUR: Duration = Duration::from_hours(1);

/// The first problem, in the order of the example file.
pub(super) fn first_problem(config: &Config) -> Option<Problem> {
    rules(config)
        .or_else(|| numbers(config))
        .or_else(|| durations(config))
        .or_else(|| headers(config))
        .or_else(|| context(config))
        .or_else(|| sampling(config))
        .or_else(|| addresses(config))
        .or_else(|| words(config))
        .or_else(|| targets(config))
        .or_else(|| attributes(config))
}

/// Whether an attribute tells one process or one piece of software from another, so that no configuration may set it.
pub(super) fn is_of_one_process(key: &str) -> bool {
    ["service.name", "service.instance.id", "container.id"].contains(&key)
        || key.starts_with("process.")
        || key.starts_with("telemetry.")
}

fn rules(config: &Config) -> Option<Problem> {
    let lists = [("include", &config.select.include), ("exclude", &config.select.exclude)];
    for (name, rules) in lists {
        if let Some(index) = rules.iter().position(super::select::Rule::is_empty) {
            let reason = "a rule without a field would match every process";
            return Some(Problem {
                key: format!("select.{name}[{index}]"),
                value: "{}".to_owned(),
                reason,
                also: &[],
            });
        }
    }
    None
}

fn numbers(config: &Config) -> Option<Problem> {
    let (capture, http, export) = (&config.capture, &config.http, &config.export);
    let heads = capture.request_head_bytes.max(capture.response_head_bytes);
    let ring = u64::from(capture.ring_bytes);
    let ranges = [
        ("capture.request_head_bytes", u64::from(capture.request_head_bytes), 256..=16 * KIB),
        ("capture.response_head_bytes", u64::from(capture.response_head_bytes), 256..=16 * KIB),
        ("capture.message_bytes", u64::from(capture.message_bytes), u64::from(heads)..=64 * KIB),
        // At least the largest page that Linux has (64 KiB on arm64), so that a power of two is always whole pages.
        ("capture.ring_bytes", ring, 64 * KIB..=KIB * KIB * KIB),
        ("http.max_routes_per_service", u64::from(http.max_routes_per_service), 1..=100_000),
        ("sampling.tail.max_bytes", config.sampling.tail.max_bytes, 64 * KIB..=16 * KIB * KIB * KIB),
        ("export.batch_spans", u64::from(export.batch_spans), 1..=65_536),
        ("export.queue_bytes", export.queue_bytes, 64 * KIB..=16 * KIB * KIB * KIB),
        ("export.queue_disk_bytes", export.queue_disk_bytes, KIB * KIB..=KIB * KIB * KIB * KIB),
        ("metrics.max_series", u64::from(config.metrics.max_series), 10..=1_000_000),
    ];
    let outside = ranges
        .into_iter()
        .find(|(_, value, range)| !range.contains(value))
        .map(|(key, value, _)| (key, value));
    let uneven = (!ring.is_power_of_two()).then_some(("capture.ring_bytes", ring));
    outside.or(uneven).map(|(key, value)| Problem {
        key: key.to_owned(),
        value: value.to_string(),
        reason: "",
        also: if key == "capture.message_bytes" { &HEADS } else { &[] },
    })
}

fn durations(config: &Config) -> Option<Problem> {
    let millisecond = Duration::from_millis(1);
    let ranges = [
        ("http.max_request_age", config.http.max_request_age, Duration::from_secs(1)..=24 * HOUR),
        (
            "sampling.tail.decision_wait",
            config.sampling.tail.decision_wait,
            Duration::ZERO..=Duration::from_mins(10),
        ),
        ("export.otlp.timeout", config.export.otlp.timeout, millisecond..=HOUR),
        ("export.batch_delay", config.export.batch_delay, millisecond..=Duration::from_mins(1)),
    ];
    let push = config.metrics.push_interval;
    let push = (!push.is_zero()).then_some(("metrics.push_interval", push, Duration::from_secs(1)..=HOUR));
    let outside = ranges.into_iter().chain(push).find(|(_, value, range)| !range.contains(value));
    outside.map(|(key, value, _)| Problem {
        key: key.to_owned(),
        value: format!("\"{}\"", humantime::format_duration(value)),
        reason: "",
        also: &[],
    })
}

fn headers(config: &Config) -> Option<Problem> {
    let lists = [
        ("http.request_headers", &config.http.request_headers),
        ("http.response_headers", &config.http.response_headers),
    ];
    for (key, names) in lists {
        let problem = |key: String, value: String, reason| Some(Problem { key, value, reason, also: &[] });
        if names.len() > 64 {
            return problem(key.to_owned(), format!("{} names", names.len()), "");
        }
        for (at, name) in names.iter().enumerate() {
            let reason = if !is_header(name) {
                "it is no name that a header can have (letters, digits, `-`, `_`, `.` and the like)"
            } else if names[..at].iter().any(|other| other.eq_ignore_ascii_case(name)) {
                "it is named twice"
            } else {
                continue;
            };
            return problem(format!("{key}[{at}]"), format!("\"{name}\""), reason);
        }
    }
    None
}

/// Names of headers are tokens (RFC 9110, section 5.1), as those of baggage are.
fn is_header(name: &str) -> bool {
    name.len() <= 128 && is_baggage_key(name)
}

fn context(config: &Config) -> Option<Problem> {
    let (custom, keys) = (&config.context.custom, &config.context.baggage_keys);
    let problem =
        |key: &str, value: String, reason| Problem { key: key.to_owned(), value, reason, also: &[] };
    if custom.len() > 8 {
        return Some(problem("context.custom", format!("{} tables", custom.len()), ""));
    }
    if keys.len() > 64 {
        return Some(problem("context.baggage_keys", format!("{} names", keys.len()), ""));
    }
    let names = &config.context.request_ids;
    if names.len() > 8 {
        return Some(problem("context.request_ids", format!("{} names", names.len()), ""));
    }
    let is_name = |name: &String| {
        let token = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        !name.is_empty() && name.bytes().all(token)
    };
    if let Some((index, name)) =
        names.iter().enumerate().find(|(index, name)| !is_name(name) || names[..*index].contains(name))
    {
        return Some(problem(&format!("context.request_ids[{index}]"), format!("\"{name}\""), ""));
    }
    let repeated = |(index, key): &(usize, &String)| keys[..*index].contains(*key);
    let wrong = keys.iter().enumerate().find(|(_, key)| !is_baggage_key(key)).map(|(index, key)| {
        (index, key, "it is no name that baggage can have (letters, digits, `-`, `_`, `.` and the like)")
    });
    let twice = keys.iter().enumerate().find(repeated).map(|(index, key)| (index, key, "it is named twice"));
    wrong.or(twice).map(|(index, key, reason)| {
        problem(&format!("context.baggage_keys[{index}]"), format!("\"{key}\""), reason)
    })
}

fn sampling(config: &Config) -> Option<Problem> {
    let sampling = &config.sampling;
    let problem = |key: String, value: String, reason| Problem { key, value, reason, also: &[] };
    let many = [
        ("sampling.rules", sampling.rules.len(), 256),
        ("sampling.force_attributes", sampling.force_attributes.len(), 64),
        ("sampling.tail.policies", sampling.tail.policies.len(), 128),
    ];
    if let Some((key, len, _)) = many.into_iter().find(|(_, len, most)| len > most) {
        return Some(problem(key.to_owned(), format!("{len} tables"), ""));
    }
    let rules = sampling.rules.iter().enumerate();
    let rules = rules.map(|(at, rule)| {
        (format!("sampling.rules[{at}]"), rule.sampler, &rule.argument, rule.traces_per_second)
    });
    let usual = ("sampling".to_owned(), sampling.sampler, &sampling.argument, sampling.traces_per_second);
    let of_samplers = std::iter::once(usual).chain(rules).find_map(|(place, sampler, argument, rate)| {
        if let Some(reason) = sampler.problem(argument) {
            return Some(problem(format!("{place}.argument"), format!("\"{}\"", argument.as_str()), reason));
        }
        (!(0.0..=1e6).contains(&rate))
            .then(|| problem(format!("{place}.traces_per_second"), rate.to_string(), ""))
    });
    let header = &sampling.force_header;
    let of_header = (!header.is_empty() && !is_header(header))
        .then(|| problem("sampling.force_header".to_owned(), format!("\"{header}\""), ""));
    of_samplers.or(of_header)
}

/// Who is told what to keep learns names of operations, and is not asked who they are.
fn addresses(config: &Config) -> Option<Problem> {
    let open = config.remote_sampling.listen.filter(|address| !address.ip().is_loopback())?;
    Some(Problem {
        key: "remote_sampling.listen".to_owned(),
        value: format!("\"{open}\""),
        reason: "other hosts could reach it",
        also: &[],
    })
}

fn words(config: &Config) -> Option<Problem> {
    let otlp = &config.export.otlp;
    let words = [
        ("export.otlp.protocol", &otlp.protocol, ["", "grpc", "http/protobuf"]),
        ("export.otlp.compression", &otlp.compression, ["", "gzip", "none"]),
    ];
    let unknown = words.into_iter().find(|(_, word, known)| !known.contains(&word.as_str()));
    unknown.map(|(key, word, _)| Problem {
        key: key.to_owned(),
        value: format!("\"{word}\""),
        reason: "",
        also: &[],
    })
}

fn targets(config: &Config) -> Option<Problem> {
    let targets = &config.export.targets;
    let problem = |key: String, value: String, reason| Some(Problem { key, value, reason, also: &[] });
    if targets.len() > MOST_TARGETS {
        return problem("export.targets".to_owned(), format!("{} targets", targets.len()), "");
    }
    for (at, target) in targets.iter().enumerate() {
        if let Some((field, reason)) = target.problem() {
            return problem(format!("export.targets[{at}].{field}"), "this".to_owned(), reason);
        }
        if targets[..at].iter().any(|other| other.name == target.name) {
            let name = format!("\"{}\"", target.name);
            return problem(format!("export.targets[{at}].name"), name, "it is there twice");
        }
    }
    None
}

fn attributes(config: &Config) -> Option<Problem> {
    let wrong = config.resource.attributes.iter().find(|(key, _)| key.is_empty() || is_of_one_process(key));
    wrong.map(|(key, value)| Problem {
        key: format!("resource.attributes.{key}"),
        value: value.as_str().map_or_else(|| "this value".to_owned(), |text| format!("\"{text}\"")),
        reason: if key.is_empty() {
            "the name is empty"
        } else {
            "it would make all processes look like one"
        },
        also: &[],
    })
}
