//! Every system call that can carry HTTP, over IPv4, IPv6 and AF_UNIX, blocking and not.

use std::{
    fmt::Write as _,
    net::{Ipv6Addr, SocketAddr},
    process::Command,
};

use tracer_tests::{
    apps::binary,
    command::run,
    ports::free_port,
    scenario::Scenario,
    service::{Listens, Service},
    tree::assert_trees,
};

/// As `tests/apps/syscalls.rs` names them, one in a line; `cargo xtask vm-test` reads them too.
const METHODS: &str = include_str!("../../apps/syscalls.methods");

fn every_method(family: &str, left_out: &[&str], listens: impl Fn(&Scenario, &str) -> Listens) {
    let scenario = Scenario::start(&format!("syscalls-{family}"));
    let daemon = scenario.daemon();
    let mut expected = String::new();
    let mut spans = 0;
    for (mode, flag) in [("blocking", None), ("nonblocking", Some("--nonblocking"))] {
        for method in METHODS.lines().filter(|method| !left_out.contains(method)) {
            let name = format!("{method}-{mode}");
            let listens = listens(&scenario, &name);
            let address = match &listens {
                Listens::Tcp(address) => address.to_string(),
                Listens::Unix(path) => path.display().to_string(),
            };
            let mut command = Command::new(binary("syscalls"));
            command.args(["server", &address, method]).args(flag);
            let _server = Service::start(&scenario, &name, command, listens);
            let path = format!("/{family}/{name}");
            run(Command::new(binary("syscalls")).args(["client", &address, method, &path]).args(flag));
            spans += 4;
            let _ = write!(
                expected,
                "2 x CLIENT syscalls \"POST\" 200\n  SERVER syscalls \"POST {path}\" 200 by socket\n"
            );
        }
    }
    let prefix = format!("/{family}/");
    assert_trees(&scenario.finish(daemon, &prefix, spans), &expected);
}

#[test]
fn over_ipv4() {
    every_method("ipv4", &[], |_, _| Listens::port(free_port()));
}

#[test]
fn over_ipv6() {
    every_method("ipv6", &[], |_, _| Listens::Tcp(SocketAddr::from((Ipv6Addr::LOCALHOST, free_port()))));
}

/// What is received by splice leaves no trace on a unix socket: it has no sequence numbers.
#[test]
fn over_unix_sockets() {
    every_method("local", &["splice-both"], |scenario, name| {
        Listens::Unix(scenario.file(&format!("{name}.sock")))
    });
}
