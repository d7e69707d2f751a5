//! Metrics as Prometheus reads them.

use std::{
    fs::File,
    process::{Command, Stdio},
};

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use tracer_tests::{
    apps::{Upstream, curl, nginx, threaded_backend},
    command::{output_of, run},
    daemon::{Daemon, Options},
    ports::free_port,
    receiver::Transport,
    scenario::{Scenario, workspace},
    service::{Listens, Service},
    wait::wait_until,
};

/// A daemon that offers all metrics of some services on a port, and keeps no trace but those that ask for it.
fn daemon(scenario: &Scenario, services: &[&Service], port: u16) -> Daemon {
    let rules: Vec<_> = services.iter().map(|service| format!("{{ port = {} }}", service.port())).collect();
    let rules = rules.join(", ");
    scenario.daemon_with(Options::config(&format!(
        "[metrics]\nlisten = '127.0.0.1:{port}'\nfamilies = ['http', 'service_graph', 'span_metrics']\n\
         [select]\ninclude = [{rules}]\n\
         [sampling]\nsampler = 'always_off'\nforce_header = 'x-force-trace'\n"
    )))
}

/// The value of the sample whose line starts so.
fn value(text: &str, start: &str) -> Option<u64> {
    text.lines().find(|line| line.starts_with(start))?.rsplit(' ').next()?.parse().ok()
}

/// What was counted is what happened, whether it was kept or not, and `promtool` finds nothing to say about the text.
#[test]
fn everything_is_counted_before_sampling() {
    let scenario = Scenario::start("metrics-counted");
    let backend = threaded_backend(&scenario, None);
    let front = nginx(&scenario, &Upstream::Kept(&backend));
    let port = free_port();
    let daemon = daemon(&scenario, &[&front, &backend], port);
    for status in [200, 200, 500] {
        curl([front.url(&format!("/counted/status/{status}"))]);
    }
    curl(["-H".to_owned(), "X-Force-Trace: 1".to_owned(), front.url("/counted/status/204")]);
    let url = format!("http://127.0.0.1:{port}/metrics");
    let edge = "traces_service_graph_request_total{client=\"nginx\",server=\"threaded_backend\"}";
    wait_until("all requests are counted", || value(&curl([url.clone()]), edge) == Some(4));
    let text = curl([url.clone()]);
    assert_eq!(value(&text, "traces_service_graph_request_total{client=\"curl\",server=\"nginx\"}"), Some(4));
    let failed = "traces_service_graph_request_failed_total{client=\"nginx\",server=\"threaded_backend\"}";
    assert_eq!(value(&text, failed), Some(1));
    let of = |service: &str, status: u32| {
        let rest = if status == 500 { ",error_type=\"500\"" } else { "" };
        let start = format!(
            "http_server_request_duration_seconds_count{{service_name=\"{service}\",http_request_method=\"GET\",\
             http_route=\"/counted/status/{{id}}\",http_response_status_code=\"{status}\"{rest},"
        );
        value(&text, &start)
    };
    for service in ["nginx", "threaded_backend"] {
        assert_eq!([200, 204, 500].map(|status| of(service, status)), [Some(2), Some(1), Some(1)], "{text}");
    }
    let program = "tracer_program_attached{program=\"sock_send\"}";
    assert_eq!(value(&text, program), Some(1), "{text}");

    let file = scenario.write("metrics.txt", &text);
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(File::open(file).unwrap());
    let said = output_of(promtool.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let words = [said.stdout, said.stderr].concat();
    assert!(said.status.success() && words.is_empty(), "{}", String::from_utf8_lossy(&words));
    assert_eq!(scenario.finish(daemon, "/counted", 4).len(), 4, "the trace that was asked for, and no other");
}

/// The backend that gets the traces gets the metrics too: of all requests, though no trace is kept.
#[test]
fn metrics_are_pushed_to_the_backend() {
    let scenario = Scenario::with_transport("metrics-pushed", Transport::Http);
    let backend = threaded_backend(&scenario, None);
    let daemon = scenario.daemon_with(Options::config(&format!(
        "[metrics]\npush_interval = '1s'\n[select]\ninclude = [{{ port = {} }}]\n[sampling]\nsampler = 'always_off'\n",
        backend.port()
    )));
    for _ in 0..3 {
        curl([backend.url("/pushed/hello")]);
    }
    let counted = || {
        let mut counts = Vec::new();
        for resource in scenario.receiver.metrics() {
            for metric in resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
                let Some(Data::Histogram(histogram)) = metric.data else { continue };
                counts.extend(histogram.data_points.iter().map(|point| (metric.name.clone(), point.count)));
            }
        }
        counts
    };
    for name in ["http.server.request.duration", "http.client.request.duration"] {
        wait_until("the backend has the count", || counted().contains(&(name.to_owned(), 3)));
    }
    assert_eq!(scenario.finish(daemon, "/pushed", 0).len(), 0);
}

/// A real Prometheus pulls the metrics, examples included.
#[test]
fn prometheus_pulls_metrics_and_exemplars() {
    let scenario = Scenario::start("metrics-prometheus");
    let backend = threaded_backend(&scenario, None);
    let port = free_port();
    let daemon = daemon(&scenario, &[&backend], port);
    let config = scenario.write(
        "prometheus.yml",
        &format!(
            "scrape_configs: [{{job_name: tracer, scrape_interval: 1s, scrape_timeout: 1s, static_configs: \
             [{{targets: ['127.0.0.1:{port}']}}]}}]\n"
        ),
    );
    let web = free_port();
    let mut command = Command::new("prometheus");
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", scenario.file("prometheus").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{web}"))
        .arg("--enable-feature=exemplar-storage");
    let prometheus = Service::start(&scenario, "prometheus", command, Listens::port(web));
    for _ in 0..3 {
        curl(["-H".to_owned(), "X-Force-Trace: 1".to_owned(), backend.url("/pulled/hello")]);
    }
    let ask = |path: &str, query: &str| -> serde_json::Value {
        let encoded = format!("query={query}");
        let text = curl(["--get".to_owned(), "--data-urlencode".to_owned(), encoded, prometheus.url(path)]);
        serde_json::from_str(&text).unwrap()
    };
    let query = "sum(http_server_request_duration_seconds_count{http_route=\"/pulled/hello\"})";
    wait_until("Prometheus has the count", || {
        ask("/api/v1/query", query)["data"]["result"][0]["value"][1] == "3"
    });
    let spans = scenario.finish(daemon, "/pulled", 6);
    let of_them = "http_server_request_duration_seconds_bucket{http_route=\"/pulled/hello\"}";
    let answer = ask("/api/v1/query_exemplars", of_them);
    let example = &answer["data"][0]["exemplars"][0]["labels"];
    let is_it = |span: &&tracer_tests::span::ReceivedSpan| {
        example["trace_id"] == span.trace_id.as_str() && example["span_id"] == span.span_id.as_str()
    };
    let found: Vec<_> = spans.iter().filter(is_it).map(|span| span.kind).collect();
    assert_eq!(found, ["SERVER"], "{answer}");
}

/// The rules of deploy/ are well formed, and say of made-up series what they should.
#[test]
fn the_rules_for_prometheus_hold() {
    let folder = workspace().join("deploy/prometheus");
    for command in [["check", "rules", "rules.yaml"], ["test", "rules", "rules.test.yaml"]] {
        run(Command::new("promtool").args(command).current_dir(&folder));
    }
}
