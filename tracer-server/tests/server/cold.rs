//! The cold tier: a directory, and a real S3 server.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tracer_server::store::{ColdLocation, ColdTier};

use crate::{
    child::Process,
    support::{Running, attribute, exchange, now_ns, of_service, request, span, trace_hex, wait_until},
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value as Any,
};

const HOUR: u64 = 3_600_000_000_000;

/// A trace of two spans, so old.
fn aged(number: u8, hours: u64) -> ExportTraceServiceRequest {
    let base = now_ns() - hours * HOUR;
    let mut root = span(number, 1, 0, "root", base, 0, 1000);
    root.attributes = vec![attribute("number", Any::IntValue(i64::from(number)))];
    request(vec![of_service("old", vec![root, span(number, 2, 1, "child", base, 10, 100)])])
}

fn objects(directory: &Path) -> usize {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            if path.is_dir() {
                objects(&path)
            } else {
                usize::from(path.extension().is_some_and(|end| end == "parquet"))
            }
        })
        .sum()
}

fn answers(get: impl Fn(&str) -> serde_json::Value) {
    for number in [1, 2] {
        let trace = get(&format!("/api/v1/traces/{}", trace_hex(number)));
        assert_eq!(trace["spans"].as_array().unwrap().len(), 2, "{trace}");
    }
    let found = get("/api/v1/traces?tag=number=1&lookback=1000h");
    assert_eq!((&found["total"], &found["traces"][0]["trace_id"]), (&1.into(), &trace_hex(1).into()));
    assert_eq!(found["inspected_blocks"], 1, "{found}");
    assert_eq!(get("/api/v1/traces?service=old&count=true&lookback=1000h")["total"], 3);
    let operations = get("/api/v1/analytics/operations?lookback=1000h");
    assert_eq!(operations["operations"][0]["calls"]["calls"], 3);
}

#[test]
fn old_blocks_move_to_a_directory_are_asked_there_and_expire_there() {
    let cold = tempfile::tempdir().unwrap();
    let location = ColdLocation::Directory(cold.path().join("blocks"));
    let server = Running::start(|settings| {
        settings.limits.block_spans = 2;
        settings.limits.age = Duration::from_hours(2);
        settings.limits.cold = Some(ColdTier { location, age: Duration::from_hours(100) });
    });
    for (number, hours) in [(1, 3), (2, 50), (3, 0), (4, 200)] {
        server.send(aged(number, hours));
    }
    let store = |name: &str| server.json("/api/v1/status")["store"][name].as_u64().unwrap();
    wait_until("two blocks are cold, and one is gone", || (store("cold_blocks"), store("blocks")) == (2, 3));
    wait_until("their files are gone", || objects(server.data()) == 1);
    assert_eq!(objects(cold.path()), 2);
    assert!(store("bytes_of_cold_blocks") > 0);
    answers(|path| server.json(path));
    assert_eq!(server.get(&format!("/api/v1/traces/{}", trace_hex(4)), &[]).status, 404);
}

#[test]
fn what_is_too_much_moves_and_is_found_again_after_a_restart() {
    let cold = tempfile::tempdir().unwrap();
    let data = tempfile::tempdir().unwrap();
    for round in 0..2 {
        let process = Process::start_cold(data.path(), 2, cold.path().to_str().unwrap());
        if round == 0 {
            for number in [1, 2, 3] {
                assert_eq!(process.send(&aged(number, 1)), 200);
            }
        }
        wait_until("all blocks are cold", || {
            let store = &process.json("/api/v1/status")["store"];
            store["cold_blocks"] == 3 && store["blocks"] == 3
        });
        answers(|path| process.json(path));
    }
    // Another data directory with the same cold tier takes nothing for its own.
    let other = tempfile::tempdir().unwrap();
    let process = Process::start_cold(other.path(), 2, cold.path().to_str().unwrap());
    process.send(&aged(9, 1));
    wait_until("its block is cold too", || process.json("/api/v1/status")["store"]["cold_blocks"] == 4);
    assert_eq!(objects(cold.path()), 4);
}

/// An S3 server. Killed when dropped.
struct S3(Child);

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Set to the program `moto_server`.
const MOTO: &str = "TRACER_TEST_MOTO_SERVER";

#[test]
#[ignore = "needs moto_server (the package moto[server] of PyPI) as TRACER_TEST_MOTO_SERVER"]
fn a_real_s3_server_holds_the_cold_tier() {
    let moto = std::env::var(MOTO).expect(MOTO);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut command = Command::new(moto);
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    let _s3 = S3(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_until("the S3 server listens", || TcpStream::connect(address).is_ok());
    assert_eq!(exchange(address, "PUT", "/cold", &[], &[]).status, 200);
    let data = tempfile::tempdir().unwrap();
    for round in 0..2 {
        let process = Process::start_s3(data.path(), 2, "s3://cold/tracer", address);
        if round == 0 {
            for number in [1, 2, 3] {
                assert_eq!(process.send(&aged(number, 1)), 200);
            }
        }
        wait_until("all blocks are cold", || {
            let store = &process.json("/api/v1/status")["store"];
            store["cold_blocks"] == 3 && store["blocks"] == 3
        });
        assert_eq!(objects(data.path()), 0);
        answers(|path| process.json(path));
    }
    let listed = exchange(address, "GET", "/cold?list-type=2&prefix=tracer/", &[], &[]).text();
    assert_eq!(listed.matches("<Key>").count(), 3, "{listed}");
}
