//! `tracer run` and `tracer server`: the tracer with its own backend.

use std::{fs, net::SocketAddr, path::Path, process::Command};

use nix::{
    sys::signal::kill,
    unistd::{Pid, User},
};
use serde_json::Value;
use tracer_tests::{
    apps::{curl, python_tool, threaded_backend},
    command::run,
    daemon::{Daemon, tracer},
    ports::free_port,
    scenario::Scenario,
    wait::wait_until,
};

/// A path that everybody may go through, as the server's user has to; gone at the end.
pub(super) fn public_directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir_in("/var/tmp").unwrap();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(directory.path(), everybody).unwrap();
    directory
}

fn loopback(port: u16) -> String {
    SocketAddr::from(([127, 0, 0, 1], port)).to_string()
}

/// `tracer run` or `tracer server` with a data directory; also the port of its page and that of OTLP/HTTP.
fn start(scenario: &Scenario, what: &str, data: &Path, ready: &str) -> (Daemon, u16, u16) {
    start_with(scenario, what, data, ready, &[])
}

/// As [`start`], with further arguments.
pub(super) fn start_with(
    scenario: &Scenario,
    what: &str,
    data: &Path,
    ready: &str,
    arguments: &[&str],
) -> (Daemon, u16, u16) {
    let (query, http) = (free_port(), free_port());
    let mut command = tracer();
    command.arg(what).arg("--data").arg(data).args(arguments);
    command.args([
        "--query",
        &loopback(query),
        "--otlp-http",
        &loopback(http),
        "--otlp-grpc",
        &loopback(free_port()),
    ]);
    if what == "run" {
        command.arg("--socket").arg(scenario.file("tracer.sock"));
    }
    (Daemon::start_command(scenario, what, command, ready), query, http)
}

pub(super) fn json(port: u16, path: &str) -> Value {
    let body = curl([format!("http://127.0.0.1:{port}{path}")]);
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path} is no JSON ({error}): {body}"))
}

/// The process that a process started.
fn child_of(pid: u32) -> u32 {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.trim().parse().unwrap_or_else(|_| panic!("There is not one child but: {children:?}"))
}

#[test]
fn run_keeps_what_it_traces_with_a_server_without_privileges() {
    let scenario = Scenario::start("own_backend");
    let directory = public_directory();
    let data = directory.path().join("data");
    let service = threaded_backend(&scenario, None);
    let (daemon, query, _) = start(&scenario, "run", &data, "The traces are at");

    curl([service.url("/own-backend/kept")]);
    let find = "/api/v1/traces?tag=url.path=/own-backend/kept";
    wait_until("the trace is stored", || !json(query, find)["traces"].as_array().unwrap().is_empty());
    let summary = json(query, find)["traces"][0].clone();
    assert_eq!(summary["spans"], 2, "{summary}");

    let server = child_of(daemon.pid());
    let status = fs::read_to_string(format!("/proc/{server}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().map(str::to_owned).collect::<Vec<String>>()
    };
    let nobody = User::from_name("nobody").unwrap().unwrap().uid.to_string();
    assert!(field("Uid:").iter().all(|uid| *uid == nobody), "{status}");
    assert_eq!(field("Groups:"), Vec::<String>::new());
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(field(set), ["0000000000000000"], "{set}");
    }
    assert_eq!(field("NoNewPrivs:"), ["1"]);

    // Killed, the tracer takes its server along; what was stored is there the next time.
    daemon.kill();
    wait_until("the server ends", || kill(Pid::from_raw(server as i32), None).is_err());
    let (daemon, query, _) = start(&scenario, "run", &data, "The traces are at");
    assert_eq!(json(query, find)["traces"][0]["trace_id"], summary["trace_id"]);
    daemon.stop();
}

/// What `tracer run` is told of its server is handed on, the token along with it; the server knows how the daemon is.
#[test]
fn run_hands_on_what_its_server_is_told() {
    let scenario = Scenario::start("own_backend-flags");
    let directory = public_directory();
    let (token, cold) = (directory.path().join("token"), directory.path().join("cold"));
    fs::write(&token, "open & sesame\n").unwrap();
    // The server, another user's, cannot read it.
    fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let service = threaded_backend(&scenario, None);
    let zipkin = free_port();
    let arguments = [
        "--token-file",
        token.to_str().unwrap(),
        "--cold",
        cold.to_str().unwrap(),
        "--keep-cold",
        "400d",
        "--zipkin",
        &loopback(zipkin),
    ];
    let data = directory.path().join("data");
    let (daemon, query, _) = start_with(&scenario, "run", &data, "The traces are at", &arguments);

    curl([service.url("/own-backend/guarded")]);
    let ask = |path: &str, token: &str| {
        let header = format!("authorization: Bearer {token}");
        curl(["-H".to_owned(), header, format!("http://127.0.0.1:{query}{path}")])
    };
    let find = "/api/v1/traces?tag=url.path=/own-backend/guarded";
    assert!(ask(find, "wrong").contains("unauthorized"));
    let found = || serde_json::from_str::<Value>(&ask(find, "open & sesame")).unwrap()["traces"].clone();
    wait_until("the trace is stored", || found().as_array().is_some_and(|found| found.len() == 1));
    let agents =
        || serde_json::from_str::<Value>(&ask("/api/v1/agents", "open & sesame")).unwrap()["agents"].clone();
    wait_until("the server has heard of the daemon", || {
        agents().as_array().is_some_and(|known| known.len() == 1)
    });
    let known = agents()[0].clone();
    let value = |name: &str, labels: Value| {
        let metrics = known["metrics"].as_array().unwrap();
        let found = metrics.iter().find(|metric| metric["name"] == name && metric["labels"] == labels);
        found.unwrap_or_else(|| panic!("{name} {labels} is not in {known}"))["value"].as_f64().unwrap()
    };
    let attached = value("tracer_program_attached", serde_json::json!({"program": "process_exit"}));
    assert!((attached - 1.0).abs() < f64::EPSILON, "{known}");
    assert!(value("tracer_map_max_entries", serde_json::json!({"map": "PROCESSES"})) > 0.0);
    assert!(value("process_resident_memory_bytes", serde_json::json!({})) > 0.0);
    assert_eq!(known["host"], fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim());

    let arguments = fs::read(format!("/proc/{}/cmdline", child_of(daemon.pid()))).unwrap();
    let arguments = String::from_utf8_lossy(&arguments).into_owned();
    assert!(
        arguments.contains("--keep-cold\0") && arguments.contains(&*cold.to_string_lossy()),
        "{arguments}"
    );
    assert!(!arguments.contains("sesame"), "everybody can read arguments");
    assert!(cold.exists());
    let status = ["-o", "/dev/null", "-w", "%{http_code}"].map(str::to_owned);
    let zipkin = format!("http://127.0.0.1:{zipkin}/api/v2/services");
    assert_eq!(curl(status.into_iter().chain([zipkin])), "401", "it listens, and asks for the token");
    daemon.stop();
}

#[test]
fn another_engine_reads_the_blocks() {
    let scenario = Scenario::start("own_backend_blocks");
    let directory = public_directory();
    let (daemon, _, http) = start(&scenario, "server", directory.path(), "");
    wait_until("it listens", || std::net::TcpStream::connect(loopback(http)).is_ok());
    let request = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"duck"}}]},
        "scopeSpans":[{"spans":[
        {"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"root","kind":2,
         "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712660000000500",
         "attributes":[{"key":"code","value":{"intValue":"500"}},{"key":"path","value":{"stringValue":"/a"}}]},
        {"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"c7ad6b7169203331","parentSpanId":"b7ad6b7169203331",
         "name":"child","kind":3,"startTimeUnixNano":"1544712660000000100","endTimeUnixNano":"1544712660000000200",
         "status":{"code":2}}]}]}]}"#;
    let url = format!("http://127.0.0.1:{http}/v1/traces");
    curl(["--fail", "--header", "content-type: application/json", "--data", request, &url]);
    daemon.stop();
    // What is found in the log at start becomes a block; spans of 2018 are older than what is kept by default.
    let blocks = directory.path().join("blocks");
    let mut command = tracer();
    command.args(["server", "--keep", "100years", "--data"]).arg(directory.path());
    command.args(["--query", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0"]);
    let daemon = Daemon::start_command(&scenario, "again", command, "");
    let has_block = || {
        fs::read_dir(&blocks).is_ok_and(|entries| {
            entries.flatten().any(|entry| entry.path().extension().is_some_and(|end| end == "parquet"))
        })
    };
    wait_until("there is a block", has_block);

    let script = r#"
import duckdb, sys
rows = duckdb.sql(f"""
    SELECT hex(trace_id), hex(span_id), hex(parent_span_id), epoch_ns(start_time), duration_ns, service, name, kind, status,
           "attr.code", "attr.path", json_extract_string(resource, '$."service.name"')
    FROM '{sys.argv[1]}/*.parquet' ORDER BY start_time""").fetchall()
for row in rows: print(*row)
print(duckdb.sql(f"SELECT value FROM parquet_kv_metadata('{sys.argv[1]}/*.parquet') WHERE key = 'tracer.schema_version'").fetchall())
"#;
    let output = run(Command::new(python_tool("python")).args(["-c", script]).arg(&blocks));
    let expected = "\
0AF7651916CD43DD8448EB211C80319C B7AD6B7169203331 None 1544712660000000000 500 duck root server unset 500 /a duck
0AF7651916CD43DD8448EB211C80319C C7AD6B7169203331 B7AD6B7169203331 1544712660000000100 100 duck child client error None None duck
[(b'2',)]
";
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    daemon.stop();
}

#[test]
fn an_open_address_without_a_token_is_refused() {
    let directory = public_directory();
    let output = tracer_tests::command::output(
        tracer().args(["server", "--query", "0.0.0.0:0", "--data"]).arg(directory.path()),
    );
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("can be reached from other hosts, and there is no token"), "{error}");
}
