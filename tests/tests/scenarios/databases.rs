//! Real databases behind a service that answers HTTP: their calls are children of its requests.

use tracer_tests::{
    apps::{curl, database_front, noida_db, postgres, redis},
    daemon::Options,
    scenario::Scenario,
    service::Service,
    span::ReceivedSpan,
    tree::assert_trees,
};

/// Asks each of `paths`, one after the other, and hands back what was traced of the two services and `curl`.
#[track_caller]
fn ask(
    scenario: &Scenario,
    kind: &str,
    database: &Service,
    paths: &[&str],
    spans: usize,
) -> Vec<ReceivedSpan> {
    let front = database_front(scenario, kind, database);
    // The connection to the database is older than the daemon.
    curl([front.url("/db/warm")]);
    let (web, port) = (format!("port={}", front.port()), format!("port={}", database.port()));
    let daemon = scenario.daemon_with(Options::args(["--include", &web, "--include", &port]));
    for path in paths {
        curl([front.url(path)]);
    }
    let spans = scenario.finish(daemon, "", spans);
    let tells = |span: &&ReceivedSpan| span.attributes.values().any(|value| value.contains("secret"));
    assert!(!spans.iter().any(|span| tells(&span)), "A value was exported: {:#?}", spans.iter().find(tells));
    spans
}

#[test]
fn redis_by_redis_py() {
    let scenario = Scenario::start("databases-redis");
    let database = redis(&scenario);
    let paths =
        ["/db/get", "/db/pipeline", "/db/transaction", "/db/wrong", "/db/large", "/db/many", "/db/get"];
    assert_trees(
        &ask(&scenario, "redis", &database, &paths, 36),
        r#"
        2 x CLIENT curl "GET" 200
          SERVER database_front "GET /db/get" 200 by socket
            CLIENT database_front "GET" by thread
              SERVER redis-server "GET" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/pipeline" 200 by socket
            CLIENT database_front "PIPELINE SET" by thread
              SERVER redis-server "PIPELINE SET" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/transaction" 200 by socket
            CLIENT database_front "MULTI SET" by thread
              SERVER redis-server "MULTI SET" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/wrong" 200 by socket
            CLIENT database_front "SET" by thread
              SERVER redis-server "SET" by socket
            CLIENT database_front "INCRBY" ERR by thread error=ERR
              SERVER redis-server "INCRBY" ERR by socket error=ERR
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/large" 200 by socket
            CLIENT database_front "SET" by thread
              SERVER redis-server "SET" by socket
            CLIENT database_front "GET" by thread
              SERVER redis-server "GET" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/many" 200 by socket
            CLIENT database_front "DEL" by thread
              SERVER redis-server "DEL" by socket
            CLIENT database_front "RPUSH" by thread
              SERVER redis-server "RPUSH" by socket
            CLIENT database_front "LRANGE" by thread
              SERVER redis-server "LRANGE" by socket
        "#,
    );
}

#[test]
fn postgres_by_psycopg() {
    let scenario = Scenario::start("databases-postgres");
    let database = postgres(&scenario);
    let paths =
        ["/db/simple", "/db/bound", "/db/prepared", "/db/many", "/db/wrong", "/db/copy", "/db/pipeline"];
    assert_trees(
        &ask(&scenario, "postgres", &database, &paths, 30),
        r#"
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/simple" 200 by socket
            CLIENT database_front "SELECT goods" by thread
              SERVER postgres "SELECT goods" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/bound" 200 by socket
            CLIENT database_front "SELECT goods" by thread
              SERVER postgres "SELECT goods" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/prepared" 200 by socket
            CLIENT database_front "PREPARE" by thread
              SERVER postgres "PREPARE" by socket
            CLIENT database_front "SELECT goods" by thread
              SERVER postgres "SELECT goods" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/many" 200 by socket
            CLIENT database_front "SELECT goods" by thread
              SERVER postgres "SELECT goods" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/wrong" 200 by socket
            CLIENT database_front "SELECT nowhere" 42P01 by thread error=42P01
              SERVER postgres "SELECT nowhere" 42P01 by socket error=42P01
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/copy" 200 by socket
            CLIENT database_front "COPY goods" by thread
              SERVER postgres "COPY goods" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/pipeline" 200 by socket
            CLIENT database_front "SELECT" by thread
              SERVER postgres "SELECT" by socket
        "#,
    );
}

#[test]
fn elasticsearch_by_its_client() {
    let scenario = Scenario::start("databases-elasticsearch");
    let database = noida_db(&scenario, "elasticsearch");
    let spans =
        ask(&scenario, "elasticsearch", &database, &["/db/search", "/db/index", "/db/bulk", "/db/wrong"], 16);
    assert_trees(
        &spans,
        r#"
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/search" 200 by socket
            CLIENT database_front "search goods" by thread
              SERVER noida-db "POST /goods/_search" 200 by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/index" 200 by socket
            CLIENT database_front "index goods" by thread
              SERVER noida-db "PUT /goods/_doc/{id}" 201 by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/bulk" 200 by socket
            CLIENT database_front "bulk" by thread
              SERVER noida-db "PUT /_bulk" 200 by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/wrong" 200 by socket
            CLIENT database_front "get goods" 404 by thread error=404
              SERVER noida-db "GET /goods/_doc/nowhere" 404 by socket
        "#,
    );
    let call = spans.iter().find(|span| span.name == "search goods").unwrap();
    for (key, value) in [
        ("db.system.name", "elasticsearch"),
        ("db.operation.name", "search"),
        ("db.collection.name", "goods"),
        ("http.request.method", "POST"),
        ("url.full", &database.url("/goods/_search")),
        ("server.port", &database.port().to_string()),
    ] {
        assert_eq!(call.attribute(key), value, "{key} of {call:?}");
    }
}

#[test]
fn clickhouse_by_http() {
    let scenario = Scenario::start("databases-clickhouse");
    let database = noida_db(&scenario, "clickhouse");
    let spans = ask(&scenario, "clickhouse", &database, &["/db/select", "/db/wrong"], 8);
    assert_trees(
        &spans,
        r#"
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/select" 200 by socket
            CLIENT database_front "SELECT" by thread
              SERVER noida-db "GET /" 200 by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/wrong" 200 by socket
            CLIENT database_front "SELECT" 47 by thread error=47
              SERVER noida-db "GET /" 500 by socket error=500
        "#,
    );
    let call =
        spans.iter().find(|span| span.kind == "CLIENT" && span.name == "SELECT" && !span.error).unwrap();
    assert_eq!(call.attribute("db.query.text"), "SELECT ?, ?");
    assert_eq!(call.attribute("db.namespace"), "default");
}
