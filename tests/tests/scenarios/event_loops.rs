//! Python event loops: many requests in one thread, and calls handed to a pool of threads.

use tracer_tests::{
    apps::{curl, python, python_front, threaded_backend},
    client::{Client, at_once},
    ports::free_port,
    scenario::Scenario,
    service::{Listens, Service},
    tree::{self, assert_edges_keep_path, assert_trees},
};

#[test]
fn aiohttp_one_request_after_the_other() {
    let scenario = Scenario::start("aiohttp-sequence");
    let backend = threaded_backend(&scenario, None);
    let front = python_front(&scenario, "aiohttp_front.py", &backend);
    let daemon = scenario.daemon();
    for _ in 0..10 {
        curl([front.url("/aiohttp/hello")]);
    }
    assert_trees(
        &scenario.finish(daemon, "/aiohttp", 40),
        r#"
        10 x CLIENT curl "GET" 200
          SERVER aiohttp_front "GET /aiohttp/hello" 200 by socket
            CLIENT aiohttp_front "GET" 200 by task
              SERVER threaded_backend "GET /aiohttp/hello" 200 by socket
        "#,
    );
}

/// Sixty-four clients of one event loop: the task that answers a request is known to have made its call.
fn every_call_has_its_request(script: &str) {
    let service = script.trim_end_matches(".py");
    let scenario = Scenario::start(&format!("{service}-at-once"));
    let backend = threaded_backend(&scenario, None);
    let front = python_front(&scenario, script, &backend);
    let daemon = scenario.daemon();
    at_once(front.address(), "/tasks", 64, 10);
    let spans = scenario.finish(daemon, "/tasks", 4 * 640);
    assert_edges_keep_path(&spans);
    let calls = spans.iter().filter(|span| span.kind == "CLIENT" && tree::service(span) == service);
    let evidence: Vec<_> = calls.map(|call| call.attributes.get("tracer.parent.evidence")).collect();
    assert_eq!(evidence.len(), 640);
    let unknown = evidence.iter().filter(|evidence| evidence.is_none()).count();
    assert_eq!(unknown, 0, "Calls without a parent.");
}

#[test]
fn aiohttp_tasks() {
    every_call_has_its_request("aiohttp_front.py");
}

#[test]
fn asgi_tasks() {
    every_call_has_its_request("asgi_front.py");
}

/// Its functions are not async: they run in a pool of threads, in copies of the task's context.
#[test]
fn fastapi_pool() {
    every_call_has_its_request("fastapi_front.py");
}

/// A loop whose sockets are in no epoll set: what it waits for shows that it is one. With one request in hand at a time, it is
/// its timers that give it away, which make calls for requests that were answered before.
#[test]
fn loops_on_select_and_poll() {
    for kind in ["select", "poll"] {
        let scenario = Scenario::start(&format!("loop-{kind}"));
        let backend = threaded_backend(&scenario, None);
        let port = free_port();
        let command = python("poll_loop.py", [port.to_string(), backend.url(""), kind.to_owned()]);
        let front = Service::start(&scenario, "poll_loop", command, Listens::port(port));
        let daemon = scenario.daemon();
        let mut client = Client::connect(front.address());
        // Its first requests find the thread asleep.
        for number in 0..3 {
            assert_eq!(client.get(&format!("/{kind}/slow/first/{number}")).status, 200);
        }
        for number in 0..4 {
            assert_eq!(client.get(&format!("/{kind}/late/{number}")).status, 200);
            assert_eq!(client.get(&format!("/{kind}/slow/{number}")).status, 200);
        }
        let spans = scenario.finish(daemon, &format!("/{kind}"), 2 * 3 + 4 * 4 + 2 * 4);
        let calls = spans.iter().filter(|span| span.kind == "CLIENT" && span.service() == "poll_loop");
        let parents: Vec<_> = calls.map(|call| &call.parent_id[..]).collect();
        assert_eq!(parents, [""; 4], "calls of timers have no parent");
    }
}
