//! The services and clients that scenarios are made of.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    command::run,
    ports::free_port,
    scenario::{Scenario, workspace},
    service::{Listens, Service},
};

/// A small workload of this package (`oneshot`, `oddserver`, `swarm`, `syscalls`).
pub fn binary(name: &str) -> PathBuf {
    // The scenarios lie in target/PROFILE/deps, the workloads one folder up.
    let scenarios = std::env::current_exe().unwrap();
    let folder = scenarios.parent().and_then(Path::parent).unwrap();
    let path = folder.join(name);
    assert!(path.exists(), "{} does not exist; `cargo build -p tracer-tests` makes it.", path.display());
    path
}

/// A script of this package.
pub fn script(name: &str) -> PathBuf {
    workspace().join("tests/apps").join(name)
}

/// A program of the Python environment that `cargo xtask test` prepares.
pub fn python_tool(name: &str) -> PathBuf {
    let environment = std::env::var_os("TRACER_TEST_ENV")
        .map_or_else(|| workspace().join("target/test-env"), PathBuf::from);
    let path = environment.join("bin").join(name);
    assert!(
        path.exists(),
        "{} does not exist; run `cargo xtask test`, which makes the environment, or set TRACER_TEST_ENV.",
        path.display()
    );
    path
}

/// A Python script of this package with arguments.
pub fn python<I: AsRef<OsStr>>(name: &str, args: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new(python_tool("python"));
    command.arg(script(name)).args(args);
    command
}

/// `threaded_backend.py`; with `next`, it asks that service before it answers.
#[track_caller]
pub fn threaded_backend(scenario: &Scenario, next: Option<&Service>) -> Service {
    let port = free_port();
    let mut command = python("threaded_backend.py", [port.to_string()]);
    command.args(next.map(|service| service.url("")));
    Service::start(scenario, &format!("threaded_backend-{port}"), command, Listens::port(port))
}

/// A Python service that takes its port and the address of the service that it calls.
#[track_caller]
pub fn python_front(scenario: &Scenario, script: &str, backend: &Service) -> Service {
    let port = free_port();
    let command = python(script, [port.to_string(), backend.url("")]);
    Service::start(scenario, script, command, Listens::port(port))
}

/// A Python service that takes its port as the only argument.
#[track_caller]
pub fn python_server(scenario: &Scenario, name: &str) -> Service {
    let port = free_port();
    Service::start(scenario, name, python(name, [port.to_string()]), Listens::port(port))
}

/// A Node script with its port and more arguments.
#[track_caller]
pub fn node(scenario: &Scenario, name: &str, args: &[String]) -> Service {
    let port = free_port();
    let mut command = Command::new("node");
    command.arg(script(name)).arg(port.to_string()).args(args);
    Service::start(scenario, name, command, Listens::port(port))
}

/// gunicorn with one worker of four threads, running `flask_front.py` in front of `backend`.
#[track_caller]
pub fn flask_front(scenario: &Scenario, backend: &Service, listens: Listens) -> Service {
    let bind = match &listens {
        Listens::Tcp(address) => address.to_string(),
        Listens::Unix(path) => format!("unix:{}", path.display()),
    };
    let mut command = Command::new(python_tool("gunicorn"));
    command
        .args(["--workers", "1", "--threads", "4", "--worker-class", "gthread", "--bind", &bind])
        .args(["--no-control-socket", "--chdir"])
        .arg(script(""))
        .arg("flask_front:app")
        .env("BACKEND", backend.url(""));
    Service::start(scenario, "flask_front", command, listens)
}

/// `oddserver`, whose gate opens with [`open_gate`].
#[track_caller]
pub fn oddserver(scenario: &Scenario) -> Service {
    let port = free_port();
    let mut command = Command::new(binary("oddserver"));
    command.arg(port.to_string()).arg(scenario.file("gate"));
    Service::start(scenario, "oddserver", command, Listens::port(port))
}

/// Lets `oddserver` go on where it waits.
pub fn open_gate(scenario: &Scenario) {
    fs::write(scenario.file("gate"), "").unwrap();
}

/// What nginx does with a request.
pub enum Upstream<'a> {
    /// Answers by itself.
    None,
    /// Answers with the files of a folder.
    Files(&'a Path),
    /// Asks a service over a new connection each time (HTTP/1.0, as nginx does by default).
    Closing(&'a Service),
    /// Asks a service over kept connections (HTTP/1.1).
    Kept(&'a Service),
}

/// nginx with one worker.
#[track_caller]
pub fn nginx(scenario: &Scenario, upstream: &Upstream<'_>) -> Service {
    nginx_speaking(scenario, upstream, "")
}

/// nginx with one worker that speaks HTTP/2 in clear text and nothing else.
#[track_caller]
pub fn nginx_http2(scenario: &Scenario, upstream: &Upstream<'_>) -> Service {
    nginx_speaking(scenario, upstream, "http2")
}

#[track_caller]
fn nginx_speaking(scenario: &Scenario, upstream: &Upstream<'_>, protocol: &str) -> Service {
    let port = free_port();
    let address = |service: &Service| match service.listens() {
        Listens::Tcp(address) => address.to_string(),
        Listens::Unix(path) => format!("unix:{}", path.display()),
    };
    let (block, action) = match upstream {
        Upstream::None => (String::new(), "return 200 \"hello\\n\";".to_owned()),
        Upstream::Files(folder) => (String::new(), format!("root {}; sendfile on;", folder.display())),
        Upstream::Closing(service) => (String::new(), format!("proxy_pass http://{};", address(service))),
        Upstream::Kept(service) => (
            format!("upstream backend {{ server {}; keepalive 64; }}", address(service)),
            "proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection \"\";".to_owned(),
        ),
    };
    let folder = scenario.file(&format!("nginx-{port}"));
    fs::create_dir_all(&folder).unwrap();
    let folder = folder.display();
    let config = scenario.write(
        &format!("nginx-{port}.conf"),
        &format!(
            "daemon off; worker_processes 1; user root; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 100000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  {block}
  server {{ listen 127.0.0.1:{port} backlog=4096 {protocol}; location / {{ {action} }} }}
}}
"
        ),
    );
    let mut command = Command::new("nginx");
    command.arg("-c").arg(config);
    Service::start(scenario, &format!("nginx-{port}"), command, Listens::port(port))
}

/// `nghttpd`, which speaks HTTP/2 alone, with the files of a folder.
#[track_caller]
pub fn nghttpd(scenario: &Scenario, folder: &Path) -> Service {
    let port = free_port();
    let mut command = Command::new("nghttpd");
    command.args(["--no-tls", "--address=127.0.0.1", "--htdocs"]).arg(folder).arg(port.to_string());
    Service::start(scenario, &format!("nghttpd-{port}"), command, Listens::port(port))
}

/// `nghttpx` with one worker in front of a service that speaks HTTP/2 in clear text.
#[track_caller]
pub fn nghttpx(scenario: &Scenario, backend: &Service) -> Service {
    let port = free_port();
    let mut command = Command::new("nghttpx");
    command
        .args(["--conf=/dev/null", "--workers=1", "--single-process", "--no-ocsp", "--log-level=ERROR"])
        .arg("--errorlog-file=/dev/stderr")
        .arg(format!("--frontend=127.0.0.1,{port};no-tls"))
        .arg(format!("--backend=127.0.0.1,{};/;proto=h2", backend.port()));
    Service::start(scenario, &format!("nghttpx-{port}"), command, Listens::port(port))
}

/// `grpc_server.py`; with `next`, its Forward methods ask that one.
#[track_caller]
pub fn grpc_server(scenario: &Scenario, next: Option<&Service>) -> Service {
    let port = free_port();
    let mut command = python("grpc_server.py", [port.to_string()]);
    command.args(next.map(|service| service.address().to_string()));
    Service::start(scenario, &format!("grpc_server-{port}"), command, Listens::port(port))
}

/// Runs `curl -s` with `args` and hands back the body of the answer.
#[track_caller]
pub fn curl<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> String {
    let output = run(Command::new("curl").args(["--silent", "--show-error", "--max-time", "30"]).args(args));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
