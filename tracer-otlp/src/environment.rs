//! The OTLP exporter's standard environment variables
//! (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>). For each option the signal's own variable (`TRACES_`, `METRICS_`) wins over the
//! general one, and an empty variable counts as unset.

use crate::{
    endpoint::{Endpoint, EndpointError},
    headers::{Headers, HeadersError},
    settings::{Compression, Protocol, Settings},
    signal::Signal,
};
use std::{path::PathBuf, time::Duration};
use thiserror::Error;

/// IANA's port for OTLP over gRPC. Only used to guess a protocol that was not given.
const GRPC_PORT: u16 = 4317;
/// Longest timeout accepted, in milliseconds: one hour.
const LONGEST_TIMEOUT: u64 = 3_600_000;

/// A variable that cannot be used. Messages name the variable and its value, except where the value is a secret;
/// causes are part of them, not behind `source()`.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// The endpoint is not usable.
    #[error("{variable} is set to {value:?}, which cannot be used as an OTLP endpoint: {problem}.")]
    Endpoint {
        /// The variable.
        variable: String,
        /// Its value, without user information.
        value: String,
        /// What is wrong with it.
        problem: EndpointError,
    },
    /// A value outside a closed list or range.
    #[error("{variable} is set to {value:?}. Allowed: {allowed}.")]
    Value {
        /// The variable.
        variable: String,
        /// Its value.
        value: String,
        /// What would be right.
        allowed: &'static str,
    },
    /// JSON was asked for.
    #[error(
        "{variable} is set to \"http/json\", which this exporter does not support. Allowed: grpc, http/protobuf; every \
         OTLP/HTTP receiver also accepts http/protobuf at the same address."
    )]
    Json {
        /// The variable.
        variable: String,
    },
    /// The header list is malformed.
    #[error(
        "{variable} cannot be read: {problem}. Write it as name=value,name2=value2 with percent-encoded values (its \
         value is not shown since it may hold secrets)."
    )]
    Headers {
        /// The variable.
        variable: String,
        /// What is wrong with it.
        problem: HeadersError,
    },
    /// One half of the client's identity without the other.
    #[error("{set} is set but {missing} is not. A client certificate needs both, or neither.")]
    HalfIdentity {
        /// The variable that is set.
        set: String,
        /// The variable that should be.
        missing: &'static str,
    },
}

impl Settings {
    /// Reads the variables through `env`, which returns the value of one variable. `None` means that no endpoint is
    /// configured, so nothing is to be exported.
    pub fn from_env(
        signal: Signal,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Settings>, SettingsError> {
        let find = |option| find(signal, env, option);
        let own = Variable::read(env, &format!("OTEL_EXPORTER_OTLP_{}_ENDPOINT", signal.variable()));
        let Some(endpoint) = own.clone().or_else(|| Variable::read(env, "OTEL_EXPORTER_OTLP_ENDPOINT"))
        else {
            return Ok(None);
        };
        let protocol = match find("PROTOCOL") {
            Some(protocol) => protocol.protocol()?,
            None => guess_protocol(&endpoint.value),
        };
        let insecure = find("INSECURE").map(Variable::boolean).transpose()?.unwrap_or(false);
        let target = match (protocol, own.is_some()) {
            (Protocol::Grpc, _) => Endpoint::grpc(&endpoint.value, insecure),
            (_, true) => Endpoint::http(&endpoint.value),
            (_, false) => Endpoint::http_base(&endpoint.value, signal),
        };
        let mut settings =
            Settings::new(protocol, target.map_err(|problem| endpoint.unusable_endpoint(problem))?);
        settings.signal = signal;
        if let Some(headers) = find("HEADERS") {
            settings.headers = headers.headers()?;
        }
        if let Some(compression) = find("COMPRESSION") {
            settings.compression = compression.compression()?;
        }
        if let Some(timeout) = find("TIMEOUT") {
            settings.timeout = timeout.milliseconds()?;
        }
        settings.certificate = find("CERTIFICATE").map(|file| PathBuf::from(file.value));
        let certificate = find("CLIENT_CERTIFICATE");
        let key = find("CLIENT_KEY");
        match (&certificate, &key) {
            (Some(set), None) => return Err(set.half_identity("OTEL_EXPORTER_OTLP_CLIENT_KEY")),
            (None, Some(set)) => return Err(set.half_identity("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE")),
            _ => {}
        }
        settings.client_certificate = certificate.map(|file| PathBuf::from(file.value));
        settings.client_key = key.map(|file| PathBuf::from(file.value));
        Ok(Some(settings))
    }
}

/// Port 4317 without a path is gRPC; anything else is the specification's default, HTTP/protobuf.
fn guess_protocol(endpoint: &str) -> Protocol {
    match Endpoint::grpc(endpoint, false) {
        Ok(target) if target.uri().port_u16() == Some(GRPC_PORT) => Protocol::Grpc,
        _ => Protocol::HttpProtobuf,
    }
}

fn find(signal: Signal, env: &dyn Fn(&str) -> Option<String>, option: &str) -> Option<Variable> {
    Variable::read(env, &format!("OTEL_EXPORTER_OTLP_{}_{option}", signal.variable()))
        .or_else(|| Variable::read(env, &format!("OTEL_EXPORTER_OTLP_{option}")))
}

/// A variable that is set, with its trimmed value.
#[derive(Clone)]
struct Variable {
    name: String,
    value: String,
}

impl Variable {
    fn read(env: &dyn Fn(&str) -> Option<String>, name: &str) -> Option<Variable> {
        let value = env(name)?.trim().to_owned();
        (!value.is_empty()).then(|| Variable { name: name.to_owned(), value })
    }

    fn protocol(self) -> Result<Protocol, SettingsError> {
        match self.value.as_str() {
            "grpc" => Ok(Protocol::Grpc),
            "http/protobuf" => Ok(Protocol::HttpProtobuf),
            "http/json" => Err(SettingsError::Json { variable: self.name }),
            _ => Err(self.not_allowed("grpc, http/protobuf")),
        }
    }

    fn compression(self) -> Result<Compression, SettingsError> {
        match self.value.as_str() {
            "gzip" => Ok(Compression::Gzip),
            "none" => Ok(Compression::None),
            _ => Err(self.not_allowed("gzip, none")),
        }
    }

    fn boolean(self) -> Result<bool, SettingsError> {
        if self.value.eq_ignore_ascii_case("true") {
            Ok(true)
        } else if self.value.eq_ignore_ascii_case("false") {
            Ok(false)
        } else {
            Err(self.not_allowed("true, false"))
        }
    }

    fn milliseconds(self) -> Result<Duration, SettingsError> {
        match self.value.parse() {
            Ok(value @ 1..=LONGEST_TIMEOUT) => Ok(Duration::from_millis(value)),
            _ => Err(self.not_allowed("a whole number of milliseconds from 1 to 3600000")),
        }
    }

    fn headers(self) -> Result<Headers, SettingsError> {
        Headers::parse(&self.value).map_err(|problem| SettingsError::Headers { variable: self.name, problem })
    }

    fn not_allowed(self, allowed: &'static str) -> SettingsError {
        SettingsError::Value { variable: self.name, value: self.value, allowed }
    }

    fn half_identity(&self, missing: &'static str) -> SettingsError {
        SettingsError::HalfIdentity { set: self.name.clone(), missing }
    }

    fn unusable_endpoint(self, problem: EndpointError) -> SettingsError {
        // Whatever stands before an `@` may be a password, and whatever follows a `?` a key.
        let shown = match self.value.rsplit_once('@') {
            Some((_, host)) => format!("...@{host}"),
            None => self.value,
        };
        let value = match shown.split_once('?') {
            Some((shown, _)) => format!("{shown}?..."),
            None => shown,
        };
        SettingsError::Endpoint { variable: self.name, value, problem }
    }
}
