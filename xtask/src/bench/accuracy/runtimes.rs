//! The front services: this table is the only place that names them.

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::ids::Kind;
use super::proxies::{envoy, haproxy, nginx, php_fpm};
use super::store::Store;
use crate::bench::process::service;
use crate::shell::{cargo, run};

/// Where the parts of a front service are, and where it has to listen and to call.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// The Python environment.
    pub(super) venv: &'a Path,
    /// The folder of the services' sources.
    pub(super) apps: &'a Path,
    /// Where cargo puts what it builds.
    pub(super) target: &'a Path,
    /// A folder for what it writes.
    pub(super) directory: &'a Path,
    /// Where it listens.
    pub(super) front: SocketAddr,
    /// What it calls.
    pub(super) back: SocketAddr,
}

impl Place<'_> {
    /// The port to listen on and the address to call, as our own services take them.
    fn arguments(&self) -> [String; 2] {
        [self.front.port().to_string(), format!("http://{}", self.back)]
    }
}

/// A kind of front service.
#[derive(Debug)]
pub(super) struct Runtime {
    /// For `--runtime`, and in the tables.
    pub(super) name: &'static str,
    /// What it is, in one line.
    pub(super) what: &'static str,
    /// The ids stand in the calls as they are: it cannot compute.
    pub(super) plain: bool,
    /// Its requests carry an id in a header (`X-Request-Id`), which it passes on.
    pub(super) with_ids: bool,
    /// What it can do.
    pub(super) kinds: &'static [Kind],
    /// Kinds of requests whose calls have to be linked.
    pub(super) linked: &'static [Kind],
    /// What it calls in place of the back service.
    pub(super) store: Option<Store>,
    /// A command that prints its version.
    version: fn(&Place<'_>) -> Command,
    /// How it is started.
    command: fn(&Place<'_>) -> Result<Command>,
}

/// A thread or process serves one request at a time; parallel calls are made by a pool of other threads.
const THREADS: &[Kind] = &[Kind::One, Kind::Seq, Kind::Wait];
/// Tasks know who started them.
const TASKS: &[Kind] = &[Kind::One, Kind::Seq, Kind::Par, Kind::Wait];
/// What an event loop does at once. Of two parallel calls, only the one that is answered last is known.
const LOOP: &[Kind] = &[Kind::One, Kind::Seq];

/// JEP 444.
const FIRST_WITH_VIRTUAL_THREADS: u32 = 21;

/// Every front service.
pub(super) const RUNTIMES: [Runtime; 29] = [
    Runtime {
        name: "http.server",
        what: "CPython http.server, a thread for each connection; urllib3",
        plain: false,
        with_ids: false,
        kinds: &Kind::ALL,
        linked: THREADS,
        store: None,
        version: |place| python_version(place, &["urllib3"]),
        command: |place| Ok(python(place, "http_server.py")),
    },
    Runtime {
        name: "gunicorn-gthread",
        what: "gunicorn gthread, 1 worker of 8 threads; requests",
        plain: false,
        with_ids: false,
        kinds: &Kind::ALL,
        linked: THREADS,
        store: None,
        version: |place| python_version(place, &["gunicorn", "requests"]),
        command: |place| Ok(gunicorn(place, &["gthread", "--workers", "1", "--threads", "8"])),
    },
    Runtime {
        name: "gunicorn-sync",
        what: "gunicorn sync, 4 forked workers; requests",
        plain: false,
        with_ids: false,
        kinds: &Kind::ALL,
        linked: THREADS,
        store: None,
        version: |place| python_version(place, &["gunicorn", "requests"]),
        command: |place| Ok(gunicorn(place, &["sync", "--workers", "4"])),
    },
    Runtime {
        name: "aiohttp",
        what: "aiohttp server and client, asyncio's own loop",
        plain: false,
        with_ids: false,
        kinds: &Kind::ALL,
        linked: TASKS,
        store: None,
        version: |place| python_version(place, &["aiohttp"]),
        command: |place| Ok(python(place, "aiohttp_service.py")),
    },
    Runtime {
        name: "uvicorn",
        what: "FastAPI in uvicorn, asyncio's own loop; httpx",
        plain: false,
        with_ids: false,
        kinds: &Kind::ALL,
        linked: TASKS,
        store: None,
        version: |place| python_version(place, &["uvicorn", "fastapi", "httpx"]),
        command: |place| Ok(uvicorn(place, "asyncio")),
    },
    Runtime {
        name: "uvicorn-uvloop",
        what: "FastAPI in uvicorn, uvloop; httpx",
        plain: false,
        with_ids: false,
        kinds: &Kind::ALL,
        linked: TASKS,
        store: None,
        version: |place| python_version(place, &["uvicorn", "uvloop", "fastapi", "httpx"]),
        command: |place| Ok(uvicorn(place, "uvloop")),
    },
    Runtime {
        name: "node-fetch",
        what: "Node http server, async/await; fetch",
        plain: false,
        with_ids: false,
        kinds: &Kind::ALL,
        linked: LOOP,
        store: None,
        version: |_| version("node", "--version"),
        command: |place| Ok(node(place, "fetch")),
    },
    Runtime {
        name: "node-callback",
        what: "Node http server, callbacks; http.request with a keep-alive agent",
        plain: false,
        with_ids: false,
        kinds: &Kind::ALL,
        linked: LOOP,
        store: None,
        version: |_| version("node", "--version"),
        command: |place| Ok(node(place, "callback")),
    },
    Runtime {
        name: "nginx",
        what: "nginx as reverse proxy, a connection for each call",
        plain: true,
        with_ids: false,
        kinds: &[Kind::One],
        linked: &[Kind::One],
        store: None,
        version: |_| version("nginx", "-v"),
        command: |place| nginx(place, ""),
    },
    Runtime {
        name: "nginx-keepalive",
        what: "nginx as reverse proxy, kept upstream connections",
        plain: true,
        with_ids: false,
        kinds: &[Kind::One],
        linked: &[Kind::One],
        store: None,
        version: |_| version("nginx", "-v"),
        command: |place| nginx(place, "keepalive 64;"),
    },
    Runtime {
        name: "php-fpm",
        what: "nginx and PHP-FPM, 16 workers, by FastCGI; PHP's own HTTP client",
        plain: false,
        with_ids: false,
        kinds: &[Kind::One, Kind::Seq, Kind::Wait, Kind::After, Kind::Later],
        linked: THREADS,
        store: None,
        version: |_| version("php-fpm8.2", "--version"),
        command: php_fpm,
    },
    Runtime {
        name: "haproxy",
        what: "haproxy, 1 thread, `http-reuse always`",
        plain: true,
        with_ids: false,
        kinds: &[Kind::One],
        linked: &[],
        store: None,
        version: |_| version("haproxy", "-v"),
        command: haproxy,
    },
    Runtime {
        name: "haproxy-ids",
        what: "the same, for requests with an X-Request-Id",
        plain: true,
        with_ids: true,
        kinds: &[Kind::One],
        linked: &[Kind::One],
        store: None,
        version: |_| version("haproxy", "-v"),
        command: haproxy,
    },
    Runtime {
        name: "envoy",
        what: "Envoy, 1 worker thread, kept upstream connections; requests without an X-Request-Id get one",
        plain: true,
        with_ids: false,
        kinds: &[Kind::One],
        linked: &[],
        store: None,
        version: |place| version(tool(place, "envoy"), "--version"),
        command: envoy,
    },
    Runtime {
        name: "envoy-ids",
        what: "the same, for requests with an X-Request-Id",
        plain: true,
        with_ids: true,
        kinds: &[Kind::One],
        linked: &[Kind::One],
        store: None,
        version: |place| version(tool(place, "envoy"), "--version"),
        command: envoy,
    },
    Runtime {
        name: "java",
        what: "JDK HttpServer, 8 threads; java.net.http",
        plain: false,
        with_ids: false,
        kinds: &Kind::ALL,
        linked: &[],
        store: None,
        version: |_| version("java", "--version"),
        command: |place| Ok(java(place, "java".into(), "pool")),
    },
    Runtime {
        name: "java-blocking",
        what: "JDK HttpServer, 8 threads; HttpURLConnection",
        plain: false,
        with_ids: false,
        kinds: &Kind::ALL,
        linked: &[],
        store: None,
        version: |_| version("java", "--version"),
        command: |place| Ok(java(place, "java".into(), "blocking")),
    },
    Runtime {
        name: "java-virtual",
        what: "JDK HttpServer, a virtual thread for each request; java.net.http",
        plain: false,
        with_ids: false,
        kinds: &Kind::ALL,
        linked: &[],
        store: None,
        version: |_| version(newest_java(), "--version"),
        command: |place| Ok(java(place, newest_java(), "virtual")),
    },
    Runtime {
        name: "tokio",
        what: "Rust, axum and hyper's client on tokio, 4 worker threads",
        plain: false,
        with_ids: false,
        kinds: &Kind::ALL,
        linked: &[],
        store: None,
        version: |_| version("rustc", "--version"),
        command: tokio,
    },
    Runtime {
        name: "go",
        what: "Go net/http server and client",
        plain: false,
        with_ids: false,
        kinds: &Kind::ALL,
        linked: TASKS,
        store: None,
        version: |_| version("go", "version"),
        command: go,
    },
    Runtime {
        name: "puma",
        what: "Ruby, Puma with 8 threads; Net::HTTP",
        plain: false,
        with_ids: false,
        kinds: &Kind::ALL,
        linked: THREADS,
        store: None,
        version: |_| version("puma", "--version"),
        command: |place| Ok(puma(place)),
    },
    Runtime {
        name: "c-epoll",
        what: "C, one thread, one epoll loop",
        plain: false,
        with_ids: false,
        kinds: &Kind::ALL,
        linked: LOOP,
        store: None,
        version: |_| version("cc", "--version"),
        command: |place| event_loop(place, "epoll", &[]),
    },
    Runtime {
        name: "c-poll",
        what: "C, one thread, one poll loop, which is not named to the tracer",
        plain: false,
        with_ids: false,
        kinds: &Kind::ALL,
        linked: &[],
        store: None,
        version: |_| version("cc", "--version"),
        command: |place| event_loop(place, "poll", &["-DPOLL"]),
    },
    Runtime {
        name: "psycopg",
        what: "CPython http.server, a thread for each connection; PostgreSQL by psycopg, a pool of 64 connections",
        plain: false,
        with_ids: false,
        kinds: &Kind::ALL,
        linked: THREADS,
        store: Some(Store::Postgres),
        version: |place| python_version(place, &["psycopg", "psycopg-pool"]),
        command: |place| Ok(python(place, "http_server.py")),
    },
    Runtime {
        name: "asyncpg",
        what: "aiohttp server; PostgreSQL by asyncpg, a pool of 64 connections",
        plain: false,
        with_ids: false,
        kinds: &Kind::ALL,
        linked: TASKS,
        store: Some(Store::Postgres),
        version: |place| python_version(place, &["aiohttp", "asyncpg"]),
        command: |place| Ok(python(place, "aiohttp_service.py")),
    },
    Runtime {
        name: "node-postgres",
        what: "Node http server; PostgreSQL by pg, a pool of 64 connections",
        plain: false,
        with_ids: false,
        kinds: &Kind::ALL,
        linked: &[],
        store: Some(Store::Postgres),
        version: |place| node_version(place, "pg"),
        command: |place| Ok(node(place, "store")),
    },
    Runtime {
        name: "redis-py",
        what: "CPython http.server, a thread for each connection; Redis by redis-py, a pool of 64 connections",
        plain: false,
        with_ids: false,
        kinds: &Kind::ALL,
        linked: THREADS,
        store: Some(Store::Redis { pipelined: false }),
        version: |place| python_version(place, &["redis"]),
        command: |place| Ok(python(place, "http_server.py")),
    },
    Runtime {
        name: "redis-asyncio",
        what: "aiohttp server; Redis by redis-py's asyncio client, a pool of 64 connections",
        plain: false,
        with_ids: false,
        kinds: &Kind::ALL,
        linked: TASKS,
        store: Some(Store::Redis { pipelined: false }),
        version: |place| python_version(place, &["aiohttp", "redis"]),
        command: |place| Ok(python(place, "aiohttp_service.py")),
    },
    Runtime {
        name: "node-redis",
        what: "Node http server; Redis by node-redis, one connection for all",
        plain: false,
        with_ids: false,
        kinds: &Kind::ALL,
        linked: &[],
        store: Some(Store::Redis { pipelined: true }),
        version: |place| node_version(place, "redis"),
        command: |place| Ok(node(place, "store")),
    },
];

impl Runtime {
    /// Its version, or why it cannot run here.
    pub(super) fn version(&self, place: &Place<'_>) -> Result<String, String> {
        let mut command = (self.version)(place);
        let name = command.get_program().to_string_lossy().into_owned();
        let output = command.output().map_err(|_| format!("{name} is not installed"))?;
        if !output.status.success() {
            return Err(format!("{name} does not tell its version"));
        }
        // nginx tells it on standard error.
        let bytes = if output.stdout.is_empty() { output.stderr } else { output.stdout };
        let text = String::from_utf8_lossy(&bytes);
        Ok(text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned())
    }

    /// How it is started.
    pub(super) fn command(&self, place: &Place<'_>) -> Result<Command> {
        let mut command = (self.command)(place)?;
        command.env("BACK", format!("http://{}", place.back));
        Ok(command)
    }
}

fn version(program: impl AsRef<OsStr>, option: &str) -> Command {
    let mut command = Command::new(program);
    command.arg(option);
    command
}

fn node_version(place: &Place<'_>, package: &str) -> Command {
    let mut command = Command::new("node");
    command.env("NODE_PATH", node_modules(place)).args([
        "-e",
        "const name = process.argv[1]; console.log('Node', process.version, name, require(name + '/package.json').version)",
        package,
    ]);
    command
}

fn node_modules(place: &Place<'_>) -> PathBuf {
    place.venv.join("node_modules")
}

fn python_version(place: &Place<'_>, packages: &[&str]) -> Command {
    let mut command = Command::new(tool(place, "python"));
    command.args([
        "-c",
        "import importlib.metadata as m, platform, sys\n\
         print('CPython', platform.python_version(), *(f'{name} {m.version(name)}' for name in sys.argv[1:]))",
    ]);
    command.args(packages);
    command
}

pub(super) fn tool(place: &Place<'_>, name: &str) -> PathBuf {
    place.venv.join("bin").join(name)
}

fn python(place: &Place<'_>, script: &str) -> Command {
    let mut command = service(tool(place, "python"));
    command.arg(place.apps.join(script));
    command.args(place.arguments());
    command
}

fn gunicorn(place: &Place<'_>, class: &[&str]) -> Command {
    let mut command = service(tool(place, "gunicorn"));
    command.arg("--worker-class").args(class).arg("--bind").arg(place.front.to_string());
    command.args(["--keep-alive", "30", "--graceful-timeout", "1", "--no-control-socket", "--chdir"]);
    command.arg(place.apps).arg("wsgi:app");
    command
}

fn uvicorn(place: &Place<'_>, event_loop: &str) -> Command {
    let mut command = service(tool(place, "uvicorn"));
    command.args(["--loop", event_loop, "--log-level", "warning", "--timeout-keep-alive", "60"]);
    command.args(["--timeout-graceful-shutdown", "1", "--port"]).arg(place.front.port().to_string());
    command.arg("--app-dir").arg(place.apps).arg("asgi:app");
    command
}

fn node(place: &Place<'_>, client: &str) -> Command {
    let mut command = service("node");
    command.env("NODE_PATH", node_modules(place));
    command.arg(place.apps.join("node.js")).args(place.arguments()).arg(client);
    command
}

fn java(place: &Place<'_>, program: PathBuf, threads: &str) -> Command {
    let mut command = service(program);
    command.args(["-Xmx256m", "-XX:TieredStopAtLevel=1"]).arg(place.apps.join("JavaService.java"));
    command.args(place.arguments()).arg(threads);
    command
}

/// The JDK for virtual threads, which came with version 21: often not the one that PATH leads to.
fn newest_java() -> PathBuf {
    let homes = fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten();
    let release = |home: &Path| -> Option<u32> {
        let text = fs::read_to_string(home.join("release")).ok()?;
        let version = text.lines().find_map(|line| line.strip_prefix("JAVA_VERSION=\""))?;
        version.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
    };
    let newest = homes.filter_map(|home| Some((release(&home.path())?, home.path()))).max();
    newest
        .filter(|(version, _)| *version >= FIRST_WITH_VIRTUAL_THREADS)
        .map_or_else(|| "java-21".into(), |(_, home)| home.join("bin/java"))
}

fn tokio(place: &Place<'_>) -> Result<Command> {
    run(cargo(place.apps).args(["build", "--package", "tracer-tests", "--bin", "tokio_service"]))?;
    let mut command = service(place.target.join("debug/tokio_service"));
    command.args(place.arguments());
    Ok(command)
}

fn go(place: &Place<'_>) -> Result<Command> {
    let binary = place.directory.join("service");
    let mut build = Command::new("go");
    build.env("GO111MODULE", "off").args(["build", "-o"]).arg(&binary).arg(place.apps.join("service.go"));
    run(&mut build)?;
    let mut command = service(binary);
    command.args(place.arguments());
    Ok(command)
}

fn puma(place: &Place<'_>) -> Command {
    let mut command = service("puma");
    command
        .args(["--quiet", "--threads", "8:8", "--bind"])
        .arg(format!("tcp://{}?backlog=1024", place.front));
    command.args(["--environment", "production"]).arg(place.apps.join("puma.ru"));
    command
}

fn event_loop(place: &Place<'_>, name: &str, options: &[&str]) -> Result<Command> {
    let binary = place.directory.join(name);
    let mut compile = Command::new("cc");
    run(compile.arg("-O2").args(options).arg("-o").arg(&binary).arg(place.apps.join("loop.c")))?;
    let mut command = service(binary);
    command.arg(place.front.port().to_string()).arg(place.back.port().to_string());
    Ok(command)
}

pub(super) fn write(place: &Place<'_>, name: &str, text: &str) -> Result<PathBuf> {
    let file = place.directory.join(name);
    fs::write(&file, text).with_context(|| format!("{} could not be written.", file.display()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<_> = RUNTIMES.iter().map(|runtime| runtime.name).collect();
        assert_eq!(names.len(), RUNTIMES.len());
    }
}
