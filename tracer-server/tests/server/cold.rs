//! The cold tier in a directory. Among the tests of engines is one with a real S3 server.

use std::time::Duration;

use tracer_server::store::{ColdLocation, ColdTier};

use crate::{
    aged::{aged, answers, objects},
    child::Process,
    support::{Running, trace_hex, wait_until},
};

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
