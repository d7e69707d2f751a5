//! gunicorn with threads and flask, behind nginx by TCP and by an AF_UNIX socket, calling a second service.

use std::thread;

use tracer_tests::{
    apps::{Upstream, curl, flask_front, nginx, threaded_backend},
    client::Client,
    ports::free_port,
    scenario::Scenario,
    service::Listens,
    tree::{assert_edges_keep_path, assert_trees},
};

#[test]
fn flask_calls_a_second_service() {
    let scenario = Scenario::start("wsgi-tcp");
    let backend = threaded_backend(&scenario, None);
    let flask = flask_front(&scenario, &backend, Listens::port(free_port()));
    let daemon = scenario.daemon();
    for _ in 0..10 {
        curl([flask.url("/wsgi/hello")]);
    }
    assert_trees(
        &scenario.finish(daemon, "/wsgi", 40),
        r#"
        10 x CLIENT curl "GET" 200
          SERVER flask_front "GET /wsgi/hello" 200 by socket
            CLIENT flask_front "GET" 200 by thread
              SERVER threaded_backend "GET /wsgi/hello" 200 by socket
        "#,
    );
}

#[test]
fn nginx_and_flask_by_unix_socket() {
    let scenario = Scenario::start("wsgi-unix");
    let backend = threaded_backend(&scenario, None);
    let flask = flask_front(&scenario, &backend, Listens::Unix(scenario.file("flask.sock")));
    let closing = nginx(&scenario, &Upstream::Closing(&flask));
    let kept = nginx(&scenario, &Upstream::Kept(&flask));
    let daemon = scenario.daemon();
    for front in [&closing, &kept] {
        for _ in 0..5 {
            curl([front.url("/wsgi-unix/hello")]);
        }
    }
    let spans = scenario.finish(daemon, "/wsgi-unix", 60);
    assert_trees(
        &spans,
        r#"
        10 x CLIENT curl "GET" 200
          SERVER nginx "GET /wsgi-unix/hello" 200 by socket
            CLIENT nginx "GET" 200 by turn
              SERVER flask_front "GET /wsgi-unix/hello" 200 by socket
                CLIENT flask_front "GET" 200 by thread
                  SERVER threaded_backend "GET /wsgi-unix/hello" 200 by socket
        "#,
    );
    let over_unix = spans.iter().filter(|span| span.attribute("network.transport") == "unix").count();
    assert_eq!(over_unix, 20, "Both ends of the AF_UNIX connections, and nothing else.");
}

/// Many requests at once in four threads of one worker: a thread serves one request at a time, so every edge is known.
#[test]
fn threads_do_not_mix_requests() {
    let scenario = Scenario::start("wsgi-concurrent");
    let backend = threaded_backend(&scenario, None);
    let flask = flask_front(&scenario, &backend, Listens::port(free_port()));
    let daemon = scenario.daemon();
    let address = flask.address();
    thread::scope(|scope| {
        for client in 0..8 {
            scope.spawn(move || {
                for number in 0..20 {
                    let path = format!("/wsgi-many/{client}/{number}");
                    let mut connection = Client::connect(address);
                    assert_eq!(connection.get(&path).status, 200);
                }
            });
        }
    });
    let spans = scenario.finish(daemon, "/wsgi-many", 640);
    assert_edges_keep_path(&spans);
    assert_trees(
        &spans,
        r#"
        160 x CLIENT test "GET" 200
          SERVER flask_front "GET /wsgi-many/{id}/{id}" 200 by socket
            CLIENT flask_front "GET" 200 by thread
              SERVER threaded_backend "GET /wsgi-many/{id}/{id}" 200 by socket
        "#,
    );
}
