//! `tracer server`: the embedded backend alone.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use rustix::{
    process::{Signal, set_parent_process_death_signal},
    thread::{
        CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities, set_name,
        set_no_new_privs,
    },
};
use tracer_server::{
    Addresses, Rules, Settings, TlsFiles, serve,
    store::{ClickHouseSettings, ClickHouseUrl, ColdTier, Limits},
};
use tracing_subscriber::EnvFilter;

use super::backend::{BackendArgs, secret};
use crate::agent::stop_flag;

/// What the addresses are printed under, one to a line.
pub(crate) const GRPC: &str = "OTLP/gRPC";
pub(crate) const PAGE: &str = "Page and query API";

/// Receive OTLP, store it, and answer queries: the backend without the tracer.
///
/// Needs no privileges, and drops those that it has. What it listens on is printed. docs/store.md says what is stored how,
/// docs/api.md what can be asked.
#[derive(Debug, clap::Args)]
pub struct ServerArgs {
    #[command(flatten)]
    backend: BackendArgs,
    #[command(flatten)]
    clickhouse: ClickHouseArgs,
    /// Serve TLS on every address: file with the certificate and those that lead to a known authority (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// File with the certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Say whether a file of alert rules is right, and end
    #[arg(long, value_name = "FILE")]
    check_rules: Option<PathBuf>,
    /// End when the process that started this one does
    #[arg(long, hide = true)]
    with_parent: bool,
    /// Read the token from standard input: its file may be another user's
    #[arg(long, hide = true, conflicts_with = "token_file")]
    token_from_stdin: bool,
}

/// A ClickHouse instead of files of the data directory.
#[derive(Debug, clap::Args)]
#[group(skip)]
struct ClickHouseArgs {
    /// Keep spans in ClickHouse, in the tables of the OpenTelemetry collector, instead of in files: address of its HTTP
    /// interface, such as http://localhost:8123 (docs/clickhouse.md)
    #[arg(long, value_name = "URL", conflicts_with = "cold")]
    clickhouse: Option<ClickHouseUrl>,
    /// Its database
    #[arg(long, value_name = "NAME", default_value = "default", requires = "clickhouse")]
    clickhouse_database: String,
    /// Its table of spans
    #[arg(long, value_name = "NAME", default_value = "otel_traces", requires = "clickhouse")]
    clickhouse_table: String,
    /// As whom to ask it
    #[arg(long, value_name = "NAME", default_value = "default", requires = "clickhouse")]
    clickhouse_user: String,
    /// File with that user's password
    #[arg(long, value_name = "FILE", requires = "clickhouse")]
    clickhouse_password_file: Option<PathBuf>,
    /// Make the database and the tables if they are not there, and have them delete spans that are older than --keep
    #[arg(long, requires = "clickhouse")]
    clickhouse_create_tables: bool,
}

impl ClickHouseArgs {
    fn settings(self, keep: Duration) -> anyhow::Result<Option<ClickHouseSettings>> {
        let Some(url) = self.clickhouse else { return Ok(None) };
        let password = self.clickhouse_password_file.map(|path| secret("password", &path)).transpose()?;
        Ok(Some(ClickHouseSettings {
            url,
            database: self.clickhouse_database,
            table: self.clickhouse_table,
            user: self.clickhouse_user,
            password: password.unwrap_or_default(),
            create: self.clickhouse_create_tables.then_some(keep),
        }))
    }
}

/// Serves until SIGINT or SIGTERM.
pub fn server(args: ServerArgs) -> anyhow::Result<ExitCode> {
    if let Some(path) = &args.check_rules {
        return check_rules(path);
    }
    // `tracer run` starts this through a link of another name.
    set_name(c"tracer-server")?;
    // Before any other thread: privileges belong to threads.
    drop_privileges().context("The privileges of the server cannot be dropped")?;
    if args.with_parent {
        set_parent_process_death_signal(Some(Signal::TERM))?;
    }
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A second command in one process (tests) keeps the first one's log.
    let _ = log.try_init();
    let stop = stop_flag()?;
    let backend = args.backend;
    let token = if args.token_from_stdin {
        Some(std::io::read_to_string(std::io::stdin()).context("The token cannot be read")?)
    } else {
        backend.token()?
    };
    let rules = backend.rules.as_deref().map(Rules::read).transpose()?.unwrap_or_default();
    let settings = Settings {
        otlp_grpc: backend.otlp_grpc,
        otlp_http: backend.otlp_http,
        query: backend.query,
        zipkin: backend.zipkin,
        jaeger_http: backend.jaeger_http,
        jaeger_grpc: backend.jaeger_grpc,
        tls: args.tls_cert.zip(args.tls_key).map(|(certificate, key)| TlsFiles { certificate, key }),
        token,
        hosts: backend.allow_host,
        data: backend.data,
        limits: Limits {
            age: backend.keep,
            bytes: backend.max_bytes,
            reserve: backend.reserve,
            cold: backend.cold.map(|location| ColdTier { location, age: backend.keep_cold }),
            clickhouse: args.clickhouse.settings(backend.keep)?,
            ..Limits::default()
        },
        rules,
    };
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    serve(settings, stop, |addresses| announce(scheme, addresses))?;
    Ok(ExitCode::SUCCESS)
}

/// 0 for a file that can be used, 2 for one that cannot, as everywhere where settings are wrong.
fn check_rules(path: &Path) -> anyhow::Result<ExitCode> {
    match Rules::read(path) {
        Ok(rules) => {
            let (names, told) = rules.summary();
            let mut out = std::io::stdout().lock();
            writeln!(
                out,
                "{} is right: {} rules ({}), {told} to tell.",
                path.display(),
                names.len(),
                names.join(", ")
            )?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            writeln!(std::io::stderr().lock(), "{error}")?;
            Ok(ExitCode::from(2))
        }
    }
}

fn announce(scheme: &str, addresses: Addresses) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{GRPC}: {scheme}://{}", addresses.otlp_grpc)?;
    writeln!(out, "OTLP/HTTP: {scheme}://{}", addresses.otlp_http)?;
    let others = [
        ("Zipkin", addresses.zipkin),
        ("Jaeger/HTTP", addresses.jaeger_http),
        ("Jaeger/gRPC", addresses.jaeger_grpc),
    ];
    for (name, address) in others {
        if let Some(address) = address {
            writeln!(out, "{name}: {scheme}://{address}")?;
        }
    }
    writeln!(out, "{PAGE}: {scheme}://{}/", addresses.query)?;
    out.flush()
}

/// Gives up every capability, now and for what this process might execute.
fn drop_privileges() -> rustix::io::Result<()> {
    set_no_new_privs(true)?;
    clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
}
