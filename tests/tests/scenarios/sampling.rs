//! Sampling of real requests by the real daemon.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tracer_tests::{
    apps::{curl, node_with_packages, threaded_backend},
    command::output,
    daemon::{Options, tracer},
    ports::free_port,
    scenario::Scenario,
    service::Service,
    tree::assert_trees,
    wait::wait_until,
};

/// Every error arrives, of the rest nothing but what a header asks for, and `tracer status` says how much was left out.
#[test]
fn errors_and_forced_requests_are_kept() {
    let scenario = Scenario::start("sampling-errors");
    let backend = threaded_backend(&scenario, None);
    // Nothing but what goes to this port is counted.
    let daemon = scenario.daemon_with(Options::config(&format!(
        "[select]\ninclude = [{{ port = {} }}]\n\
         [sampling]\nforce_header = 'x-force-trace'\n\
         [sampling.tail]\ndecision_wait = '1s'\n\
         policies = [{{ name = 'errors', type = 'status_code', status_code = {{ status_codes = ['ERROR'] }} }}]\n",
        backend.port()
    )));
    for status in [200, 500, 200] {
        curl([backend.url(&format!("/sampled/status/{status}"))]);
    }
    curl(["-H".to_owned(), "X-Force-Trace: yes".to_owned(), backend.url("/sampled/hello")]);
    wait_until("everything was decided on", || {
        let sampling = daemon.status().sampling;
        sampling.waiting_traces == 0 && sampling.decisions.iter().map(|line| line.traces).sum::<u64>() == 4
    });
    let counted: Vec<_> = daemon
        .status()
        .sampling
        .decisions
        .into_iter()
        .map(|line| (line.reason, line.kept, line.traces, line.spans))
        .collect();
    let line = |reason: &str, kept, traces, spans| (reason.to_owned(), kept, traces, spans);
    assert_eq!(
        counted,
        [line("forced", true, 1, 2), line("errors", true, 1, 2), line("no_policy", false, 2, 4)]
    );
    let text = output(tracer().args(["status", "--socket"]).arg(daemon.socket()));
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("policy errors") && text.contains("no_policy"), "{text}");
    assert_trees(
        &scenario.finish(daemon, "/sampled", 4),
        r#"
        CLIENT curl "GET" 500 error=500
          SERVER threaded_backend "GET /sampled/status/{id}" 500 by socket error=500
        CLIENT curl "GET" 200
          SERVER threaded_backend "GET /sampled/hello" 200 by socket
        "#,
    );
}

/// SIGHUP brings a new `[sampling]` into force; one that is wrong is refused, and the old one stays.
#[test]
fn sampling_is_changed_while_the_daemon_runs() {
    let scenario = Scenario::start("sampling-reload");
    let backend = threaded_backend(&scenario, None);
    let config = |sampler: &str| format!("[sampling]\nsampler = '{sampler}'\n");
    let daemon = scenario.daemon_with(Options::config(&config("always_off")));
    let reload = |sampler: &str, says: &str| {
        scenario.write("tracer.toml", &config(sampler));
        let before = daemon.log_text().matches(says).count();
        kill(Pid::from_raw(daemon.pid() as i32), Signal::SIGHUP).unwrap();
        wait_until("the daemon has read its configuration", || {
            daemon.log_text().matches(says).count() > before
        });
    };
    curl([backend.url("/reloaded/before")]);
    wait_until("the first trace is dropped", || {
        daemon.status().sampling.decisions.iter().any(|line| !line.kept && line.traces > 0)
    });
    reload("always_on", "configuration read again; in force now: ");
    curl([backend.url("/reloaded/after")]);
    reload("sometimes", "The configuration stays as it was");
    curl([backend.url("/reloaded/wrong")]);
    let mut paths: Vec<_> =
        scenario.finish(daemon, "/reloaded", 4).iter().map(|span| span.path().to_owned()).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths, ["/reloaded/after", "/reloaded/wrong"]);
}

/// The standard variables choose the sampler: a caller that has decided is followed, and its `tracestate` goes on.
#[test]
fn a_caller_that_has_decided_is_followed() {
    let scenario = Scenario::start("sampling-parent");
    let backend = threaded_backend(&scenario, None);
    let mut options = Options::default();
    options.env.push(("OTEL_TRACES_SAMPLER".into(), "parentbased_always_off".into()));
    let daemon = scenario.daemon_with(options);
    let parent =
        |flags| format!("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333{flags}-0{flags}");
    // An own trace id for each: parts of one trace are decided on alike.
    let unsampled = parent(0).replace("0af7", "0bf7");
    curl(["-H".to_owned(), unsampled, backend.url("/decided/no")]);
    curl([backend.url("/decided/nobody")]);
    let state = "tracestate: ot=th:4,vendor=x".to_owned();
    curl(["-H".to_owned(), parent(1), "-H".to_owned(), state, backend.url("/decided/yes")]);
    let spans = scenario.finish(daemon, "/decided", 2);
    let seen: Vec<_> = spans.iter().map(|span| (span.kind, span.path(), span.trace_state.as_str())).collect();
    assert!(seen.contains(&("SERVER", "/decided/yes", "ot=th:4,vendor=x")), "{seen:?}");
    assert!(seen.contains(&("CLIENT", "/decided/yes", "ot=th:4,vendor=x")), "{seen:?}");
    assert_eq!(seen.len(), 2, "{seen:?}");
}

/// OpenTelemetry's sampler for Node.js keeps what the tracer says: of a service with a fixed share, and of an operation as busy as the tracer has seen it.
#[test]
fn an_sdk_asks_what_to_keep() {
    let scenario = Scenario::start("sampling-remote");
    let backend = threaded_backend(&scenario, None);
    let port = free_port();
    let daemon = scenario.daemon_with(Options::config(&format!(
        "[remote_sampling]\nlisten = '127.0.0.1:{port}'\n[select]\ninclude = [{{ port = {} }}]\n\
         [sampling]\nsampler = 'adaptive'\nargument = 1\n\
         rules = [{{ service = 'quarter', sampler = 'traceidratio', argument = 0.25 }}]\n",
        backend.port()
    )));
    let endpoint = format!("http://127.0.0.1:{port}");
    let asker = |service: &str| {
        node_with_packages(&scenario, "remote_sampler.js", &[endpoint.clone(), service.to_owned()])
    };
    let kept = |asker: &Service, name: &str| -> u32 {
        let name = name.replace(' ', "%20").replace('/', "%2F");
        curl([asker.url(&format!("/share?name={name}"))]).parse().unwrap()
    };
    let quarter = asker("quarter");
    wait_until("the SDK keeps a quarter", || kept(&quarter, "GET /any") == 64);

    let service = asker("threaded_backend");
    wait_until("the SDK keeps all of a service that nobody has called", || kept(&service, "GET /any") == 256);
    wait_until("the SDK keeps less of a busy operation", || {
        curl([backend.url("/remote/rare")]);
        for _ in 0..20 {
            curl([backend.url("/remote/busy")]);
        }
        kept(&service, "GET /remote/busy") < 64
    });
    let answer = curl([format!("{endpoint}/sampling?service=threaded_backend")]);
    for operation in ["GET /remote/busy", "GET /remote/rare"] {
        assert!(answer.contains(&format!(r#""operation":"{operation}""#)), "{answer}");
    }
    // A page of another site, whose name leads here, learns nothing.
    let args = ["-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: elsewhere.example"].map(str::to_owned);
    let refused = curl(args.into_iter().chain([format!("{endpoint}/sampling?service=quarter")]));
    assert_eq!(refused, "403");
    daemon.stop();
}
