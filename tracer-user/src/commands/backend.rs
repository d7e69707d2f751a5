//! What a server can be told, by `tracer server` and by `tracer run`, which hands it on.

use std::{
    ffi::OsString,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use tracer_server::store::{ColdLocation, Limits};

/// Where spans come in, where they are kept and for how long, and who may ask.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BackendArgs {
    /// Directory for the spans
    #[arg(long, value_name = "DIR", default_value = "/var/lib/tracer")]
    pub(crate) data: PathBuf,
    /// Delete spans when they are this old
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = humantime::parse_duration)]
    pub(crate) keep: Duration,
    /// Delete the oldest spans when there are more bytes than these
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().bytes)]
    pub(crate) max_bytes: u64,
    /// Take nothing more when the file system has fewer free bytes
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().reserve)]
    pub(crate) reserve: u64,
    /// Move blocks here instead of deleting them when they are older than --keep or more than --max-bytes: a directory, or
    /// s3://BUCKET/PREFIX with keys, region and endpoint from the environment (AWS_ACCESS_KEY_ID and so on)
    #[arg(long, value_name = "LOCATION")]
    pub(crate) cold: Option<ColdLocation>,
    /// Delete spans there when they are this old
    #[arg(long, value_name = "DURATION", default_value = "365d", value_parser = humantime::parse_duration)]
    pub(crate) keep_cold: Duration,
    /// Alert rules, YAML (docs/alerts.md)
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,
    /// Address for OTLP over gRPC
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4317")]
    pub(crate) otlp_grpc: SocketAddr,
    /// Address for OTLP over HTTP
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4318")]
    pub(crate) otlp_http: SocketAddr,
    /// Address of the page and the query API
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:16686")]
    pub(crate) query: SocketAddr,
    /// Answer queries by this name too, as of a proxy in front; without a token, only localhost and addresses are
    #[arg(long, value_name = "NAME")]
    pub(crate) allow_host: Vec<String>,
    /// Take spans from clients of Zipkin and answer its queries, at this address
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:9411")]
    pub(crate) zipkin: Option<SocketAddr>,
    /// Take spans from clients of Jaeger over HTTP (Thrift), at this address
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:14268")]
    pub(crate) jaeger_http: Option<SocketAddr>,
    /// Take spans from clients of Jaeger over gRPC, at this address
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:14250")]
    pub(crate) jaeger_grpc: Option<SocketAddr>,
    /// File with the token that clients have to send as `authorization: Bearer`; needed for addresses beyond loopback
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

impl BackendArgs {
    /// The arguments by which another process is told the same, but for the token; paths are absolute, so that its directory does not matter.
    pub(crate) fn arguments(&self) -> io::Result<Vec<OsString>> {
        let Self { data, keep, max_bytes, reserve, cold, keep_cold, rules, allow_host, .. } = self;
        let path = |path: &PathBuf| std::path::absolute(path).map(OsString::from);
        let duration = |duration: &Duration| humantime::format_duration(*duration).to_string().into();
        let mut arguments: Vec<OsString> = Vec::new();
        let mut put = |name: &str, value: OsString| arguments.extend([name.into(), value]);
        put("--data", path(data)?);
        put("--keep", duration(keep));
        put("--max-bytes", max_bytes.to_string().into());
        put("--reserve", reserve.to_string().into());
        let cold = match cold {
            Some(ColdLocation::Directory(directory)) => Some(path(directory)?),
            Some(ColdLocation::S3 { bucket, prefix }) => Some(format!("s3://{bucket}/{prefix}").into()),
            None => None,
        };
        if let Some(cold) = cold {
            put("--cold", cold);
        }
        put("--keep-cold", duration(keep_cold));
        if let Some(rules) = rules {
            put("--rules", path(rules)?);
        }
        let addresses = [
            ("--otlp-grpc", Some(self.otlp_grpc)),
            ("--otlp-http", Some(self.otlp_http)),
            ("--query", Some(self.query)),
            ("--zipkin", self.zipkin),
            ("--jaeger-http", self.jaeger_http),
            ("--jaeger-grpc", self.jaeger_grpc),
        ];
        for (name, address) in addresses {
            if let Some(address) = address {
                put(name, address.to_string().into());
            }
        }
        for name in allow_host {
            put("--allow-host", name.into());
        }
        Ok(arguments)
    }

    /// The token, if there is to be one.
    pub(crate) fn token(&self) -> anyhow::Result<Option<String>> {
        self.token_file.as_deref().map(|path| secret("token", path)).transpose()
    }
}

/// What a file of one secret holds.
pub(super) fn secret(what: &str, path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("The {what} file {} cannot be read", path.display()))?;
    let secret = text.trim().to_owned();
    anyhow::ensure!(!secret.is_empty(), "The {what} file {} is empty; put a secret into it.", path.display());
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command, FromArgMatches as _};

    use super::*;

    fn parse(arguments: &[OsString]) -> BackendArgs {
        let command = BackendArgs::augment_args(Command::new("test").no_binary_name(true));
        BackendArgs::from_arg_matches(&command.get_matches_from(arguments)).unwrap()
    }

    /// What is handed on is what was said, for every flag that there is but the token's.
    #[test]
    fn nothing_is_lost_on_the_way() {
        let command = BackendArgs::augment_args(Command::new("test"));
        let mut said: Vec<OsString> = Vec::new();
        for flag in command.get_arguments() {
            let value = match flag.get_value_names().unwrap()[0].as_str() {
                "DIR" | "FILE" => "/some/where",
                "DURATION" => "3d",
                "BYTES" => "77777777",
                "LOCATION" => "s3://bucket/some/where",
                "ADDRESS" => "[::1]:7",
                "NAME" => "traces.example",
                other => panic!("{other}"),
            };
            let name = flag.get_long().unwrap();
            if name != "token-file" {
                said.extend([format!("--{name}").into(), value.into()]);
            }
        }
        for said in [said, vec!["--cold".into(), "/cold".into()], Vec::new()] {
            let first = parse(&said);
            let again = parse(&first.arguments().unwrap());
            assert_eq!(format!("{again:?}"), format!("{first:?}"));
        }
    }

    #[test]
    fn paths_are_absolute() {
        let arguments = parse(&["--data".into(), "here".into()]).arguments().unwrap();
        let at = arguments.iter().position(|argument| argument == "--data").unwrap();
        assert!(PathBuf::from(&arguments[at + 1]).is_absolute());
    }
}
