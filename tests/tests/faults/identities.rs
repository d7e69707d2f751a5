//! Numbers that are used again: process ids, file descriptors.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use tracer_tests::{
    apps::{Upstream, binary, nginx},
    client::Client,
    command::output_of,
    scenario::Scenario,
    tree::assert_trees,
};

/// Starts a program as the process of that id, if nobody else takes it first.
fn start_as(pid: u32, program: &Path, address: &str) -> bool {
    // The kernel hands out the number behind this one next (Documentation/admin-guide/sysctl/kernel.rst, ns_last_pid).
    fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).unwrap();
    let child = Command::new(program)
        .args([address, "/reused/hello"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let same = child.id() == pid;
    let output = output_of(child);
    assert!(output.status.success(), "{output:?}");
    same
}

/// Three programs, one after the other, with one process id: each is shown as what it is.
#[test]
fn a_process_id_is_used_again() {
    let scenario = Scenario::start("faults-pids");
    let server = nginx(&scenario, &Upstream::None);
    let address = server.address().to_string();
    let programs: Vec<_> = ["first", "second", "third"]
        .map(|name| {
            let program = scenario.file(name);
            fs::copy(binary("oneshot"), &program).unwrap();
            program
        })
        .into();
    let daemon = scenario.daemon();
    // Others start processes too: until all three had the same one.
    let mut rounds = 0;
    let pid = loop {
        rounds += 1;
        assert!(rounds <= 50, "Other processes always take the id first.");
        let first = Command::new(&programs[0])
            .args([&address, "/reused/hello"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = first.id();
        assert!(output_of(first).status.success());
        // Each in any case, so that it is known how many there are of each.
        let second = start_as(pid, &programs[1], &address);
        let third = start_as(pid, &programs[2], &address);
        if second && third {
            break pid;
        }
    };
    let spans = scenario.finish(daemon, "/reused", rounds * 6);
    let tree = |name: &str| {
        format!("{rounds} x CLIENT {name} \"GET\" 200\n  SERVER nginx \"GET /reused/hello\" 200 by socket\n")
    };
    assert_trees(&spans, &(tree("first") + &tree("second") + &tree("third")));
    let reused = spans.iter().filter(|span| span.kind == "CLIENT" && span.pid() == pid);
    assert!(reused.count() >= 3, "One id, three programs.");
}

/// A descriptor that is closed and used again for a connection to another service.
#[test]
fn a_file_descriptor_is_used_again() {
    let scenario = Scenario::start("faults-descriptors");
    let servers = [nginx(&scenario, &Upstream::None), nginx(&scenario, &Upstream::None)];
    let daemon = scenario.daemon();
    for round in 0..20 {
        let server = &servers[round % 2];
        let mut client = Client::connect(server.address());
        assert_eq!(client.get("/descriptor/hello").status, 200);
    }
    let spans = scenario.finish(daemon, "/descriptor", 40);
    assert_trees(
        &spans,
        r#"
        20 x CLIENT test "GET" 200
          SERVER nginx "GET /descriptor/hello" 200 by socket
        "#,
    );
    for server in &servers {
        let its = |span: &&tracer_tests::span::ReceivedSpan| {
            span.attributes.get("server.port").is_some_and(|port| *port == server.port().to_string())
        };
        assert_eq!(spans.iter().filter(its).count(), 20, "Ten requests, at both ends.");
    }
}
