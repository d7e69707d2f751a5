//! The standard environment variables.

use std::{collections::HashMap, path::Path, time::Duration};
use tracer_otlp::{Compression, Protocol, Settings, SettingsError, Signal};

/// Reads `OTEL_EXPORTER_OTLP_` variables, given without that prefix.
fn read(variables: &[(&str, &str)]) -> Result<Option<Settings>, SettingsError> {
    let variables: HashMap<String, String> = variables
        .iter()
        .map(|(name, value)| (format!("OTEL_EXPORTER_OTLP_{name}"), (*value).to_owned()))
        .collect();
    Settings::from_env(Signal::Traces, &|name| variables.get(name).cloned())
}

fn settings(variables: &[(&str, &str)]) -> Settings {
    read(variables).expect("usable variables").expect("an endpoint")
}

fn error(variables: &[(&str, &str)]) -> String {
    read(variables).expect_err("unusable variables").to_string()
}

#[test]
fn no_endpoint_means_no_export() {
    assert!(read(&[]).unwrap().is_none());
    assert!(read(&[("ENDPOINT", " "), ("TRACES_ENDPOINT", ""), ("PROTOCOL", "grpc")]).unwrap().is_none());
}

#[test]
fn each_signal_has_its_own_variables() {
    let variables = |name: &str| {
        let value = match name {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => "http://all:4318",
            "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT" => "7",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" => "http://traces:4318",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let read = |signal| Settings::from_env(signal, &variables).expect("usable").expect("an endpoint");
    let (metrics, traces) = (read(Signal::Metrics), read(Signal::Traces));
    assert_eq!(metrics.endpoint.to_string(), "http://all:4318/v1/metrics");
    assert_eq!(traces.endpoint.to_string(), "http://traces:4318");
    assert_eq!((metrics.timeout, traces.timeout), (Duration::from_millis(7), Duration::from_secs(10)));
}

#[test]
fn defaults_are_those_of_the_specification() {
    let settings = settings(&[("ENDPOINT", "http://localhost:4318")]);
    assert_eq!(settings.protocol, Protocol::HttpProtobuf);
    assert_eq!(settings.endpoint.to_string(), "http://localhost:4318/v1/traces");
    assert_eq!(settings.compression, Compression::None);
    assert_eq!(settings.timeout, Duration::from_secs(10));
    assert_eq!((settings.certificate, settings.client_certificate, settings.client_key), (None, None, None));
    assert_eq!(format!("{:?}", settings.headers), "{}");
}

#[test]
fn endpoints_follow_the_protocol() {
    for (variables, protocol, url) in [
        (&[("ENDPOINT", "http://h:4317")][..], Protocol::Grpc, "http://h:4317"),
        (&[("ENDPOINT", "h:4317")], Protocol::Grpc, "https://h:4317"),
        (&[("ENDPOINT", "h:4317"), ("INSECURE", "TRUE")], Protocol::Grpc, "http://h:4317"),
        (
            &[("ENDPOINT", "h:4317"), ("INSECURE", "true"), ("TRACES_INSECURE", "false")],
            Protocol::Grpc,
            "https://h:4317",
        ),
        // The scheme wins over INSECURE.
        (&[("ENDPOINT", "https://h:4317"), ("INSECURE", "true")], Protocol::Grpc, "https://h:4317"),
        (&[("ENDPOINT", "http://h"), ("PROTOCOL", "grpc")], Protocol::Grpc, "http://h"),
        (
            &[("ENDPOINT", "http://h:4317"), ("PROTOCOL", "http/protobuf")],
            Protocol::HttpProtobuf,
            "http://h:4317/v1/traces",
        ),
        // gRPC has no paths, so this cannot be meant for it.
        (
            &[("TRACES_ENDPOINT", "http://h:4317/v1/traces")],
            Protocol::HttpProtobuf,
            "http://h:4317/v1/traces",
        ),
        (&[("ENDPOINT", "https://h/otlp/")], Protocol::HttpProtobuf, "https://h/otlp/v1/traces"),
        (&[("TRACES_ENDPOINT", "https://h")], Protocol::HttpProtobuf, "https://h"),
        (
            &[("TRACES_ENDPOINT", "https://t/x"), ("ENDPOINT", "http://h:4317")],
            Protocol::HttpProtobuf,
            "https://t/x",
        ),
        (
            &[("ENDPOINT", "http://h:1"), ("PROTOCOL", "http/protobuf"), ("TRACES_PROTOCOL", "grpc")],
            Protocol::Grpc,
            "http://h:1",
        ),
    ] {
        let settings = settings(variables);
        assert_eq!((settings.protocol, settings.endpoint.to_string().as_str()), (protocol, url));
    }
}

#[test]
fn the_other_options_are_read_and_traces_variables_win() {
    let settings = settings(&[
        ("ENDPOINT", "https://h:4317"),
        ("HEADERS", "general=1"),
        ("TRACES_HEADERS", "api-key=secret%20value,X-Scope=2"),
        ("COMPRESSION", "none"),
        ("TRACES_COMPRESSION", "gzip"),
        ("TIMEOUT", "1"),
        ("TRACES_TIMEOUT", "2500"),
        ("CERTIFICATE", "/general/ca.pem"),
        ("TRACES_CERTIFICATE", "/traces/ca.pem"),
        ("CLIENT_CERTIFICATE", "/general/client.pem"),
        ("TRACES_CLIENT_CERTIFICATE", ""),
        ("CLIENT_KEY", "/general/client.key"),
        ("TRACES_CLIENT_KEY", "/traces/client.key"),
    ]);
    assert_eq!(settings.compression, Compression::Gzip);
    assert_eq!(settings.timeout, Duration::from_millis(2500));
    assert_eq!(settings.certificate.as_deref(), Some(Path::new("/traces/ca.pem")));
    assert_eq!(settings.client_certificate.as_deref(), Some(Path::new("/general/client.pem")));
    assert_eq!(settings.client_key.as_deref(), Some(Path::new("/traces/client.key")));
    let shown = format!("{settings:?}");
    assert!(shown.contains("api-key") && shown.contains("x-scope"), "{shown}");
    assert!(!shown.contains("general=") && !shown.contains("secret"), "{shown}");
}

#[test]
fn errors_name_variable_value_and_remedy() {
    let endpoint = ("ENDPOINT", "http://h:4318");
    for (variables, words) in [
        (&[("ENDPOINT", "collector:4318")][..], &["OTLP_ENDPOINT", "\"collector:4318\"", "http://"][..]),
        (&[("TRACES_ENDPOINT", "unix:/run/x")], &["OTLP_TRACES_ENDPOINT", "\"unix:/run/x\"", "Unix sockets"]),
        (&[("ENDPOINT", "ftp://h")], &["OTLP_ENDPOINT", "\"ftp://h\"", "http:// and https://"]),
        (&[("ENDPOINT", "http://h:4317/p"), ("PROTOCOL", "grpc")], &["\"http://h:4317/p\"", "no path"]),
        (&[endpoint, ("PROTOCOL", "http/json")], &["OTLP_PROTOCOL", "http/json", "does not support"]),
        (
            &[endpoint, ("TRACES_PROTOCOL", "GRPC")],
            &["OTLP_TRACES_PROTOCOL", "\"GRPC\"", "grpc, http/protobuf"],
        ),
        (&[endpoint, ("COMPRESSION", "zstd")], &["OTLP_COMPRESSION", "\"zstd\"", "gzip, none"]),
        (&[endpoint, ("TIMEOUT", "10s")], &["OTLP_TIMEOUT", "\"10s\"", "milliseconds"]),
        (&[endpoint, ("TRACES_TIMEOUT", "0")], &["OTLP_TRACES_TIMEOUT", "\"0\"", "from 1 to"]),
        (&[endpoint, ("TIMEOUT", "99999999999999999999")], &["OTLP_TIMEOUT", "milliseconds"]),
        (&[endpoint, ("INSECURE", "1")], &["OTLP_INSECURE", "\"1\"", "true, false"]),
        (&[endpoint, ("CLIENT_KEY", "/k")], &["OTLP_CLIENT_KEY is set", "OTLP_CLIENT_CERTIFICATE is not"]),
        (
            &[endpoint, ("TRACES_CLIENT_CERTIFICATE", "/c")],
            &["OTLP_TRACES_CLIENT_CERTIFICATE is set", "OTLP_CLIENT_KEY is not"],
        ),
        (&[endpoint, ("HEADERS", "a=1,b")], &["OTLP_HEADERS", "entry 2 has no '='", "name=value"]),
    ] {
        let error = error(variables);
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
        assert!(error.ends_with('.') || error.ends_with(')'), "{error}");
    }
}

#[test]
fn secrets_are_not_shown() {
    for variables in [
        &[("ENDPOINT", "https://user:hunter2@collector")][..],
        &[("ENDPOINT", "ftp://collector/?key=hunter2")],
        &[("ENDPOINT", "http://h"), ("HEADERS", "authorization=Bearer,hunter2")],
        &[("ENDPOINT", "http://h"), ("TRACES_HEADERS", "bad name=hunter2")],
        &[("ENDPOINT", "http://h"), ("HEADERS", "a=hunter2%00")],
    ] {
        let error = error(variables);
        assert!(!error.contains("hunter2"), "{error}");
    }
}
