//! Connections that cannot be opened, and those that only look so.

use tracer_tests::{
    apps::{curl, lookups_front, python, resolver, threaded_backend},
    daemon::Options,
    network::Network,
    scenario::Scenario,
    service::Service,
    tree::assert_trees,
};

fn only(rules: &[String]) -> Options {
    let rules = rules.iter().flat_map(|rule| ["--include", rule]);
    Options { config: Some("[capture]\ndns = false\n".into()), ..Options::args(rules) }
}

fn port(service: &Service) -> String {
    format!("port={}", service.port())
}

#[test]
fn refused_or_answered_at_another_address() {
    let scenario = Scenario::start("connects-refused");
    let _dnsmasq = resolver(&scenario);
    let backend = threaded_backend(&scenario, None);
    let front = lookups_front(&scenario, &backend);
    let daemon =
        scenario.daemon_with(only(&["command=*lookups_front*".to_owned(), port(&front), port(&backend)]));
    for name in ["refused", "refused_later", "both_refused", "dual", "given_up"] {
        curl([front.url(&format!("/connects/{name}"))]);
    }
    let spans = scenario.finish(daemon, "", 16);
    assert_trees(
        &spans,
        r#"
        CLIENT curl "GET" 502 error=502
          SERVER lookups_front "GET /connects/refused" 502 by socket error=502
            CLIENT lookups_front "connect" by thread error=ECONNREFUSED
        CLIENT curl "GET" 502 error=502
          SERVER lookups_front "GET /connects/refused_later" 502 by socket error=502
            CLIENT lookups_front "connect" by thread error=ECONNREFUSED
        CLIENT curl "GET" 502 error=502
          SERVER lookups_front "GET /connects/both_refused" 502 by socket error=502
            CLIENT lookups_front "connect" by thread error=ECONNREFUSED
            CLIENT lookups_front "connect" by thread error=ECONNREFUSED
        CLIENT curl "GET" 200
          SERVER lookups_front "GET /connects/dual" 200 by socket
            CLIENT lookups_front "GET" 200 by thread
              SERVER threaded_backend "GET /behind" 200 by socket
        CLIENT curl "GET" 200
          SERVER lookups_front "GET /connects/given_up" 200 by socket
        "#,
    );
    let failed = spans.iter().find(|span| span.name == "connect").unwrap();
    for (key, value) in
        [("network.transport", "tcp"), ("server.address", "127.0.0.1"), ("network.peer.address", "127.0.0.1")]
    {
        assert_eq!(failed.attribute(key), value, "{key} of {failed:?}");
    }
}

/// curl tries ::1 first for `localhost`, which is no failure where 127.0.0.1 answers.
#[test]
fn the_other_address_of_localhost() {
    let scenario = Scenario::start("connects-localhost");
    let backend = threaded_backend(&scenario, None);
    let daemon = scenario.daemon_with(only(&[port(&backend)]));
    curl([format!("http://localhost:{}/connects/hello", backend.port())]);
    let spans = scenario.finish(daemon, "", 2);
    assert_trees(
        &spans,
        r#"
        CLIENT curl "GET" 200
          SERVER threaded_backend "GET /connects/hello" 200 by socket
        "#,
    );
}

#[test]
fn nobody_is_there() {
    let scenario = Scenario::start("connects-unreachable");
    let network = Network::create("connects");
    let host = &network.hosts[0];
    let command = python("lookups_front.py", ["8080", "8081", "8082"]);
    let front = Service::start_in(host, &scenario, "lookups_front", &command, host.port(8080));
    let daemon = scenario.daemon_with(only(&["command=*lookups_front*".to_owned()]));
    let mut ask = std::process::Command::new("curl");
    ask.args(["--silent", &front.url("/connects/unreachable")]);
    tracer_tests::command::run(&mut host.inside(&ask));
    let spans = scenario.finish(daemon, "", 2);
    assert_trees(
        &spans,
        r#"
        SERVER lookups_front "GET /connects/unreachable" 502 error=502
          CLIENT lookups_front "connect" by thread error=EHOSTUNREACH
        "#,
    );
}
