//! Sampling at its place in the pipeline.

use tracer_user::spans::span::{SpanKind, Value};

use crate::{
    context::config,
    scene::{OK, Scene, get},
};

const FAILED: &str = "HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno";
const ERRORS: &str = "[sampling.tail]\npolicies = [\
                      { name = 'errors', type = 'status_code', status_code = { status_codes = ['ERROR'] } }]\n";

fn counted(scene: &Scene) -> Vec<(String, bool, u64, u64)> {
    let decisions = scene.pipeline.census().sampling.decisions.into_iter();
    decisions.map(|line| (line.reason, line.kept, line.traces, line.spans)).collect()
}

fn line(reason: &str, kept: bool, traces: u64, spans: u64) -> (String, bool, u64, u64) {
    (reason.to_owned(), kept, traces, spans)
}

/// Two traces, the second of which fails.
fn two_traces(text: &str) -> Scene {
    let mut scene = Scene::with(&config(text));
    let (curl, web) = (scene.process(100, "curl"), scene.process(200, "web"));
    let link = scene.tcp(80);
    scene.exchange(link, curl, web, "/a");
    scene.request(link, curl, web, &get("/b"));
    scene.response(link, web, curl, FAILED);
    scene
}

#[test]
fn everything_is_kept_by_default() {
    let mut scene = two_traces("");
    assert_eq!(scene.spans().len(), 4);
    assert!(scene.spans().iter().all(|span| span.trace_state.is_none()));
    assert_eq!(counted(&scene), [line("always_on", true, 2, 4)]);
}

#[test]
fn traces_are_dropped_whole() {
    let mut scene = two_traces("[sampling]\nsampler = 'always_off'");
    assert_eq!(scene.spans().len(), 0);
    assert_eq!(counted(&scene), [line("always_off", false, 2, 4)]);
    assert_eq!(scene.settled().finished_spans, 4, "they were made all the same");
}

#[test]
fn a_trace_waits_for_its_policies() {
    let mut scene = two_traces(ERRORS);
    // A trace comes here once it had the time to be complete; from then on it waits.
    scene.wait(10_000_000);
    scene.wait(4_000_000_000);
    assert_eq!((scene.handed_out, scene.pipeline.census().sampling.waiting_traces), (0, 2));
    scene.wait(2_000_000_000);
    assert_eq!((scene.handed_out, scene.pipeline.census().sampling.waiting_traces), (1, 0));
    assert_eq!(scene.outline(), "curl > GET 500 !500\n  web < GET /b 500 !500 [tcp-seq]\n");
    assert_eq!(counted(&scene), [line("errors", true, 1, 2), line("no_policy", false, 1, 2)]);
}

#[test]
fn what_waits_at_the_end_is_decided_on() {
    let mut scene = two_traces(&format!("{ERRORS}decision_wait = '1m'"));
    assert_eq!(scene.spans().len(), 2);
}

/// The part that is handed out early decides: the rest of the trace follows, with or without an error of its own.
#[test]
fn parts_of_a_long_trace_are_decided_on_alike() {
    for (first, rest, kept) in [(FAILED, OK, 4), (OK, FAILED, 0)] {
        let mut scene = Scene::with(&config(ERRORS));
        let (curl, web, app) =
            (scene.process(100, "curl"), scene.process(200, "web"), scene.process(300, "app"));
        let (front, back) = (scene.tcp(80), scene.tcp(8000));
        scene.request(front, curl, web, &get("/a"));
        scene.request(back, web, app, &get("/b"));
        scene.response(back, app, web, first);
        // The early part is handed out after five to six seconds, and decided on five seconds later.
        scene.wait(6_500_000_000);
        scene.wait(5_500_000_000);
        assert_eq!(scene.handed_out, usize::from(kept > 0));
        scene.response(front, web, curl, rest);
        assert_eq!(scene.spans().len(), kept);
    }
}

#[test]
fn a_request_forces_its_trace_with_a_header() {
    let mut scene =
        Scene::with(&config("[sampling]\nsampler = 'always_off'\nforce_header = 'x-force-trace'"));
    let (curl, web) = (scene.process(100, "curl"), scene.process(200, "web"));
    let link = scene.tcp(80);
    scene.exchange(link, curl, web, "/a");
    scene.request(link, curl, web, "GET /b HTTP/1.1\r\nX-Force-Trace: 1\r\n\r\n");
    scene.response(link, web, curl, OK);
    assert_eq!(scene.outline(), "curl > GET 200\n  web < GET /b 200 [tcp-seq]\n");
    let forced = scene.span("web", SpanKind::Server).attribute("tracer.sampling.forced").cloned();
    assert_eq!(forced, Some(Value::Bool(true)));
    assert_eq!(counted(&scene), [line("forced", true, 1, 2), line("always_off", false, 1, 2)]);
}

#[test]
fn spans_say_what_they_stand_for() {
    let mut scene = two_traces("[sampling]\nsampler = 'traceidratio'\nargument = 0.999");
    let states: Vec<_> = scene.spans().iter().map(|span| span.trace_state.clone()).collect();
    assert_eq!(states, vec![Some("ot=th:0042".into()); 4]);
}
