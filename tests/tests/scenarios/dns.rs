//! Names that are looked up, by real resolvers' code, from dnsmasq.

use std::process::Command;

use tracer_tests::{
    apps::{asks_resolver, curl, lookups_front, resolver, threaded_backend},
    command::run,
    daemon::Options,
    scenario::Scenario,
    span::ReceivedSpan,
    tree::assert_trees,
};

fn only(rules: &[String]) -> Options {
    Options::args(rules.iter().flat_map(|rule| ["--include", rule]))
}

#[test]
fn lookups_belong_to_the_request_and_name_whom_it_calls() {
    let scenario = Scenario::start("dns-glibc");
    let dnsmasq = resolver(&scenario);
    let backend = threaded_backend(&scenario, None);
    let front = lookups_front(&scenario, &backend);
    let daemon = scenario.daemon_with(only(&[
        "command=*lookups_front*".to_owned(),
        format!("port={}", front.port()),
        format!("port={}", backend.port()),
    ]));
    curl([front.url("/dns/hello")]);
    curl([front.url("/dns/missing")]);
    let spans = scenario.finish(daemon, "", 10);
    assert_trees(
        &spans,
        r#"
        CLIENT curl "GET" 200
          SERVER lookups_front "GET /dns/hello" 200 by socket
            CLIENT lookups_front "DNS A" by thread
            CLIENT lookups_front "DNS AAAA" by thread
            CLIENT lookups_front "GET" 200 by thread
              SERVER threaded_backend "GET /behind" 200 by socket
        CLIENT curl "GET" 502 error=502
          SERVER lookups_front "GET /dns/missing" 502 by socket error=502
            CLIENT lookups_front "DNS A" by thread error=NXDOMAIN
            CLIENT lookups_front "DNS AAAA" by thread error=NXDOMAIN
        "#,
    );
    let lookup = spans.iter().find(|span| span.name == "DNS AAAA" && !span.error).unwrap();
    for (key, value) in [
        ("dns.question.name", "back.example"),
        ("network.protocol.name", "dns"),
        ("network.transport", "udp"),
        ("server.address", "127.0.0.153"),
        ("server.port", "53"),
        ("network.peer.address", "127.0.0.153"),
    ] {
        assert_eq!(lookup.attribute(key), value, "{key} of {lookup:?}");
    }
    drop(dnsmasq);
}

/// The lookups of a command that runs alone.
fn lookups(name: &str, program: &str, args: &[&str]) -> Vec<ReceivedSpan> {
    let scenario = Scenario::start(name);
    let _dnsmasq = resolver(&scenario);
    let mut command = Command::new(program);
    command.args(args);
    let daemon = scenario.daemon_with(only(&[format!("command=*{program}*,port=53")]));
    run(&mut asks_resolver(&scenario, &command));
    scenario.finish(daemon, "", 1)
}

#[test]
fn both_lookups_of_getaddrinfo() {
    let spans = lookups("dns-getent", "getent", &["ahosts", "back.example"]);
    assert_trees(&spans, "CLIENT getent \"DNS A\"\nCLIENT getent \"DNS AAAA\"");
}

#[test]
fn over_tcp() {
    let spans = lookups("dns-dig-tcp", "dig", &["+tcp", "+tries=1", "back.example", "A"]);
    assert_trees(&spans, "CLIENT dig \"DNS A\"");
    assert_eq!(spans[0].attribute("network.transport"), "tcp");
}

#[test]
fn over_udp_by_dig() {
    let spans = lookups("dns-dig-udp", "dig", &["+tries=1", "missing.example", "MX"]);
    assert_trees(&spans, "CLIENT dig \"DNS MX\" error=NXDOMAIN");
    assert_eq!(spans[0].attribute("dns.question.name"), "missing.example");
}

/// A socket that is not connected: whom it asks is said by each call.
#[test]
fn by_a_socket_that_is_not_connected() {
    let script = "import socket\n\
                  s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
                  s.sendto(bytes.fromhex('abcd01000001000000000000046261636b076578616d706c650000010001'), ('127.0.0.153', 53))\n\
                  s.recvfrom(512)\n";
    let spans = lookups("dns-unconnected", "python3", &["-c", script]);
    assert_eq!(spans.len(), 1, "{spans:#?}");
    let text = |key| spans[0].attribute(key);
    assert_eq!((text("dns.question.name"), text("server.address")), ("back.example", "127.0.0.153"));
    assert!(!spans[0].error);
}
