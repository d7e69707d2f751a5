//! The cold tier in a real S3 server, and another engine that reads it there.

use std::process::Command;

use crate::{
    aged::{aged, answers, objects},
    child::Process,
    environment::{Running, free_address, output, script, tool},
    support::{exchange, trace_hex, wait_until},
};

#[test]
fn a_real_s3_server_holds_the_cold_tier_and_duckdb_reads_it() {
    let (Some(moto), Some(python)) = (tool("moto_server"), tool("python")) else { return };
    let address = free_address();
    let mut command = Command::new(moto);
    command.args(["-H", "127.0.0.1", "-p", &address.port().to_string()]).stderr(std::process::Stdio::null());
    let _s3 = Running::start(&mut command, address);
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
    let read = output(
        Command::new(python)
            .arg(script("duckdb_s3.py"))
            .args([&format!("http://{address}"), "s3://cold/tracer/*/*.parquet"]),
    );
    let of_trace = |number| format!("{} old child None\n{0} old root {number}\n", trace_hex(number));
    let expected: Vec<String> = (1..=3).map(of_trace).collect();
    assert_eq!(read, expected.concat());
}

#[test]
fn duckdb_reads_the_cold_tier_in_a_directory() {
    let Some(python) = tool("python") else { return };
    let (cold, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let process = Process::start_cold(data.path(), 2, cold.path().to_str().unwrap());
    assert_eq!(process.send(&aged(1, 1)), 200);
    wait_until("its block is cold", || process.json("/api/v1/status")["store"]["cold_blocks"] == 1);
    let files = format!("{}/*/*.parquet", cold.path().display());
    let read = output(Command::new(python).arg(script("duckdb_s3.py")).args(["", &files]));
    assert_eq!(read, format!("{} old child None\n{0} old root 1\n", trace_hex(1)));
}
