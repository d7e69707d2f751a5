//! `[export.otlp]`: the file's side of the standard exporter variables.

use std::{collections::BTreeMap, fmt, time::Duration};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::{environment::Environment, sections::duration};

/// What the file says of the OTLP backend. It is handed on as the variables of the OpenTelemetry specification
/// ("OTLP exporter configuration"), which are the exporter's only language: see [`Otlp::variable`].
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Otlp {
    /// URL of the backend; empty for none.
    pub endpoint: String,
    /// `grpc` or `http/protobuf`; empty to choose by the port.
    pub protocol: String,
    /// Sent with every request; values may be secrets and are never shown.
    pub headers: BTreeMap<String, String>,
    /// `gzip`, `none` or empty.
    pub compression: String,
    /// For one request.
    #[serde(deserialize_with = "duration")]
    pub timeout: Duration,
    /// PEM file with the certificate authority of the backend; empty for the system's.
    pub certificate: String,
    /// PEM file with the tracer's own certificate, for backends that ask for one.
    pub client_certificate: String,
    /// PEM file with the key of `client_certificate`.
    pub client_key: String,
    /// Whether a gRPC endpoint written without a scheme is plain text.
    pub insecure: bool,
    /// Keys that a flag set: these win over the environment.
    #[serde(skip)]
    pub(super) by_flag: Vec<&'static str>,
}

/// Bytes that W3C Baggage allows in a value unencoded and that no parser of `k=v,k=v` lists trips over.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Default for Otlp {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            protocol: String::new(),
            headers: BTreeMap::new(),
            compression: String::new(),
            timeout: Duration::from_secs(10),
            certificate: String::new(),
            client_certificate: String::new(),
            client_key: String::new(),
            insecure: false,
            by_flag: Vec::new(),
        }
    }
}

impl Otlp {
    /// The value of an `OTEL_*` variable: a flag's, else the environment's, else the file's. Empty counts as unset,
    /// as the specification says. The variants of one signal (`_TRACES_`, `_METRICS_`) exist in the environment only, and a flag silences them.
    pub fn variable(&self, env: &Environment, name: &str) -> Option<String> {
        let own = ["OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_METRICS_"];
        let own = own.iter().find_map(|own| name.strip_prefix(own));
        let general = own.map_or_else(|| name.to_owned(), |option| format!("OTEL_EXPORTER_OTLP_{option}"));
        if self.by_flag.iter().any(|key| super::keys::find(key).is_some_and(|key| key.env == general)) {
            return if general == name { self.file_value(name) } else { None };
        }
        env.get(name).map(str::to_owned).or_else(|| self.file_value(name))
    }

    pub(super) fn file_value(&self, name: &str) -> Option<String> {
        let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        match name.strip_prefix("OTEL_EXPORTER_OTLP_")? {
            "ENDPOINT" => text(&self.endpoint),
            "PROTOCOL" => text(&self.protocol),
            "COMPRESSION" => text(&self.compression),
            "CERTIFICATE" => text(&self.certificate),
            "CLIENT_CERTIFICATE" => text(&self.client_certificate),
            "CLIENT_KEY" => text(&self.client_key),
            "TIMEOUT" => Some(self.timeout.as_millis().to_string()),
            "INSECURE" => self.insecure.then(|| "true".to_owned()),
            "HEADERS" => {
                let pair =
                    |(key, value): (&String, &String)| format!("{key}={}", utf8_percent_encode(value, PLAIN));
                text(&self.headers.iter().map(pair).collect::<Vec<_>>().join(","))
            }
            _ => None,
        }
    }
}

impl fmt::Debug for Otlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Otlp")
            .field("endpoint", &self.endpoint)
            .field("protocol", &self.protocol)
            .field("headers", &self.headers.keys())
            .field("compression", &self.compression)
            .field("timeout", &self.timeout)
            .field("certificate", &self.certificate)
            .field("client_certificate", &self.client_certificate)
            .field("client_key", &self.client_key)
            .field("insecure", &self.insecure)
            .finish_non_exhaustive()
    }
}
