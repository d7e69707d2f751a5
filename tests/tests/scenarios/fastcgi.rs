//! curl -> nginx -> PHP-FPM by FastCGI -> a threaded Python service.

use tracer_tests::{
    apps::{Upstream, curl, nginx, php_fpm, threaded_backend},
    daemon::Options,
    scenario::Scenario,
    service::Service,
    span::ReceivedSpan,
    tree::assert_trees,
};

/// What each path becomes.
const TREES: &str = r#"
    2 x CLIENT curl "GET" 200
      SERVER nginx "GET /fpm/hello" 200 by socket
        CLIENT nginx "GET" 200 by turn
          SERVER php-fpm "GET /fpm/hello" 200 by socket
    CLIENT curl "GET" 404 error=404
      SERVER nginx "GET /fpm/missing" 404 by socket
        CLIENT nginx "GET" 404 by turn error=404
          SERVER php-fpm "GET /fpm/missing" 404 by socket
    CLIENT curl "GET" 200
      SERVER nginx "GET /fpm/call" 200 by socket
        CLIENT nginx "GET" 200 by turn
          SERVER php-fpm "GET /fpm/call" 200 by socket
            CLIENT php-fpm "GET" 200 by thread
              SERVER threaded_backend "GET /fpm/hello" 200 by socket
    CLIENT curl "GET" 200
      SERVER nginx "GET /fpm/large" 200 by socket
        CLIENT nginx "GET" 200 by turn
          SERVER php-fpm "GET /fpm/large" 200 by socket
    CLIENT curl "GET" 200
      SERVER nginx "GET /fpm/middle" 200 by socket
        CLIENT nginx "GET" 200 by turn
          SERVER php-fpm "GET /fpm/middle" 200 by socket
    CLIENT curl "GET" 200
      SERVER nginx "GET /fpm/warn" 200 by socket
        CLIENT nginx "GET" 200 by turn
          SERVER php-fpm "GET /fpm/warn" 200 by socket
    CLIENT curl "GET" 500 error=500
      SERVER nginx "GET /fpm/broken" 500 by socket error=500
        CLIENT nginx "GET" 500 by turn error=500
          SERVER php-fpm "GET /fpm/broken" 500 by socket error=500
    CLIENT curl "POST" 200
      SERVER nginx "POST /fpm/upload" 200 by socket
        CLIENT nginx "POST" 200 by turn
          SERVER php-fpm "POST /fpm/upload" 200 by socket
"#;

/// Asks for each path once, and once more at the end for the first.
fn ask(scenario: &Scenario, front: &Service) -> Vec<ReceivedSpan> {
    // Connections that are kept are older than the daemon.
    curl([front.url("/fpm/warm")]);
    let daemon = scenario.daemon_with(Options::default());
    let body = scenario.write("body", &"x".repeat(100_000));
    for name in ["hello", "missing", "call", "large", "middle", "warn", "broken"] {
        curl([front.url(&format!("/fpm/{name}"))]);
    }
    let upload = format!("@{}", body.display());
    assert_eq!(curl(["--data-binary", &upload, "-H", "Expect:", &front.url("/fpm/upload")]), "100000\n");
    curl([front.url("/fpm/hello")]);
    scenario.finish(daemon, "/fpm", 38)
}

#[test]
fn php_fpm_on_a_port() {
    let scenario = Scenario::start("fastcgi-port");
    let backend = threaded_backend(&scenario, None);
    let fpm = php_fpm(&scenario, &backend, false);
    let front = nginx(&scenario, &Upstream::FastCgi(&fpm));
    let spans = ask(&scenario, &front);
    assert_trees(&spans, TREES);

    let of = |kind: &str, name: &str| {
        spans
            .iter()
            .find(|span| span.kind == kind && span.service() == "php-fpm" && span.name == name)
            .unwrap()
    };
    let served = of("SERVER", "GET /fpm/missing");
    for (key, value) in [
        ("network.protocol.name", "fastcgi"),
        ("network.protocol.version", "1.0"),
        ("url.scheme", "http"),
        ("url.path", "/fpm/missing"),
        ("server.address", "127.0.0.1"),
        ("server.port", &front.port().to_string()),
    ] {
        assert_eq!(served.attribute(key), value, "{key}");
    }
    assert!(served.attribute("user_agent.original").starts_with("curl/"), "{served:?}");
    assert_eq!(of("SERVER", "POST /fpm/upload").attribute("http.request.body.size"), "100000");
    let calls =
        |span: &&ReceivedSpan| span.kind == "CLIENT" && span.attribute("network.protocol.name") == "fastcgi";
    let call = spans.iter().find(calls).unwrap();
    assert_eq!(call.attribute("server.port"), fpm.port().to_string());
    assert!(call.attribute("url.full").starts_with(&front.url("/fpm/")), "{call:?}");
}

#[test]
fn php_fpm_on_kept_connections() {
    let scenario = Scenario::start("fastcgi-kept");
    let backend = threaded_backend(&scenario, None);
    let fpm = php_fpm(&scenario, &backend, false);
    let front = nginx(&scenario, &Upstream::FastCgiKept(&fpm));
    assert_trees(&ask(&scenario, &front), TREES);
}

#[test]
fn php_fpm_on_a_socket_file() {
    let scenario = Scenario::start("fastcgi-unix");
    let backend = threaded_backend(&scenario, None);
    let fpm = php_fpm(&scenario, &backend, true);
    let front = nginx(&scenario, &Upstream::FastCgi(&fpm));
    assert_trees(&ask(&scenario, &front), TREES);
}
