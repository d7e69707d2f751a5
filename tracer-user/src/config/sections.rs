//! The sections of the file that are plain values, with their defaults.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Deserializer, de};

use super::{otlp::Otlp, pattern::TextPattern, targets::Target};
use crate::spans::span::{Key, Value};

/// `[capture]`: what the kernel programs copy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Capture {
    /// Bytes copied from the start of each read or write that begins a request.
    pub request_head_bytes: u32,
    /// Bytes copied from the start of each read or write that begins a response.
    pub response_head_bytes: u32,
    /// Bytes copied of one message, over all the system calls that carry it.
    pub message_bytes: u32,
    /// Size of each ring buffer in bytes, a power of two.
    pub ring_bytes: u32,
    /// Whether AF_UNIX stream sockets are traced.
    pub unix_sockets: bool,
    /// Whether calls of databases and caches are traced, and messages to and from brokers.
    pub databases: bool,
    /// Whether lookups in DNS are traced.
    pub dns: bool,
    /// Whether connections that cannot be opened are traced.
    pub failed_connects: bool,
}

/// `[tls]`: whether TLS connections are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// Whether functions of TLS libraries are probed.
    pub enabled: bool,
}

/// `[http]`: how HTTP exchanges become spans.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Route patterns by service.
    pub routes: Routes,
    /// Whether a route is guessed where no pattern matches.
    pub route_guess: bool,
    /// Most routes that one service may have; past it `http.route` is left out and the name is the method alone.
    pub max_routes_per_service: u32,
    /// Whether values in query strings are replaced by `REDACTED`.
    pub redact_query: bool,
    /// Query keys whose values are kept although `redact_query` is set.
    pub keep_query_keys: Vec<String>,
    /// Headers of requests that spans show.
    pub request_headers: Vec<String>,
    /// Headers of responses that spans show.
    pub response_headers: Vec<String>,
    /// Age at which a request without an answer ends as an error.
    #[serde(deserialize_with = "duration")]
    pub max_request_age: Duration,
}

/// Route patterns by a glob over the service name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routes(Vec<(TextPattern, Vec<String>)>);

/// `[propagation]`: trace context that is written into requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Propagation {
    /// Whether any is written.
    pub enabled: bool,
    /// Directory of the cgroup (version 2) whose processes' requests get it; empty for the whole host.
    pub cgroup: PathBuf,
    /// Which requests of HTTP/2 get it.
    pub http2: Streams,
}

/// Requests of HTTP/2 that trace context is written into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Streams {
    /// None.
    Off,
    /// The first one on each connection, which is an ordinary one from then on.
    #[default]
    First,
    /// Every one.
    Every,
}

/// `[export]`: where spans go.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Export {
    /// The OTLP backend.
    pub otlp: Otlp,
    /// Spans in one batch.
    pub batch_spans: u32,
    /// Longest that a span waits for its batch to fill.
    #[serde(deserialize_with = "duration")]
    pub batch_delay: Duration,
    /// Bytes of encoded batches kept while the backend is away; beyond it spans are dropped and counted.
    pub queue_bytes: u64,
    /// Directory in which each backend has a queue on disk in place of that in memory; empty for none.
    pub queue_dir: PathBuf,
    /// Most bytes that the queue of one backend may take there.
    pub queue_disk_bytes: u64,
    /// Backends beside that of `otlp`.
    pub targets: Vec<Target>,
    /// Whether traces are printed as trees.
    pub print: Print,
}

/// When finished traces are printed to standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Print {
    /// When no OTLP endpoint is set.
    #[default]
    Auto,
    /// Beside the export.
    Always,
    /// Not at all.
    Never,
}

/// `[resource]`: what is known of every traced process.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResourceSection {
    /// Attributes that every resource gets; they win over what was found.
    #[serde(deserialize_with = "attributes")]
    pub attributes: Vec<(Key, Value)>,
}

/// `[log]`: what the daemon says of itself on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The least severe level that is written.
    pub level: Level,
}

/// A log level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What stops the tracer or loses spans.
    Error,
    /// And what makes traces worse than they could be.
    Warn,
    /// And what was attached, found and exported.
    #[default]
    Info,
    /// And each connection.
    Debug,
    /// And each event.
    Trace,
}

impl Default for Capture {
    fn default() -> Self {
        Self {
            request_head_bytes: 4096,
            response_head_bytes: 1024,
            message_bytes: 8192,
            ring_bytes: 4 << 20,
            unix_sockets: true,
            databases: true,
            dns: true,
            failed_connects: true,
        }
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self { enabled: true }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            routes: Routes::default(),
            route_guess: true,
            max_routes_per_service: 200,
            redact_query: true,
            keep_query_keys: Vec::new(),
            request_headers: Vec::new(),
            response_headers: Vec::new(),
            max_request_age: Duration::from_mins(5),
        }
    }
}

impl Default for Export {
    fn default() -> Self {
        Self {
            otlp: Otlp::default(),
            batch_spans: 512,
            batch_delay: Duration::from_millis(200),
            queue_bytes: 64 << 20,
            queue_dir: PathBuf::new(),
            queue_disk_bytes: 1 << 30,
            targets: Vec::new(),
            print: Print::Auto,
        }
    }
}

impl Level {
    /// The name that a filter of the `tracing` crates takes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl Routes {
    /// The patterns for a service: those of every matching glob, the longest (most specific) glob first.
    pub fn for_service<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(glob, _)| glob.matches(service))
            .flat_map(|(_, patterns)| patterns)
            .map(String::as_str)
    }

    /// Whether no pattern is configured.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for Routes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = BTreeMap::<String, Vec<RoutePattern>>::deserialize(deserializer)?;
        let mut routes = Vec::with_capacity(table.len());
        for (glob, patterns) in table {
            let glob: TextPattern = glob.parse().map_err(|error| {
                de::Error::custom(format_args!("the service glob `{glob}` is wrong: {error}"))
            })?;
            routes.push((glob, patterns.into_iter().map(|pattern| pattern.0).collect()));
        }
        // The sort is stable: globs of one length stay in alphabetical order.
        routes.sort_by_key(|(glob, _)| std::cmp::Reverse(glob.as_str().len()));
        Ok(Self(routes))
    }
}

/// Text that starts with `/` and has no query: what a route can be compared with.
struct RoutePattern(String);

impl<'de> Deserialize<'de> for RoutePattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.starts_with('/') && !text.contains(['?', '#']) && !text.contains(char::is_whitespace) {
            Ok(Self(text))
        } else {
            Err(de::Error::custom("a route starts with `/` and has no query, fragment or space"))
        }
    }
}

/// Reads "5m", "30s", "250ms" or sums of them ("1h 30m").
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text).map_err(de::Error::custom)
}

/// Attributes, also as TOML nests them where `deployment.environment.name = "x"` is written without quotes.
fn attributes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(Key, Value)>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Attribute {
        Bool(bool),
        Int(i64),
        Text(String),
        Below(BTreeMap<String, Attribute>),
    }

    fn flatten(above: &str, table: BTreeMap<String, Attribute>, flat: &mut BTreeMap<Key, Value>) {
        for (name, attribute) in table {
            let key = super::keys::join(above, &name);
            let value = match attribute {
                Attribute::Bool(value) => Value::Bool(value),
                Attribute::Int(value) => Value::Int(value),
                Attribute::Text(value) => Value::Str(value.into()),
                Attribute::Below(table) => {
                    flatten(&key, table, flat);
                    continue;
                }
            };
            flat.insert(Key::Owned(key), value);
        }
    }

    let mut flat = BTreeMap::new();
    flatten("", BTreeMap::deserialize(deserializer)?, &mut flat);
    Ok(flat.into_iter().collect())
}
