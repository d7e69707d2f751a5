//! Real services and clients that the scenarios use, and the browser of the page's tests: this table is the only place that names them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::setup::apt_get;
use crate::shell::{is_root, run, say, succeeds, which};

/// Programs, and the distribution packages that bring them.
const PROGRAMS: [(&str, &str); 16] = [
    ("nginx", "nginx-light"),
    ("wrk", "wrk"),
    ("curl", "curl"),
    ("wget", "wget"),
    ("node", "nodejs"),
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
    // Its servers are not in PATH: `apps::postgres` finds them where Debian has them.
    ("pg_createcluster", "postgresql"),
];

/// The browser of the page's tests; only they need it.
const BROWSER: (&str, &str) = ("chromium", "chromium");

/// Packages of Go come as source.
const GO_GRPC: (&str, &str) =
    ("/usr/share/gocode/src/google.golang.org/grpc/server.go", "golang-google-grpc-dev");

/// What `python3 -m venv` needs is a package of its own on Debian.
const VENV_PACKAGE: &str = "python3-venv";

/// Python packages. `rotel` is a real OTLP receiver; `duckdb` reads the backend's files; the parts of OpenTelemetry write trace context and
/// report spans as real applications do.
const PYTHON: [&str; 25] = [
    "gunicorn==27.0.1",
    "flask==3.1.3",
    "requests==2.34.2",
    "uvicorn==0.54.0",
    "fastapi==0.165.0",
    "aiohttp==3.14.5",
    "httpx==0.28.1",
    "uvloop==0.23.0",
    "grpcio==1.85.3",
    "rotel==0.0.1a15",
    "duckdb==2.0.1",
    "redis==8.1.0",
    // Real clients of Elasticsearch, and what stands in for it and for ClickHouse.
    "elasticsearch==8.19.3",
    "noida-db==0.2.3",
    "asyncpg==0.32.0",
    "psycopg[binary,pool]==3.3.9",
    "opentelemetry-api==1.45.1",
    "opentelemetry-sdk==1.45.1",
    "opentelemetry-exporter-otlp-proto-grpc==1.45.1",
    "opentelemetry-exporter-otlp-proto-http==1.45.1",
    "opentelemetry-instrumentation-flask==0.66b1",
    "opentelemetry-instrumentation-requests==0.66b1",
    "opentelemetry-propagator-b3==1.45.1",
    "opentelemetry-propagator-jaeger==1.45.1",
    "opentelemetry-propagator-aws-xray==1.0.2",
];

/// Packages of Node.js, for the services of `cargo xtask bench accuracy`.
const NODE: [&str; 2] = ["pg@8.23.1", "redis@6.3.1"];

/// Installs what is missing, and returns the directory of the Python environment.
pub(crate) fn prepare(root: &Path) -> Result<PathBuf> {
    install_programs()?;
    let venv = root.join("target/test-env");
    install_python(&venv)?;
    install_node(&venv)?;
    Ok(venv)
}

fn install_programs() -> Result<()> {
    let has_venv = succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"]));
    let packages = missing(|program| which(program).is_some(), has_venv);
    if packages.is_empty() { Ok(()) } else { install(&packages) }
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
    say("creating the Python environment of the scenarios in target/test-env.");
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv))?;
    let options = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(Command::new(&python).args(options).args(PYTHON))?;
    std::fs::write(stamp, wanted)?;
    Ok(())
}

/// Without npm, the services that need its packages are left out, and say so.
fn install_node(venv: &Path) -> Result<()> {
    let stamp = venv.join("tracer-node-packages");
    let wanted = NODE.join("\n");
    if which("npm").is_none() || std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let options = ["install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"];
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
        assert!(NODE.iter().all(|package| package.contains('@')));
    }
}
