//! Programs that a service starts to answer a request.

use tracer_tests::{
    apps::{python_front, threaded_backend},
    client::{Client, at_once},
    scenario::Scenario,
    tree::{assert_edges_keep_path, assert_trees},
};

/// Eight at a time: every curl, two processes away, belongs to the request whose thread started its shell.
#[test]
fn the_calls_of_a_shell_belong_to_the_request() {
    let scenario = Scenario::start("started-shell");
    let backend = threaded_backend(&scenario, None);
    let front = python_front(&scenario, "starting_front.py", &backend);
    let daemon = scenario.daemon();
    at_once(front.address(), "/started/shell", 8, 5);
    let spans = scenario.finish(daemon, "/started", 160);
    assert_edges_keep_path(&spans);
    assert_trees(
        &spans,
        r#"
        40 x CLIENT test "GET" 200
          SERVER starting_front "GET /started/shell/{id}/{id}" 200 by socket
            CLIENT curl "GET" 200 by process
              SERVER threaded_backend "GET /started/shell/{id}/{id}" 200 by socket
        "#,
    );
}

/// A fork runs the service's own program: it may be a worker that serves many, so its calls stand alone.
#[test]
fn a_fork_is_no_program_of_its_own() {
    let scenario = Scenario::start("started-fork");
    let backend = threaded_backend(&scenario, None);
    let front = python_front(&scenario, "starting_front.py", &backend);
    let daemon = scenario.daemon();
    let mut connection = Client::connect(front.address());
    for _ in 0..5 {
        assert_eq!(connection.get("/started/fork/x").status, 200);
    }
    assert_trees(
        &scenario.finish(daemon, "/started", 20),
        r#"
        5 x CLIENT test "GET" 200
          SERVER starting_front "GET /started/fork/x" 200 by socket
        5 x CLIENT starting_front "GET" 200
          SERVER threaded_backend "GET /started/fork/x" 200 by socket
        "#,
    );
}
