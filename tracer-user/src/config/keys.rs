//! Every key of the configuration, once.

/// How the value of a key is written outside the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A table, only to be had in the file.
    Table,
    /// Rules separated by `;`, the fields of a rule by `,`.
    Rules,
    /// `k=v,k2=v2`, values percent-encoded.
    Pairs,
    /// A list separated by `,`.
    List,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// Text, durations included.
    Text,
}

/// A key of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Full name, section first.
    pub path: &'static str,
    /// How it is written in a flag or a variable.
    pub kind: Kind,
    /// The environment variable that sets it; empty for none.
    pub env: &'static str,
    /// What it must be: completes "it must be ...".
    pub expects: &'static str,
}

/// The fields of a rule in `select.include` and `select.exclude`.
pub const RULE_FIELDS: [&str; 6] = ["exe", "command", "port", "pid", "container", "service"];

const fn key(path: &'static str, kind: Kind, env: &'static str, expects: &'static str) -> Key {
    Key { path, kind, env, expects }
}

const RULES: &str = "a list of rules such as { exe = \"/usr/bin/py*\", port = 8080 } with at least one of the fields \
                     exe, command, port, pid, container, service";
const BOOL: &str = "true or false";
const SAMPLER: &str = "\"always_on\", \"always_off\", \"traceidratio\" or \"adaptive\", each also with \"parentbased_\" in front";
const RATE: &str = "a number from 0 (no limit) to 1000000";
const HEADERS: &str = "a list of up to 64 different names of headers in quotes, without the colon";
const FILE: &str = "the path of a PEM file in quotes";

/// All keys, in the order of the example file.
pub const KEYS: &[Key] = &[
    key("select.include", Kind::Rules, "TRACER_INCLUDE", RULES),
    key("select.exclude", Kind::Rules, "TRACER_EXCLUDE", RULES),
    key(
        "capture.request_head_bytes",
        Kind::Integer,
        "TRACER_CAPTURE_REQUEST_HEAD_BYTES",
        "a number of bytes from 256 to 16384",
    ),
    key(
        "capture.response_head_bytes",
        Kind::Integer,
        "TRACER_CAPTURE_RESPONSE_HEAD_BYTES",
        "a number of bytes from 256 to 16384",
    ),
    key(
        "capture.message_bytes",
        Kind::Integer,
        "TRACER_CAPTURE_MESSAGE_BYTES",
        "a number of bytes from 256 to 65536, not below capture.request_head_bytes or capture.response_head_bytes",
    ),
    key(
        "capture.ring_bytes",
        Kind::Integer,
        "TRACER_CAPTURE_RING_BYTES",
        "a power of two from 65536 to 1073741824",
    ),
    key("capture.unix_sockets", Kind::Bool, "TRACER_CAPTURE_UNIX_SOCKETS", BOOL),
    key("capture.databases", Kind::Bool, "TRACER_CAPTURE_DATABASES", BOOL),
    key("capture.dns", Kind::Bool, "TRACER_CAPTURE_DNS", BOOL),
    key("capture.failed_connects", Kind::Bool, "TRACER_CAPTURE_FAILED_CONNECTS", BOOL),
    key("tls.enabled", Kind::Bool, "TRACER_TLS_ENABLED", BOOL),
    key(
        "http.routes",
        Kind::Table,
        "",
        "a table from a glob over service names to a list of paths, such as \"shop*\" = [\"/users/:id\"]",
    ),
    key("http.route_guess", Kind::Bool, "TRACER_HTTP_ROUTE_GUESS", BOOL),
    key(
        "http.max_routes_per_service",
        Kind::Integer,
        "TRACER_HTTP_MAX_ROUTES_PER_SERVICE",
        "a number from 1 to 100000",
    ),
    key("http.redact_query", Kind::Bool, "TRACER_HTTP_REDACT_QUERY", BOOL),
    key("http.keep_query_keys", Kind::List, "TRACER_HTTP_KEEP_QUERY_KEYS", "a list of names in quotes"),
    key("http.request_headers", Kind::List, "TRACER_HTTP_REQUEST_HEADERS", HEADERS),
    key("http.response_headers", Kind::List, "TRACER_HTTP_RESPONSE_HEADERS", HEADERS),
    key(
        "http.max_request_age",
        Kind::Text,
        "TRACER_HTTP_MAX_REQUEST_AGE",
        "a duration in quotes from \"1s\" to \"24h\", such as \"5m\" or \"1h 30m\"",
    ),
    key(
        "redact.patterns",
        Kind::List,
        "TRACER_REDACT_PATTERNS",
        "a list of up to 64 regular expressions in quotes such as '[0-9]{16}', each of at most 1 MiB once compiled",
    ),
    key(
        "context.formats",
        Kind::List,
        "OTEL_PROPAGATORS",
        "a list of \"w3c\" (or \"tracecontext\"), \"b3\" (or \"b3multi\"), \"jaeger\", \"xray\", \"baggage\" and \
         \"custom\", or \"none\" alone",
    ),
    key(
        "context.custom",
        Kind::Table,
        "",
        "a list of up to 8 tables such as { trace_id = \"x-trace-id\", span_id = \"x-span-id\", \
         baggage_prefix = \"x-baggage-\" }, of which baggage_prefix may be left out",
    ),
    key(
        "context.baggage_keys",
        Kind::List,
        "TRACER_CONTEXT_BAGGAGE_KEYS",
        "a list of up to 64 different names in quotes",
    ),
    key(
        "context.request_ids",
        Kind::List,
        "TRACER_CONTEXT_REQUEST_IDS",
        "a list of up to 8 different names of headers in quotes, in lower case, such as [\"x-request-id\"]",
    ),
    key("propagation.enabled", Kind::Bool, "TRACER_PROPAGATION_ENABLED", BOOL),
    key(
        "propagation.cgroup",
        Kind::Text,
        "TRACER_PROPAGATION_CGROUP",
        "the directory of a cgroup in quotes such as \"/sys/fs/cgroup/system.slice\", or \"\" for the whole host",
    ),
    key("propagation.http2", Kind::Text, "TRACER_PROPAGATION_HTTP2", "\"off\", \"first\" or \"every\""),
    key(
        "traces.event_loops",
        Kind::List,
        "TRACER_TRACES_EVENT_LOOPS",
        "a list of file names of executables in quotes, such as [\"my-server\"]",
    ),
    key("traces.instrumented", Kind::Text, "TRACER_TRACES_INSTRUMENTED", "\"yield\" or \"trace\""),
    key("traces.xray_ids", Kind::Bool, "TRACER_TRACES_XRAY_IDS", BOOL),
    key("sampling.sampler", Kind::Text, "OTEL_TRACES_SAMPLER", SAMPLER),
    key(
        "sampling.argument",
        Kind::Text,
        "OTEL_TRACES_SAMPLER_ARG",
        "a number: the share of traces for traceidratio, traces a second of each operation for adaptive",
    ),
    key("sampling.traces_per_second", Kind::Number, "TRACER_SAMPLING_TRACES_PER_SECOND", RATE),
    key(
        "sampling.rules",
        Kind::Table,
        "",
        "a list of up to 256 tables such as { service = \"shop*\", route = \"/health\", sampler = \"traceidratio\", \
         argument = 0.01, traces_per_second = 5 }, of which only sampler must be there",
    ),
    key(
        "sampling.force_header",
        Kind::Text,
        "TRACER_SAMPLING_FORCE_HEADER",
        "the name of a header in quotes, without the colon",
    ),
    key(
        "sampling.force_attributes",
        Kind::Table,
        "",
        "a list of up to 64 tables such as { key = \"baggage.debug\", value = \"1\" }, of which value may be left out",
    ),
    key(
        "sampling.tail.decision_wait",
        Kind::Text,
        "TRACER_SAMPLING_TAIL_DECISION_WAIT",
        "a duration in quotes from \"0s\" to \"10m\", such as \"5s\"",
    ),
    key(
        "sampling.tail.max_bytes",
        Kind::Integer,
        "TRACER_SAMPLING_TAIL_MAX_BYTES",
        "a number of bytes from 65536 to 17179869184",
    ),
    key(
        "sampling.tail.policies",
        Kind::Table,
        "",
        "a list of up to 128 policies such as { name = \"errors\", type = \"status_code\", status_code = { status_codes = \
         [\"ERROR\"] } }: docs/sampling.md has all types",
    ),
    key(
        "remote_sampling.listen",
        Kind::Text,
        "TRACER_REMOTE_SAMPLING_LISTEN",
        "an address on the loopback and a port in quotes such as \"127.0.0.1:5778\"",
    ),
    key(
        "export.otlp.endpoint",
        Kind::Text,
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "a URL in quotes such as \"http://localhost:4317\"",
    ),
    key("export.otlp.protocol", Kind::Text, "OTEL_EXPORTER_OTLP_PROTOCOL", "\"grpc\" or \"http/protobuf\""),
    key(
        "export.otlp.headers",
        Kind::Pairs,
        "OTEL_EXPORTER_OTLP_HEADERS",
        "a table of header names and values in quotes",
    ),
    key("export.otlp.compression", Kind::Text, "OTEL_EXPORTER_OTLP_COMPRESSION", "\"gzip\" or \"none\""),
    key(
        "export.otlp.timeout",
        Kind::Text,
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        "a duration in quotes from \"1ms\" to \"1h\", such as \"10s\"",
    ),
    key("export.otlp.certificate", Kind::Text, "OTEL_EXPORTER_OTLP_CERTIFICATE", FILE),
    key("export.otlp.client_certificate", Kind::Text, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", FILE),
    key("export.otlp.client_key", Kind::Text, "OTEL_EXPORTER_OTLP_CLIENT_KEY", FILE),
    key("export.otlp.insecure", Kind::Bool, "OTEL_EXPORTER_OTLP_INSECURE", BOOL),
    key("export.batch_spans", Kind::Integer, "TRACER_EXPORT_BATCH_SPANS", "a number from 1 to 65536"),
    key(
        "export.batch_delay",
        Kind::Text,
        "TRACER_EXPORT_BATCH_DELAY",
        "a duration in quotes from \"1ms\" to \"1m\", such as \"200ms\"",
    ),
    key(
        "export.queue_bytes",
        Kind::Integer,
        "TRACER_EXPORT_QUEUE_BYTES",
        "a number of bytes from 65536 to 17179869184",
    ),
    key(
        "export.queue_dir",
        Kind::Text,
        "TRACER_EXPORT_QUEUE_DIR",
        "a directory in quotes such as \"/var/lib/tracer/queue\", or \"\" for queues in memory",
    ),
    key(
        "export.queue_disk_bytes",
        Kind::Integer,
        "TRACER_EXPORT_QUEUE_DISK_BYTES",
        "a number of bytes from 1048576 to 1099511627776",
    ),
    key(
        "export.targets",
        Kind::Table,
        "",
        "a list of up to 16 tables such as { name = \"zipkin\", kind = \"zipkin\", endpoint = \
         \"http://localhost:9411/api/v2/spans\" }: docs/exporters.md has all kinds and fields",
    ),
    key("export.print", Kind::Text, "TRACER_EXPORT_PRINT", "\"auto\", \"always\" or \"never\""),
    key(
        "metrics.listen",
        Kind::Text,
        "TRACER_METRICS_LISTEN",
        "an address and a port in quotes such as \"127.0.0.1:9464\"",
    ),
    key(
        "metrics.push_interval",
        Kind::Text,
        "TRACER_METRICS_PUSH_INTERVAL",
        "\"0s\" for no push, or a duration in quotes from \"1s\" to \"1h\", such as \"60s\"",
    ),
    key(
        "metrics.families",
        Kind::List,
        "TRACER_METRICS_FAMILIES",
        "a list of \"http\", \"service_graph\" and \"span_metrics\"",
    ),
    key("metrics.max_series", Kind::Integer, "TRACER_METRICS_MAX_SERIES", "a number from 10 to 1000000"),
    key("metrics.exemplars", Kind::Bool, "TRACER_METRICS_EXEMPLARS", BOOL),
    key(
        "resource.attributes",
        Kind::Pairs,
        "OTEL_RESOURCE_ATTRIBUTES",
        "a table of attribute names and values (text, whole numbers, true or false) that are true of every process, \
         so none of service.name, service.instance.id, container.id, process.* and telemetry.*",
    ),
    key("kubernetes.enabled", Kind::Bool, "TRACER_KUBERNETES_ENABLED", BOOL),
    key("kubernetes.node", Kind::Text, "TRACER_KUBERNETES_NODE", "the name of a node in quotes"),
    key("kubernetes.labels", Kind::List, "TRACER_KUBERNETES_LABELS", "a list of label keys in quotes"),
    key("security.drop_capabilities", Kind::Bool, "TRACER_SECURITY_DROP_CAPABILITIES", BOOL),
    key("security.seccomp", Kind::Bool, "TRACER_SECURITY_SECCOMP", BOOL),
    key("log.level", Kind::Text, "TRACER_LOG_LEVEL", "\"error\", \"warn\", \"info\", \"debug\" or \"trace\""),
];

/// The key with this full name.
pub fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The key that `path`, which may go on below it, belongs to.
pub(super) fn owner(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| {
        path.strip_prefix(key.path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    })
}

/// Whether `path` is a section: the start of some key.
pub(super) fn is_section(path: &str) -> bool {
    KEYS.iter().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// The names directly below a section, sections included.
pub(super) fn names_below(section: &str) -> Vec<&'static str> {
    let mut names: Vec<&str> = Vec::new();
    for key in KEYS {
        let below = if section.is_empty() {
            Some(key.path)
        } else {
            key.path.strip_prefix(section).and_then(|rest| rest.strip_prefix('.'))
        };
        let name = below.and_then(|below| below.split('.').next());
        names.extend(name.filter(|name| !names.contains(name)));
    }
    names
}

/// What to tell somebody who wrote `wrong` in `section`: the nearest name, else all names.
pub(super) fn hint(section: &str, wrong: &str) -> String {
    let siblings = names_below(section);
    if let Some(name) = nearest(wrong, siblings.iter().copied()) {
        return format!("Did you mean `{}`?", join(section, name));
    }
    let leaves = KEYS.iter().filter_map(|key| key.path.rsplit_once('.'));
    if let Some(leaf) = nearest(wrong, leaves.clone().map(|(_, leaf)| leaf))
        && let Some((home, _)) = leaves.clone().find(|(_, name)| *name == leaf)
    {
        return format!("Did you mean `{leaf}` in [{home}]?");
    }
    let whole = if section.is_empty() {
        "The sections are".to_owned()
    } else {
        format!("The keys of [{section}] are")
    };
    format!("{whole} {}.", siblings.join(", "))
}

/// The name most like `wrong`, if any is alike enough to be what was meant.
pub(super) fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Below this suggestions stop making sense: "port" would become "print".
    nearest_above(0.61, wrong, names)
}

/// The name most like `wrong`, if at least as like as `alike` (1 is equal, 0 has nothing in common).
pub(super) fn nearest_above<'a>(
    alike: f64,
    wrong: &str,
    names: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    names
        .map(|name| {
            (strsim::normalized_damerau_levenshtein(&wrong.to_lowercase(), &name.to_lowercase()), name)
        })
        .filter(|(likeness, _)| *likeness >= alike)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

/// `section.name`, or the name alone at the top.
pub(super) fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}
