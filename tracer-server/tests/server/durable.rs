//! What is acknowledged stays, whatever happens to the process; and what is too much goes.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;
use tracer_server::{Settings, spans::TraceId};

use crate::{
    child::Process,
    support::{
        Running, attribute, normalise, now_ns, of_service, request, span, text, trace_hex, wait_until,
    },
};

/// One trace of two spans; the number is in its id.
fn numbered(number: u32, base: u64) -> ExportTraceServiceRequest {
    let id = (u128::from(number) + 1).to_be_bytes().to_vec();
    let mut root = span(1, 1, 0, "root", base, 0, 1_000_000);
    let mut child = span(1, 2, 1, "child", base, 10, 1_000);
    root.trace_id.clone_from(&id);
    child.trace_id = id;
    child.attributes = vec![attribute("number", text(&number.to_string()))];
    request(vec![of_service("numbers", vec![root, child])])
}

fn numbered_id(number: u32) -> TraceId {
    TraceId((u128::from(number) + 1).to_be_bytes())
}

fn files(data: &Path, directory: &str) -> Vec<String> {
    let entries = fs::read_dir(data.join(directory)).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let base = now_ns();
    let mut acknowledged = BTreeSet::new();
    // The first process writes blocks on the way, the others hold everything in the log; each is killed while it works.
    for (round, block_spans) in [(0, 64), (1, 1_000_000), (2, 1_000_000), (3, 64)] {
        let process = Process::start(directory.path(), block_spans, None);
        for number in round * 100..round * 100 + 100 {
            assert_eq!(process.send(&numbered(number, base)), 200);
            acknowledged.insert(number);
        }
    }
    let process = Process::start(directory.path(), 1_000_000, None);
    for number in &acknowledged {
        let trace = process.json(&format!("/api/v1/traces/{}", numbered_id(*number)));
        let spans = trace["spans"].as_array().unwrap();
        assert_eq!(spans.len(), 2, "{number}");
        assert_eq!(spans[1]["attributes"]["number"], number.to_string());
    }
    let found = process.json("/api/v1/traces?service=numbers&count=true&limit=1");
    assert_eq!(found["total"], acknowledged.len());
    assert_eq!(
        process.json("/api/v1/traces?tag=number=17")["traces"][0]["trace_id"],
        numbered_id(17).to_string()
    );
}

#[test]
fn a_full_disk_sheds_and_damages_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let base = now_ns();
    let mut acknowledged = 0;
    {
        let process = Process::start(directory.path(), 1_000_000, Some(64));
        while process.send(&numbered(acknowledged, base)) == 200 {
            acknowledged += 1;
            assert!(acknowledged < 10_000, "the limit has no effect");
        }
        assert!(acknowledged > 10);
        assert_eq!(process.send(&numbered(99_999, base)), 503);
        let status = process.json("/api/v1/status");
        let losses = status["spans"]["losses"].as_array().unwrap();
        let lost = losses.iter().find(|loss| loss["reason"] == "not_written").unwrap();
        assert_eq!(lost["count"], 4);
        let found = process.json("/api/v1/traces?count=true&limit=1");
        assert_eq!(found["total"], acknowledged, "queries go on");
    }
    let process = Process::start(directory.path(), 1_000_000, None);
    let found = process.json("/api/v1/traces?count=true&limit=1");
    assert_eq!(found["total"], acknowledged);
    assert_eq!(process.send(&numbered(acknowledged, base)), 200);
    let status = process.json("/api/v1/status");
    assert!(status["spans"]["losses"].as_array().unwrap().iter().all(|loss| loss["count"] == 0), "{status}");
}

/// A file system of its own, so small that it fills. Unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// None, with a line that says so, where this process may not mount.
    #[allow(clippy::print_stderr, reason = "who runs the tests is told what was left out")]
    fn mount(size: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let disk = Self(directory);
        if disk.mount_with(&format!("size={size}")) {
            return Some(disk);
        }
        eprintln!("skipped: a file system cannot be mounted, which needs root");
        None
    }

    fn mount_with(&self, options: &str) -> bool {
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(self.0.path());
        command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).stderr(Stdio::null()).status();
    }
}

/// The same with an attribute that takes space in blocks too.
fn noisy(number: u32, base: u64) -> ExportTraceServiceRequest {
    let mut random = StdRng::seed_from_u64(u64::from(number));
    let words: Vec<String> = (0..512).map(|_| format!("{:016x}", random.random::<u64>())).collect();
    let mut request = numbered(number, base);
    request.resource_spans[0].scope_spans[0].spans[0].attributes =
        vec![attribute("noise", text(&words.concat()))];
    request
}

/// No stand-in for it: writes fail in the log, and in the block that is being written.
#[test]
fn a_disk_that_is_really_full_sheds_and_damages_nothing() {
    let Some(disk) = SmallDisk::mount("3m") else { return };
    let base = now_ns();
    let mut acknowledged = 0;
    {
        let process = Process::start_without_reserve(disk.0.path(), 128);
        while process.send(&noisy(acknowledged, base)) == 200 {
            acknowledged += 1;
            assert!(acknowledged < 2000, "the disk does not fill");
        }
        assert!(acknowledged > 100, "{acknowledged}");
        let status = process.json("/api/v1/status");
        let losses = status["spans"]["losses"].as_array().unwrap();
        let lost = losses.iter().find(|loss| loss["reason"] == "not_written").unwrap();
        assert_eq!(lost["count"], 2, "{status}");
        let last = process.json(&format!("/api/v1/traces?tag=number={}", acknowledged - 1));
        assert_eq!(last["traces"][0]["trace_id"], numbered_id(acknowledged - 1).to_string(), "queries go on");
        let found = process.json("/api/v1/traces?count=true&limit=1");
        assert_eq!(found["total"], acknowledged);
    }
    assert!(disk.mount_with("remount,size=64m"));
    let process = Process::start_without_reserve(disk.0.path(), 128);
    let status = process.json("/api/v1/status");
    assert!(status["spans"]["losses"].as_array().unwrap().iter().all(|loss| loss["count"] == 0), "{status}");
    assert_eq!(process.json("/api/v1/traces?count=true&limit=1")["total"], acknowledged);
    assert_eq!(process.send(&noisy(acknowledged, base)), 200);
    wait_until("blocks can be written again", || {
        process.json("/api/v1/status")["store"]["spans_in_memory"].as_u64() < Some(128)
    });
    assert_eq!(process.json("/api/v1/traces?count=true&limit=1")["total"], acknowledged + 1);
}

#[test]
fn late_spans_join_their_trace() {
    let base = now_ns();
    let server = Running::start(|settings| settings.limits.block_spans = 2);
    let mut early = numbered(1, base);
    let spans = &mut early.resource_spans[0].scope_spans[0].spans;
    let child = spans.remove(1);
    spans.push(span(9, 9, 0, "other", base, 0, 1));
    server.send(early);
    wait_until("the root is in a block", || server.json("/api/v1/status")["store"]["spans_in_memory"] == 0);
    server.send(request(vec![of_service("late", vec![child])]));
    let trace = server.json(&format!("/api/v1/traces/{}", numbered_id(1)));
    let services: Vec<&Value> =
        trace["spans"].as_array().unwrap().iter().map(|span| &span["service"]).collect();
    assert_eq!(services, ["numbers", "late"]);
}

#[test]
fn blocks_answer_as_memory_does() {
    let base = now_ns() - 1_000_000_000;
    let small = |settings: &mut Settings| settings.limits.block_spans = 3;
    let in_memory = Running::start(|_| {});
    let in_blocks = Running::start(small);
    for server in [&in_memory, &in_blocks] {
        server.send(crate::support::shop_trace(base));
        for number in 0..20 {
            server.send(numbered(number, base + u64::from(number) * 1_000_000));
        }
    }
    wait_until("blocks are written", || {
        files(in_blocks.data(), "blocks").iter().any(|name| name.ends_with(".parquet"))
    });
    wait_until("logs are done with", || files(in_blocks.data(), "logs").len() == 1);
    let window = format!("start={}&end={}", base, base + 60_000_000_000);
    let paths = [
        format!("/api/v1/traces/{}", trace_hex(1)),
        format!("/api/v1/traces/{}", numbered_id(7)),
        "/api/v1/services".to_owned(),
        format!("/api/v3/traces/{}", trace_hex(1)),
        format!("/api/v1/traces?count=true&{window}"),
        format!("/api/v1/traces?count=true&service=numbers&min_duration=1ms&{window}"),
        format!("/api/v1/traces?count=true&tag=number=11&{window}"),
        format!("/api/v1/traces?count=true&tag=number!=11&limit=50&{window}"),
        format!("/api/v1/traces?count=true&tag=http.response.status_code%3E=500&{window}"),
        format!("/api/v1/traces?count=true&tag=ratio%3C1&{window}"),
        format!("/api/v1/traces?count=true&tag=cached=true&error=false&{window}"),
        format!("/api/v1/traces?count=true&tag=resource.process.pid=7&limit=3&{window}"),
        format!("/api/v1/traces?count=true&tag=process.pid=8&{window}"),
        format!("/api/v1/traces?count=true&error=true&kind=server&{window}"),
        format!("/api/v1/traces?count=true&start={}&end={}", base + 5_000_000, base + 9_000_000),
        "/api/dependencies?lookback=3600000".to_owned(),
        "/api/search?tags=service.name%3Dstock".to_owned(),
    ];
    for path in paths {
        let without_order = |server: &Running| {
            let mut answer = server.json(&path);
            // Resources and attributes may come in another order.
            normalise(&mut answer);
            answer
        };
        assert_eq!(without_order(&in_blocks), without_order(&in_memory), "{path}");
    }
}

#[test]
fn small_blocks_are_merged_and_duplicates_go() {
    let base = now_ns();
    let server = Running::start(|settings| {
        settings.limits.block_spans = 1000;
        settings.limits.block_age = Duration::ZERO;
    });
    // One block for each request.
    let count = 16;
    for number in 0..count {
        let logs = files(server.data(), "logs");
        server.send(numbered(number / 2, base));
        wait_until("a new log", || files(server.data(), "logs").last() > logs.last());
    }
    wait_until("logs are done with", || files(server.data(), "logs").len() == 1);
    wait_until("they are merged", || files(server.data(), "blocks").len() <= 6);
    let found = server.json("/api/v1/traces?count=true&limit=100");
    assert_eq!(found["total"], count / 2);
    assert!(found["traces"].as_array().unwrap().iter().all(|trace| trace["spans"] == 2), "{found}");
}

#[test]
fn what_is_too_old_or_too_much_is_deleted_from_the_disk() {
    let hour = 3_600_000_000_000;
    let now = now_ns();
    let server = Running::start(|settings| {
        settings.limits.block_spans = 2;
        settings.limits.age = Duration::from_hours(2);
    });
    server.send(numbered(0, now - 3 * hour));
    server.send(numbered(1, now - hour));
    let there = |number| server.get(&format!("/api/v1/traces/{}", numbered_id(number)), &[]).status == 200;
    wait_until("the old one goes", || !there(0));
    assert!(there(1));
    wait_until("its file goes", || files(server.data(), "blocks").len() == 1);

    let server = Running::start(|settings| {
        settings.limits.block_spans = 2;
        settings.limits.bytes = 1;
    });
    server.send(numbered(0, now));
    wait_until("it goes", || server.get(&format!("/api/v1/traces/{}", numbered_id(0)), &[]).status == 404);
    wait_until("its file goes", || files(server.data(), "blocks").is_empty());
}
