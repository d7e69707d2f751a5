//! `tracer record` and `tracer replay`.

use tracer_tests::{
    apps::{Upstream, curl, nginx, threaded_backend},
    command::output,
    daemon::{Daemon, tracer},
    scenario::{Scenario, assert_unique},
    span::ReceivedSpan,
    tree::{assert_trees, render},
};

const EXPECTED: &str = r#"
    10 x CLIENT curl "GET" 200
      SERVER nginx "GET /recorded/hello" 200 by socket
        CLIENT nginx "GET" 200 by turn
          SERVER threaded_backend "GET /recorded/hello" 200 by socket
"#;

/// The daemon watches the session that is recorded: what is replayed must be what it exported.
#[test]
fn a_replay_gives_what_the_daemon_exported() {
    let scenario = Scenario::start("recordings");
    let backend = threaded_backend(&scenario, None);
    let front = nginx(&scenario, &Upstream::Kept(&backend));
    let daemon = scenario.daemon();
    let file = scenario.file("session.events");
    let mut command = tracer();
    command.arg("record").arg(&file);
    let recorder = Daemon::start_command(&scenario, "record", command, "tracer records to");
    for _ in 0..10 {
        curl([front.url("/recorded/hello")]);
    }
    scenario.receiver.wait_for("/recorded", 40);
    recorder.stop();
    let exported = scenario.finish(daemon, "/recorded", 40);
    assert_trees(&exported, EXPECTED);

    let replayed = replay(&file);
    assert_unique(&replayed);
    assert_trees(&replayed, EXPECTED);
    // Nothing of the replay depends on when, where or how often it happens.
    let again = replay(&file);
    assert_eq!(render(&again), render(&replayed));
    let times = |spans: &[ReceivedSpan]| {
        let mut times: Vec<_> = spans.iter().map(|span| (span.start_ns, span.end_ns)).collect();
        times.sort_unstable();
        times
    };
    assert_eq!(times(&again), times(&replayed));
}

fn replay(file: &std::path::Path) -> Vec<ReceivedSpan> {
    let output = output(tracer().arg("replay").arg(file).arg("--json"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let spans = text.lines().flat_map(|line| {
        ReceivedSpan::from_json_line(line)
            .unwrap_or_else(|error| panic!("A line of the replay is not OTLP JSON ({error}): {line}"))
    });
    spans.filter(|span| span.path().starts_with("/recorded")).collect()
}

#[test]
fn a_file_that_is_no_recording_is_refused() {
    let scenario = Scenario::start("recordings-refused");
    for text in ["", "no recording\n"] {
        let file = scenario.write("other.events", text);
        let output = output(tracer().arg("replay").arg(&file));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(errors.contains(&file.display().to_string()) && !errors.contains("panicked"), "{errors}");
    }
}
