//! Real databases behind a service that answers HTTP: their calls are children of its requests.

use std::collections::HashSet;

use tracer_tests::{
    apps::{
        cql_server, curl, database_front, database_front_tls, mariadb, memcached, mongodb, noida_db,
        postgres, redis,
    },
    daemon::Options,
    scenario::Scenario,
    service::Service,
    span::ReceivedSpan,
    tree::assert_trees,
    wait::wait_until,
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
    ask_through(scenario, &front, database, paths, spans)
}

/// As [`ask`], through a service that is there.
#[track_caller]
fn ask_through(
    scenario: &Scenario,
    front: &Service,
    database: &Service,
    paths: &[&str],
    spans: usize,
) -> Vec<ReceivedSpan> {
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

/// Asks over TLS, what is said is read within OpenSSL, and hands back what was traced once both ends are.
#[track_caller]
fn ask_by_tls(scenario: &Scenario, kind: &str, database: &Service, paths: &[&str]) -> Vec<ReceivedSpan> {
    // Neither has asked anything yet.
    let [first, front] = [(); 2].map(|()| database_front_tls(scenario, kind, database));
    let ports = [&first, &front, database].map(|service| format!("port={}", service.port()));
    let daemon =
        scenario.daemon_with(Options::args(ports.iter().flat_map(|port| ["--include", port.as_str()])));
    // A library is probed when it is first used; connections from then on are read from their beginning.
    wait_until("both ends are read", || {
        curl([first.url("/anew")]);
        let spans = scenario.receiver.spans_under("");
        let ends = spans.iter().filter(|span| span.name == "SELECT goods").map(|span| span.kind);
        ends.clone().any(|kind| kind == "CLIENT") && ends.clone().any(|kind| kind == "SERVER")
    });
    curl([front.url("/begin")]);
    for path in paths {
        curl([front.url(path)]);
    }
    scenario.receiver.wait_for("/db", 2 * paths.len());
    let traces: HashSet<_> =
        scenario.receiver.spans_under("/db").into_iter().map(|span| span.trace_id).collect();
    let mut spans = scenario.finish(daemon, "", 4 * paths.len());
    spans.retain(|span| traces.contains(&span.trace_id));
    spans
}

#[test]
fn postgres_over_tls() {
    let scenario = Scenario::start("databases-postgres-tls");
    let database = postgres(&scenario);
    assert_trees(
        &ask_by_tls(&scenario, "postgres", &database, &["/db/bound", "/db/wrong", "/db/many"]),
        r#"
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/bound" 200 by socket
            CLIENT database_front "SELECT goods" by thread
              SERVER postgres "SELECT goods" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/wrong" 200 by socket
            CLIENT database_front "SELECT nowhere" 42P01 by thread error=42P01
              SERVER postgres "SELECT nowhere" 42P01 by socket error=42P01
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/many" 200 by socket
            CLIENT database_front "SELECT goods" by thread
              SERVER postgres "SELECT goods" by socket
        "#,
    );
}

#[test]
fn mariadb_over_tls() {
    let scenario = Scenario::start("databases-mariadb-tls");
    let database = mariadb(&scenario);
    assert_trees(
        &ask_by_tls(&scenario, "mysql", &database, &["/db/many", "/db/wrong"]),
        r#"
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/many" 200 by socket
            CLIENT database_front "SELECT goods" by thread
              SERVER mariadbd "SELECT goods" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/wrong" 200 by socket
            CLIENT database_front "SELECT nowhere" 1146 by thread error=1146
              SERVER mariadbd "SELECT nowhere" 1146 by socket error=1146
        "#,
    );
}

/// Its driver writes from a thread of its own, for which calls have no parent.
#[test]
fn cassandra_by_its_driver() {
    let scenario = Scenario::start("databases-cassandra");
    let database = cql_server(&scenario);
    let paths =
        ["/db/simple", "/db/large", "/db/before", "/db/prepared", "/db/batch", "/db/crossed", "/db/wrong"];
    assert_trees(
        &ask(&scenario, "cassandra", &database, &paths, 32),
        r#"
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/simple" 200 by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/large" 200 by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/before" 200 by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/prepared" 200 by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/batch" 200 by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/crossed" 200 by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/wrong" 200 by socket
        5 x CLIENT database_front "SELECT goods"
          SERVER cql_server "SELECT goods" by socket
        CLIENT database_front "EXECUTE"
          SERVER cql_server "EXECUTE" by socket
        CLIENT database_front "PREPARE"
          SERVER cql_server "PREPARE" by socket
        CLIENT database_front "BATCH"
          SERVER cql_server "BATCH" by socket
        CLIENT database_front "SELECT nowhere" 0x2200 error=0x2200
          SERVER cql_server "SELECT nowhere" 0x2200 by socket error=0x2200
        "#,
    );
}

#[test]
fn mariadb_by_python() {
    let scenario = Scenario::start("databases-mariadb");
    let database = mariadb(&scenario);
    let paths = [
        "/db/simple",
        "/db/many",
        "/db/large",
        "/db/wrong",
        "/db/results",
        "/db/use",
        "/db/ping",
        "/db/before",
        "/db/prepared",
    ];
    assert_trees(
        &ask(&scenario, "mysql", &database, &paths, 42),
        r#"
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/simple" 200 by socket
            CLIENT database_front "SELECT goods" by thread
              SERVER mariadbd "SELECT goods" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/many" 200 by socket
            CLIENT database_front "SELECT goods" by thread
              SERVER mariadbd "SELECT goods" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/large" 200 by socket
            CLIENT database_front "SELECT" by thread
              SERVER mariadbd "SELECT" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/wrong" 200 by socket
            CLIENT database_front "SELECT nowhere" 1146 by thread error=1146
              SERVER mariadbd "SELECT nowhere" 1146 by socket error=1146
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/results" 200 by socket
            CLIENT database_front "SELECT goods DELETE goods SELECT" by thread
              SERVER mariadbd "SELECT goods DELETE goods SELECT" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/use" 200 by socket
            CLIENT database_front "USE" by thread
              SERVER mariadbd "USE" by socket
            CLIENT database_front "SELECT goods" by thread
              SERVER mariadbd "SELECT goods" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/ping" 200 by socket
            CLIENT database_front "PING shop" by thread
              SERVER mariadbd "PING shop" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/before" 200 by socket
            CLIENT database_front "EXECUTE" by thread
              SERVER mariadbd "EXECUTE" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/prepared" 200 by socket
            CLIENT database_front "PREPARE" by thread
              SERVER mariadbd "PREPARE" by socket
            CLIENT database_front "RESET STATEMENT" by thread
              SERVER mariadbd "RESET STATEMENT" by socket
            CLIENT database_front "SELECT goods" by thread
              SERVER mariadbd "SELECT goods" by socket
        "#,
    );
}

#[test]
fn memcached_by_pymemcache_and_pylibmc() {
    let scenario = Scenario::start("databases-memcached");
    let database = memcached(&scenario);
    let paths = [
        "/db/get",
        "/db/set",
        "/db/noreply",
        "/db/many",
        "/db/large",
        "/db/wrong",
        "/db/meta",
        "/db/binary",
        "/db/binary_many",
        "/db/binary_wrong",
    ];
    assert_trees(
        &ask(&scenario, "memcached", &database, &paths, 52),
        r#"
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/get" 200 by socket
            CLIENT database_front "get" by thread
              SERVER memcached "get" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/set" 200 by socket
            CLIENT database_front "set" by thread
              SERVER memcached "set" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/noreply" 200 by socket
            CLIENT database_front "set" by thread
              SERVER memcached "set" by socket
            CLIENT database_front "get" by thread
              SERVER memcached "get" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/many" 200 by socket
            CLIENT database_front "BATCH set" by thread
              SERVER memcached "BATCH set" by socket
            CLIENT database_front "get" by thread
              SERVER memcached "get" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/large" 200 by socket
            CLIENT database_front "set" by thread
              SERVER memcached "set" by socket
            CLIENT database_front "get" by thread
              SERVER memcached "get" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/wrong" 200 by socket
            CLIENT database_front "set" by thread
              SERVER memcached "set" by socket
            CLIENT database_front "incr" CLIENT_ERROR by thread error=CLIENT_ERROR
              SERVER memcached "incr" CLIENT_ERROR by socket error=CLIENT_ERROR
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/meta" 200 by socket
            CLIENT database_front "BATCH mg" by thread
              SERVER memcached "BATCH mg" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/binary" 200 by socket
            CLIENT database_front "set" by thread
              SERVER memcached "set" by socket
            CLIENT database_front "get" by thread
              SERVER memcached "get" by socket
            CLIENT database_front "get" by thread
              SERVER memcached "get" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/binary_many" 200 by socket
            CLIENT database_front "BATCH get" by thread
              SERVER memcached "BATCH get" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/binary_wrong" 200 by socket
            CLIENT database_front "set" by thread
              SERVER memcached "set" by socket
            CLIENT database_front "incr" 0x0006 by thread error=0x0006
              SERVER memcached "incr" 0x0006 by socket error=0x0006
        "#,
    );
}

#[test]
fn the_wire_protocol_of_mongodb_by_pymongo() {
    let scenario = Scenario::start("databases-mongodb");
    let database = mongodb(&scenario);
    let paths = ["/db/insert", "/db/many", "/db/find", "/db/ping", "/db/wrong", "/db/unheard"];
    assert_trees(
        &ask(&scenario, "mongodb", &database, &paths, 24),
        r#"
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/insert" 200 by socket
            CLIENT database_front "insert goods" by thread
              SERVER noida-db "insert goods" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/many" 200 by socket
            CLIENT database_front "insert goods" by thread
              SERVER noida-db "insert goods" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/find" 200 by socket
            CLIENT database_front "find goods" by thread
              SERVER noida-db "find goods" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/ping" 200 by socket
            CLIENT database_front "ping admin" by thread
              SERVER noida-db "ping admin" by socket
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/wrong" 200 by socket
            CLIENT database_front "noSuchCommand shop" 59 by thread error=59
              SERVER noida-db "noSuchCommand shop" 59 by socket error=59
        CLIENT curl "GET" 200
          SERVER database_front "GET /db/unheard" 200 by socket
            CLIENT database_front "insert goods" by thread
              SERVER noida-db "insert goods" by socket
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
