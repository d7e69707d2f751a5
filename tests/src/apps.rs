//! The services and clients that scenarios are made of.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    cgroup::Cgroup,
    command::run,
    network::Namespace,
    ports::free_port,
    scenario::{Scenario, workspace},
    service::{Listens, Service},
};

/// A service that is not started yet.
pub struct Prepared {
    name: String,
    command: Command,
    listens: Listens,
}

impl Prepared {
    /// Starts it in a network namespace.
    #[track_caller]
    pub fn start_in(self, host: &Namespace, scenario: &Scenario) -> Service {
        let Listens::Tcp(address) = self.listens else { panic!("{} listens on no address", self.name) };
        Service::start_in(host, scenario, &self.name, &self.command, address)
    }

    /// Starts it, in a cgroup of its own if one is given.
    #[track_caller]
    pub fn start(self, scenario: &Scenario, cgroup: Option<&Cgroup>) -> Service {
        let command = match cgroup {
            Some(cgroup) => cgroup.inside(&self.command),
            None => self.command,
        };
        Service::start(scenario, &self.name, command, self.listens)
    }
}

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
    prepared(&Path::new("bin").join(name))
}

/// A file of the environment that `cargo xtask test` prepares.
fn prepared(name: &Path) -> PathBuf {
    let environment = std::env::var_os("TRACER_TEST_ENV")
        .map_or_else(|| workspace().join("target/test-env"), PathBuf::from);
    let path = environment.join(name);
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

/// `aiohttp_front.py` in front of `backend`, not started yet.
pub fn aiohttp_prepared(backend: &Service) -> Prepared {
    let port = free_port();
    let command = python("aiohttp_front.py", [port.to_string(), backend.url("")]);
    Prepared { name: "aiohttp_front".to_owned(), command, listens: Listens::port(port) }
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
    node_by(Command::new("node"), scenario, name, args)
}

/// A Node script that uses packages, with its port and more arguments.
#[track_caller]
pub fn node_with_packages(scenario: &Scenario, name: &str, args: &[String]) -> Service {
    node_by(packages_of_node(), scenario, name, args)
}

/// Node with the packages that `cargo xtask test` prepares.
fn packages_of_node() -> Command {
    let mut command = Command::new("node");
    command.env("NODE_PATH", prepared(Path::new("node_modules")));
    command
}

#[track_caller]
fn node_by(mut command: Command, scenario: &Scenario, name: &str, args: &[String]) -> Service {
    let port = free_port();
    command.arg(script(name)).arg(port.to_string()).args(args);
    Service::start(scenario, name, command, Listens::port(port))
}

/// gunicorn with one worker of four threads, running `flask_front.py` in front of `backend`.
#[track_caller]
pub fn flask_front(scenario: &Scenario, backend: &Service, listens: Listens) -> Service {
    flask(backend, listens).start(scenario, None)
}

/// As [`flask_front`], not started yet.
pub fn flask(backend: &Service, listens: Listens) -> Prepared {
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
    Prepared { name: "flask_front".to_owned(), command, listens }
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
    /// Passes it on to `fpm.php` by FastCGI, over a new connection each time.
    FastCgi(&'a Service),
    /// As `FastCgi`, over kept connections.
    FastCgiKept(&'a Service),
}

/// nginx with one worker.
#[track_caller]
pub fn nginx(scenario: &Scenario, upstream: &Upstream<'_>) -> Service {
    nginx_prepared(scenario, upstream).start(scenario, None)
}

/// As [`nginx`], not started yet.
pub fn nginx_prepared(scenario: &Scenario, upstream: &Upstream<'_>) -> Prepared {
    nginx_with(scenario, upstream, None, "")
}

/// nginx with one worker that speaks TLS.
#[track_caller]
pub fn nginx_tls(scenario: &Scenario, upstream: &Upstream<'_>) -> Service {
    nginx_with(scenario, upstream, Some(&certificate(scenario)), "").start(scenario, None)
}

/// The URL of a path of a service that speaks TLS.
#[track_caller]
pub fn https(service: &Service, path: &str) -> String {
    format!("https://{}{path}", service.address())
}

/// A certificate for 127.0.0.1 with its key, in one file: one for all services of a scenario, which may still be reading it.
#[track_caller]
pub fn certificate(scenario: &Scenario) -> PathBuf {
    let file = scenario.file("certificate.pem");
    if file.exists() {
        return file;
    }
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    scenario.write("certificate.pem", &(cert.pem() + &signing_key.serialize_pem()))
}

/// `threaded_backend.py`, `aiohttp_front.py` or `node_front.js`, speaking TLS; with `next` (a URL), it asks that before it answers.
#[track_caller]
pub fn tls_service(scenario: &Scenario, name: &str, next: Option<&str>) -> Service {
    let port = free_port();
    let is_node = Path::new(name).extension().is_some_and(|extension| extension == "js");
    let mut command = Command::new(if is_node { "node".into() } else { python_tool("python") });
    command.arg(script(name)).arg(port.to_string()).args(next).env("TLS_CERTIFICATE", certificate(scenario));
    Service::start(scenario, &format!("{name}-{port}"), command, Listens::port(port))
}

/// `go_service.go`.
#[derive(Default)]
pub struct Go {
    tls: bool,
    http2: bool,
    stripped: bool,
}

impl Go {
    /// It serves HTTPS.
    #[must_use]
    pub fn tls(self) -> Self {
        Self { tls: true, ..self }
    }

    /// It asks services over HTTPS by HTTP/2.
    #[must_use]
    pub fn http2(self) -> Self {
        Self { http2: true, ..self }
    }

    /// Without symbols and debug information.
    #[must_use]
    pub fn stripped(self) -> Self {
        Self { stripped: true, ..self }
    }

    /// Builds and starts it; with `next` (a URL), it asks that before it answers.
    #[track_caller]
    pub fn start(self, scenario: &Scenario, next: Option<&str>) -> Service {
        let port = free_port();
        // Each has a file of its own, since probes belong to files.
        let program = scenario.file(&format!("go-{port}")).join("go_service");
        let mut build = Command::new("go");
        build.env("GO111MODULE", "off").args(["build", "-o"]).arg(&program);
        build.args(self.stripped.then_some("-ldflags=-s -w")).arg(script("go_service.go"));
        run(&mut build);
        let mut command = Command::new(program);
        command.arg(port.to_string()).args(next);
        if self.tls {
            command.env("TLS_CERTIFICATE", certificate(scenario));
        }
        if self.http2 {
            command.env("HTTP2", "1");
        }
        Service::start(scenario, &format!("go_service-{port}"), command, Listens::port(port))
    }
}

/// Builds a program of this package in Go, with the distribution's packages, without symbols: once for each scenario.
#[track_caller]
pub fn go_program(scenario: &Scenario, source: &str) -> PathBuf {
    let program = scenario.file(source.trim_end_matches(".go"));
    if !program.exists() {
        let mut build = Command::new("go");
        build.env("GO111MODULE", "off").env("GOPATH", "/usr/share/gocode");
        run(build.args(["build", "-ldflags=-s -w", "-o"]).arg(&program).arg(script(source)));
    }
    program
}

/// `go_grpc.go` as a server, or as an HTTP service in front of `server`, which is held up by a gate (see [`open_gate`]).
#[track_caller]
pub fn go_grpc(scenario: &Scenario, server: Option<&Service>, tls: bool) -> Service {
    let port = free_port();
    // One file for both, so that they are probed together.
    let mut command = Command::new(go_program(scenario, "go_grpc.go"));
    command.args([if server.is_some() { "front" } else { "server" }, &port.to_string()]);
    if let Some(server) = server {
        command.arg(server.address().to_string()).arg(scenario.file("gate"));
    }
    if tls {
        command.env("TLS_CERTIFICATE", certificate(scenario));
    }
    Service::start(scenario, &format!("go_grpc-{port}"), command, Listens::port(port))
}

/// nginx with one worker that speaks HTTP/2 in clear text and nothing else.
#[track_caller]
pub fn nginx_http2(scenario: &Scenario, upstream: &Upstream<'_>) -> Service {
    nginx_with(scenario, upstream, None, "http2").start(scenario, None)
}

fn nginx_with(
    scenario: &Scenario,
    upstream: &Upstream<'_>,
    certificate: Option<&Path>,
    protocol: &str,
) -> Prepared {
    let port = free_port();
    let address = |service: &Service| match service.listens() {
        Listens::Tcp(address) => address.to_string(),
        Listens::Unix(path) => format!("unix:{}", path.display()),
    };
    let fastcgi = |to: &str| {
        let script = script("fpm.php");
        let file = format!("fastcgi_param SCRIPT_FILENAME {};", script.display());
        format!("include /etc/nginx/fastcgi_params; {file} fastcgi_pass {to};")
    };
    let (ssl, keys) = certificate.map_or_else(Default::default, |file| {
        ("ssl", format!("ssl_certificate {0}; ssl_certificate_key {0};", file.display()))
    });
    let (block, action) = match upstream {
        Upstream::None => (String::new(), "return 200 \"hello\\n\";".to_owned()),
        Upstream::Files(folder) => (String::new(), format!("root {}; sendfile on;", folder.display())),
        Upstream::Closing(service) => (String::new(), format!("proxy_pass http://{};", address(service))),
        Upstream::FastCgi(service) => (String::new(), fastcgi(&address(service))),
        Upstream::FastCgiKept(service) => (
            format!("upstream backend {{ server {}; keepalive 64; }}", address(service)),
            format!("{} fastcgi_keep_conn on;", fastcgi("backend")),
        ),
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
            "daemon off; worker_processes 1; worker_rlimit_nofile 16000; user root; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 12000; }}
http {{
  access_log off; keepalive_requests 100000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  {block}
  server {{ listen 127.0.0.1:{port} backlog=4096 {ssl} {protocol}; {keys} location / {{ {action} }} }}
}}
"
        ),
    );
    let mut command = Command::new("nginx");
    command.arg("-c").arg(config);
    Prepared { name: format!("nginx-{port}"), command, listens: Listens::port(port) }
}

/// PHP-FPM with two workers, whose scripts call `backend`; on a socket file, or a port.
#[track_caller]
pub fn php_fpm(scenario: &Scenario, backend: &Service, on_file: bool) -> Service {
    let listens = if on_file { Listens::Unix(scenario.file("fpm.sock")) } else { Listens::port(free_port()) };
    let address = match &listens {
        Listens::Tcp(address) => address.to_string(),
        Listens::Unix(path) => path.display().to_string(),
    };
    let config = scenario.write(
        "fpm.conf",
        &format!(
            "[global]
daemonize = no
error_log = {}
[www]
user = root
group = root
listen = {address}
pm = static
pm.max_children = 2
env[BACK] = {}
php_admin_flag[display_errors] = off
php_admin_flag[log_errors] = on
",
            scenario.file("fpm-error.log").display(),
            backend.url("")
        ),
    );
    let mut command = Command::new("php-fpm8.2");
    command.args(["--allow-to-run-as-root", "--no-php-ini", "--fpm-config"]).arg(config);
    Service::start(scenario, "php-fpm", command, listens)
}

/// Where [`resolver`] listens: nobody else does.
const RESOLVER: &str = "127.0.0.153";

/// dnsmasq, which knows `back.example` (127.0.0.1) and `dual.example` (127.0.0.1 and ::1), and that `missing.example` is not there. Over
/// TCP too.
#[track_caller]
pub fn resolver(scenario: &Scenario) -> Service {
    let mut command = Command::new("dnsmasq");
    command.args([
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
        "--user=root",
    ]);
    command.args(["--bind-interfaces", "--pid-file=", "--local=/example/", "--log-facility=-"]);
    command.arg(format!("--listen-address={RESOLVER}"));
    command.args(["--host-record=back.example,127.0.0.1", "--host-record=dual.example,127.0.0.1,::1"]);
    let address = (RESOLVER.parse::<std::net::Ipv4Addr>().unwrap(), 53).into();
    Service::start(scenario, "dnsmasq", command, Listens::Tcp(address))
}

/// A command that asks [`resolver`] for names: in a mount namespace with a resolv.conf of its own.
pub fn asks_resolver(scenario: &Scenario, command: &Command) -> Command {
    let file = scenario.write("resolv.conf", &format!("nameserver {RESOLVER}\n"));
    let mut inside = Command::new("unshare");
    let script = "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"";
    inside
        .args(["--mount", "sh", "-c", script])
        .arg(file)
        .arg(command.get_program())
        .args(command.get_args());
    inside
}

/// `lookups_front.py`, which calls `backend` by name.
#[track_caller]
pub fn lookups_front(scenario: &Scenario, backend: &Service) -> Service {
    let port = free_port();
    let command =
        python("lookups_front.py", [port, backend.port(), free_port()].map(|port| port.to_string()));
    Service::start(scenario, "lookups_front", asks_resolver(scenario, &command), Listens::port(port))
}

/// `nghttpd`, which speaks HTTP/2 alone, with the files of a folder.
#[track_caller]
pub fn nghttpd(scenario: &Scenario, folder: &Path) -> Service {
    let port = free_port();
    let mut command = Command::new("nghttpd");
    command.args(["--no-tls", "--address=127.0.0.1", "--htdocs"]).arg(folder).arg(port.to_string());
    Service::start(scenario, &format!("nghttpd-{port}"), command, Listens::port(port))
}

/// As [`nghttpd`], speaking TLS.
#[track_caller]
pub fn nghttpd_tls(scenario: &Scenario, folder: &Path) -> Service {
    let port = free_port();
    let certificate = certificate(scenario);
    let mut command = Command::new("nghttpd");
    command.args(["--address=127.0.0.1", "--htdocs"]).arg(folder).arg(port.to_string());
    command.arg(&certificate).arg(&certificate);
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

/// As [`grpc_server`], speaking TLS.
#[track_caller]
pub fn grpc_server_tls(scenario: &Scenario) -> Service {
    let port = free_port();
    let mut command = python("grpc_server.py", [port.to_string()]);
    command.env("TLS_CERTIFICATE", certificate(scenario));
    Service::start(scenario, &format!("grpc_server-{port}"), command, Listens::port(port))
}

/// `grpc_js.js` as a server.
#[track_caller]
pub fn grpc_js(scenario: &Scenario, tls: bool) -> Service {
    let port = free_port();
    let mut command = packages_of_node();
    command.arg(script("grpc_js.js")).args(["server", &port.to_string()]);
    if tls {
        command.env("TLS_CERTIFICATE", certificate(scenario));
    }
    Service::start(scenario, &format!("grpc_js-{port}"), command, Listens::port(port))
}

/// `grpc_js.js` as a client; with a certificate, it speaks TLS and trusts that one.
pub fn grpc_js_client(server: &Service, certificate: Option<&Path>) -> Command {
    let mut command = packages_of_node();
    command.arg(script("grpc_js.js")).args(["client", &server.address().to_string()]);
    command.envs(certificate.map(|file| ("TLS_CERTIFICATE", file)));
    command
}

/// envoy with one worker that speaks TLS and HTTP/2, in front of a service that speaks HTTP/1.
#[track_caller]
pub fn envoy_tls(scenario: &Scenario, backend: &Service) -> Service {
    let port = free_port();
    let certificate = certificate(scenario);
    let config = format!(
        r#"static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
          route_config:
            virtual_hosts:
            - {{name: all, domains: ["*"], routes: [{{match: {{prefix: "/"}}, route: {{cluster: back}}}}]}}
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: [h2, http/1.1]
            tls_certificates:
            - {{certificate_chain: {{filename: "{pem}"}}, private_key: {{filename: "{pem}"}}}}
  clusters:
  - name: back
    type: STATIC
    load_assignment:
      cluster_name: back
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {back}}}}}}}
"#,
        pem = certificate.display(),
        back = backend.port(),
    );
    let config = scenario.write(&format!("envoy-{port}.yaml"), &config);
    let mut command = Command::new(python_tool("envoy"));
    command.args(["--concurrency", "1", "--log-level", "error", "--use-dynamic-base-id", "-c"]).arg(config);
    Service::start(scenario, &format!("envoy-{port}"), command, Listens::port(port))
}

/// Runs `curl -s` with `args` and hands back the body of the answer.
#[track_caller]
pub fn curl<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> String {
    let output = run(Command::new("curl").args(["--silent", "--show-error", "--max-time", "30"]).args(args));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A Redis server without persistence.
#[track_caller]
pub fn redis(scenario: &Scenario) -> Service {
    let port = free_port();
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string()]);
    Service::start(scenario, "redis", command, Listens::port(port))
}

/// A PostgreSQL server with an empty database `shop`.
#[track_caller]
pub fn postgres(scenario: &Scenario) -> Service {
    let programs = postgres_programs();
    let port = free_port();
    let data = scenario.file("postgres");
    fs::create_dir_all(&data).unwrap();
    // Its server refuses to run as root, and as anyone who does not own the data.
    run(Command::new("chown").arg("postgres").arg(&data));
    let as_owner = |program: &str| {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(programs.join(program)).current_dir("/");
        command
    };
    run(as_owner("initdb").args(["--no-sync", "--auth=trust", "--username=postgres", "--pgdata"]).arg(&data));
    // It reads no key that others may read.
    let certificate = data.join("certificate.pem");
    fs::copy(self::certificate(scenario), &certificate).unwrap();
    run(Command::new("chmod").arg("600").arg(&certificate));
    run(Command::new("chown").arg("postgres").arg(&certificate));
    let mut command = as_owner("postgres");
    command.arg("-D").arg(&data).args(["-p", &port.to_string()]);
    command.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]);
    for setting in ["ssl=on", "ssl_cert_file=certificate.pem", "ssl_key_file=certificate.pem"] {
        command.args(["-c", setting]);
    }
    let service = Service::start(scenario, "postgres-server", command, Listens::port(port));
    let mut create = Command::new(programs.join("createdb"));
    create.args(["--host=127.0.0.1", "--username=postgres", "--port", &port.to_string(), "shop"]);
    run(&mut create);
    service
}

/// One of the services of `noida-db`, which speaks the protocols of many databases.
#[track_caller]
pub fn noida_db(scenario: &Scenario, service: &str) -> Service {
    let port = free_port();
    let mut command = Command::new(python_tool("noida-db"));
    command.args(["start", "--only", service, &format!("--{service}-port"), &port.to_string()]);
    command.arg("--data-dir").arg(scenario.file("noida-db"));
    Service::start(scenario, "noida-db", command, Listens::port(port))
}

/// Where Debian has the programs of the newest PostgreSQL.
fn postgres_programs() -> PathBuf {
    let versions =
        fs::read_dir("/usr/lib/postgresql").unwrap().map(|entry| entry.unwrap().path().join("bin"));
    let mut complete: Vec<_> = versions.filter(|path| path.join("initdb").exists()).collect();
    complete.sort();
    complete.pop().expect("/usr/lib/postgresql has a server")
}

/// A MariaDB server without databases, where `root` needs no password.
#[track_caller]
pub fn mariadb(scenario: &Scenario) -> Service {
    let port = free_port();
    let data = scenario.file("mariadb");
    let mut install = Command::new("mariadb-install-db");
    install.args([
        "--no-defaults",
        "--user=root",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
    ]);
    run(install.arg(format!("--datadir={}", data.display())));
    let certificate = certificate(scenario);
    let mut command = Command::new("mariadbd");
    command
        .args([
            "--no-defaults",
            "--user=root",
            "--bind-address=127.0.0.1",
            "--innodb-flush-log-at-trx-commit=0",
        ])
        .arg(format!("--port={port}"))
        .arg(format!("--datadir={}", data.display()))
        .arg(format!("--socket={}", data.join("socket").display()))
        .arg(format!("--ssl-cert={}", certificate.display()))
        .arg(format!("--ssl-key={}", certificate.display()));
    Service::start(scenario, "mariadb-server", command, Listens::port(port))
}

/// A Memcached server.
#[track_caller]
pub fn memcached(scenario: &Scenario) -> Service {
    let port = free_port();
    let mut command = Command::new("memcached");
    command.args(["-u", "nobody", "-l", "127.0.0.1", "-U", "0", "-p", &port.to_string()]);
    Service::start(scenario, "memcached", command, Listens::port(port))
}

/// `cql_server.py`, which speaks Cassandra's protocol.
#[track_caller]
pub fn cql_server(scenario: &Scenario) -> Service {
    let port = free_port();
    Service::start(scenario, "cql_server", python("cql_server.py", [port.to_string()]), Listens::port(port))
}

/// A server that speaks MongoDB's wire protocol; it is not MongoDB.
#[track_caller]
pub fn mongodb(scenario: &Scenario) -> Service {
    noida_db(scenario, "mongodb")
}

/// `database_front.py` in front of a database.
#[track_caller]
pub fn database_front(scenario: &Scenario, kind: &str, database: &Service) -> Service {
    database_front_with(scenario, kind, database, false)
}

/// As [`database_front`], asking by TLS.
#[track_caller]
pub fn database_front_tls(scenario: &Scenario, kind: &str, database: &Service) -> Service {
    database_front_with(scenario, kind, database, true)
}

#[track_caller]
fn database_front_with(scenario: &Scenario, kind: &str, database: &Service, tls: bool) -> Service {
    let port = free_port();
    let mut command =
        python("database_front.py", [port.to_string(), kind.to_owned(), database.port().to_string()]);
    command.args(tls.then_some("tls"));
    Service::start(scenario, &format!("database_front-{port}"), command, Listens::port(port))
}
