//! `[[export.targets]]`: backends beside the one of `[export.otlp]`.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use serde::Deserialize;
use tracer_otlp::{Body, Endpoint, Protocol, Settings, SettingsError, Signal};

use super::{otlp::Otlp, sections::duration};

/// Most of them.
pub(super) const MOST: usize = 16;

/// A backend beside that of `[export.otlp]`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// What counters and its directory of the queue are called.
    pub name: String,
    /// What it speaks.
    pub kind: TargetKind,
    /// Its URL; for `elasticsearch` without `/_bulk`, for `influxdb` with `/write?db=...`. None for a file.
    #[serde(default)]
    pub endpoint: String,
    /// For `otlp`: `grpc` or `http/protobuf`; empty to choose by the port.
    #[serde(default)]
    pub protocol: String,
    /// Sent with every request; values may be secrets and are never shown.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// `gzip`, `none` or empty.
    #[serde(default)]
    pub compression: String,
    /// For one request.
    #[serde(default = "ten_seconds", deserialize_with = "duration")]
    pub timeout: Duration,
    /// PEM file with the certificate authority of the backend; empty for the system's.
    #[serde(default)]
    pub certificate: String,
    /// PEM file with the tracer's own certificate.
    #[serde(default)]
    pub client_certificate: String,
    /// PEM file with the key of `client_certificate`.
    #[serde(default)]
    pub client_key: String,
    /// For `elasticsearch`: the data stream.
    #[serde(default = "data_stream")]
    pub index: String,
    /// For `file`: where it is; empty for standard output.
    #[serde(default)]
    pub path: PathBuf,
    /// For `file`: size at which it becomes `<path>.1` and a new one is begun, bytes; 0 for never.
    #[serde(default = "file_bytes")]
    pub max_bytes: u64,
}

/// What a backend speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    /// OTLP, as the one of `[export.otlp]`.
    Otlp,
    /// Zipkin v2 JSON.
    Zipkin,
    /// The bulk API of Elasticsearch and OpenSearch.
    Elasticsearch,
    /// InfluxDB's line protocol, for the metrics of requests.
    Influxdb,
    /// OTLP/JSON lines.
    File,
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

/// Where the collector's `elasticsearchexporter` puts traces in its mapping mode `otel`.
fn data_stream() -> String {
    "traces-generic.otel-default".to_owned()
}

fn file_bytes() -> u64 {
    100 << 20
}

impl Target {
    /// Settings of the exporter, for anything but a file.
    pub fn settings(&self) -> Result<Option<Settings>, SettingsError> {
        let (endpoint, body) = match self.kind {
            TargetKind::File => return Ok(None),
            TargetKind::Otlp => (self.endpoint.clone(), None),
            TargetKind::Zipkin => (self.endpoint.clone(), Some(Body::Zipkin)),
            TargetKind::Influxdb => (self.endpoint.clone(), Some(Body::InfluxLines)),
            // What is not asked for is not sent back for each document.
            TargetKind::Elasticsearch => (
                format!(
                    "{}/_bulk?filter_path=errors,items.*.status,items.*.error.reason",
                    self.endpoint.trim_end_matches('/')
                ),
                Some(Body::ElasticsearchBulk),
            ),
        };
        let is_exact = body.is_some();
        let file = Otlp {
            endpoint: if is_exact { String::new() } else { endpoint.clone() },
            protocol: if is_exact { "http/protobuf".to_owned() } else { self.protocol.clone() },
            headers: self.headers.clone(),
            compression: self.compression.clone(),
            timeout: self.timeout,
            certificate: self.certificate.clone(),
            client_certificate: self.client_certificate.clone(),
            client_key: self.client_key.clone(),
            ..Otlp::default()
        };
        // The environment is about `[export.otlp]` alone.
        let variable = |name: &str| match name {
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" if is_exact => Some(endpoint.clone()),
            name => file.file_value(name),
        };
        let mut settings = Settings::from_env(Signal::Traces, &variable)?;
        if let (Some(settings), Some(body)) = (&mut settings, body) {
            settings.protocol = Protocol::Post(body);
        }
        Ok(settings)
    }

    /// What is wrong with it, if anything: the field and why.
    pub(super) fn problem(&self) -> Option<(&'static str, &'static str)> {
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        if self.name.is_empty() || self.name.len() > 64 || !self.name.bytes().all(is_name) {
            return Some(("name", "it is made of 1 to 64 of a-z, 0-9, `-` and `_`"));
        }
        if self.name == "otlp" {
            return Some(("name", "this is the name of the backend in [export.otlp]"));
        }
        if self.kind == TargetKind::File {
            return None;
        }
        let endpoint = match self.kind {
            TargetKind::Otlp => {
                Endpoint::grpc(&self.endpoint, true).or_else(|_| Endpoint::http(&self.endpoint))
            }
            _ => Endpoint::http(&self.endpoint),
        };
        if self.endpoint.is_empty() || endpoint.is_err() {
            return Some(("endpoint", "it is no URL of a backend"));
        }
        let is_plain = |text: &str| !text.is_empty() && !text.contains(['"', '\\', '/', ' ', '*', '?']);
        if self.kind == TargetKind::Elasticsearch && !is_plain(&self.index) {
            return Some(("index", "it is no name of a data stream"));
        }
        if !["", "gzip", "none"].contains(&self.compression.as_str()) {
            return Some(("compression", "it is \"gzip\" or \"none\""));
        }
        if !["", "grpc", "http/protobuf"].contains(&self.protocol.as_str()) {
            return Some(("protocol", "it is \"grpc\" or \"http/protobuf\""));
        }
        None
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither values of headers nor the endpoint's query, where some backends take a key.
        let endpoint = self.endpoint.split('?').next().unwrap_or_default();
        f.debug_struct("Target")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("endpoint", &endpoint)
            .field("headers", &self.headers.keys())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Config, Environment, Flags, combine};

    fn targets(text: &str) -> Result<Config, String> {
        let text = format!("[export]\ntargets = [{text}]\n");
        combine(Some((Path::new("t.toml"), &text)), &Flags::default(), &Environment::default())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn each_kind_goes_where_it_should() {
        let config = targets(
            r#"{ name = "a", kind = "otlp", endpoint = "http://b:4317", headers = { k = "v, w" } },
               { name = "b", kind = "otlp", endpoint = "http://b:4318/x" },
               { name = "c", kind = "zipkin", endpoint = "http://b:9411/api/v2/spans", compression = "gzip" },
               { name = "d", kind = "elasticsearch", endpoint = "https://b:9200/" },
               { name = "e", kind = "influxdb", endpoint = "http://b:8086/write?db=t" },
               { name = "f", kind = "file", path = "/tmp/x" }"#,
        )
        .unwrap();
        let settings: Vec<_> =
            config.export.targets.iter().map(|target| target.settings().unwrap()).collect();
        let shown = |at: usize| {
            let settings: &Settings = settings[at].as_ref().unwrap();
            (settings.protocol, settings.endpoint.to_string())
        };
        assert_eq!(shown(0), (Protocol::Grpc, "http://b:4317".to_owned()));
        assert_eq!(shown(1), (Protocol::HttpProtobuf, "http://b:4318/x/v1/traces".to_owned()));
        assert_eq!(shown(2), (Protocol::Post(Body::Zipkin), "http://b:9411/api/v2/spans".to_owned()));
        assert_eq!(shown(3), (Protocol::Post(Body::ElasticsearchBulk), "https://b:9200/_bulk".to_owned()));
        assert_eq!(shown(4), (Protocol::Post(Body::InfluxLines), "http://b:8086/write".to_owned()));
        assert!(settings[5].is_none());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let fine = r#"{ name = "a", kind = "file" }"#;
        for (text, reason) in [
            (r#"{ name = "A", kind = "file" }"#, "targets[0].name"),
            (r#"{ name = "otlp", kind = "file" }"#, "[export.otlp]"),
            (r#"{ name = "a", kind = "kafka" }"#, "kind"),
            (r#"{ name = "a", kind = "zipkin" }"#, "targets[0].endpoint"),
            (r#"{ name = "a", kind = "zipkin", endpoint = "b:1" }"#, "no URL"),
            (r#"{ name = "a", kind = "zipkin", endpoint = "http://b", compression = "lz4" }"#, "gzip"),
            (r#"{ name = "a", kind = "file", pth = "x" }"#, "pth"),
            (&format!("{fine}, {fine}"), "twice"),
            (&vec![fine; MOST + 1].join(","), "a list of up to 16"),
        ] {
            let error = targets(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = targets(
            r#"{ name = "a", kind = "zipkin", endpoint = "http://b?key=hush", headers = { k = "hush" } }"#,
        );
        let shown = format!("{:?}", config.unwrap().export.targets);
        assert!(shown.contains("http://b") && !shown.contains("hush"), "{shown}");
        let error = targets(r#"{ name = "a", kind = "file", headers = { k = ["hush"] } }"#).unwrap_err();
        assert!(!error.contains("hush"), "{error}");
    }
}
