//! Two hosts, in the form of two network namespaces with a tracer for each: requests without trace context in between.

use std::process::Command;

use serde_json::Value;
use tracer_tests::{
    apps::{curl, flask, python},
    command::run,
    daemon::{Daemon, tracer},
    network::Network,
    ports::free_port,
    scenario::Scenario,
    service::{Listens, Service},
    wait::wait_until,
};

/// The backend joins what the tracers tell: curl and the front service on one host, what that calls on the other.
#[test]
fn the_sequence_number_joins_what_two_tracers_see() {
    let scenario = Scenario::start("hosts");
    let network = Network::create("tracer");
    let [here, there] = &network.hosts;
    let address = there.port(free_port());
    let mut command = python("threaded_backend.py", [address.port().to_string()]);
    command.env("BIND", there.address.to_string());
    let back = Service::start_in(there, &scenario, "threaded_backend", &command, address);
    let front = flask(&back, Listens::Tcp(here.port(free_port()))).start_in(here, &scenario);

    let (query, http) = (free_port(), free_port());
    let loopback = |port: u16| format!("127.0.0.1:{port}");
    let mut server = tracer();
    server.arg("server").arg("--data").arg(scenario.file("data"));
    server.args([
        "--query",
        &loopback(query),
        "--otlp-http",
        &loopback(http),
        "--otlp-grpc",
        &loopback(free_port()),
    ]);
    let _server = Daemon::start_command(&scenario, "server", server, "");
    let attach = |name: &str, included: &[&str]| {
        let mut agent = tracer();
        agent.arg("agent").arg("--socket").arg(scenario.file(&format!("{name}.sock")));
        for rule in included {
            agent.args(["--include", rule]);
        }
        agent.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", loopback(http)));
        agent.env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
        Daemon::start_command(&scenario, name, agent, "tracer is attached")
    };
    let _daemons = [
        attach("here", &["command=*flask_front*", "exe=curl"]),
        attach("there", &["command=*threaded_backend*"]),
    ];

    let json = |path: &str| -> Value {
        serde_json::from_str(&curl([format!("http://{}{path}", loopback(query))])).unwrap()
    };
    let find = |service: &str| {
        let found = json(&format!("/api/v1/traces?service={service}&tag=url.path=/hosts/hello"));
        found["traces"].as_array().unwrap().clone()
    };
    let mut ask = Command::new("curl");
    ask.args(["--silent", "--show-error", "--max-time", "30", &front.url("/hosts/hello")]);
    run(&mut here.inside(&ask));
    wait_until("both parts are stored", || {
        !find("flask_front").is_empty() && !find("threaded_backend").is_empty()
    });

    let (asked, begun) = (find("flask_front")[0].clone(), find("threaded_backend")[0].clone());
    assert_ne!(asked["trace_id"], begun["trace_id"], "neither tracer knows of the other");
    let trace = json(&format!("/api/v1/traces/{}", asked["trace_id"].as_str().unwrap()));
    let mut chain = Vec::new();
    let mut parent = Value::Null;
    while let Some(span) =
        trace["spans"].as_array().unwrap().iter().find(|span| span["parent_span_id"] == parent)
    {
        chain.push(format!("{} {}", span["kind"].as_str().unwrap(), span["service"].as_str().unwrap()));
        parent = span["span_id"].clone();
    }
    assert_eq!(chain, ["client curl", "server flask_front", "client flask_front", "server threaded_backend"]);
    assert_eq!(trace["spans"].as_array().unwrap().len(), 4);
}
