//! Alerts of `tracer run`, and a real Alertmanager that hears of them.

use std::process::Command;

use serde_json::Value;
use tracer_tests::{
    apps::{curl, threaded_backend},
    ports::free_port,
    scenario::Scenario,
    service::{Listens, Service},
    wait::{DEADLINE, wait_for},
};

use super::own_backend::{json, public_directory, start_with};

#[test]
fn an_alertmanager_hears_of_a_slow_service() {
    let scenario = Scenario::start("alerts-alertmanager");
    let port = free_port();
    let mut command = Command::new("prometheus-alertmanager");
    command
        .arg(format!(
            "--config.file={}",
            scenario.write("am.yml", "route: {receiver: x}\nreceivers: [{name: x}]\n").display()
        ))
        .arg(format!("--storage.path={}", scenario.file("alertmanager").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--cluster.listen-address=");
    let alertmanager = Service::start(&scenario, "alertmanager", command, Listens::port(port));
    let backend = threaded_backend(&scenario, None);
    let data = public_directory();
    let rules = data.path().join("rules.yaml");
    // Every call takes longer than a nanosecond.
    let text = format!(
        "rules: [{{name: Slow, labels: {{team: a}}, if: {{latency: {{quantile: 0.5, above: 1ns, over: 10m, min_calls: 3}}}}}}]\n\
         notify: [{{alertmanager: {{url: 'http://127.0.0.1:{port}'}}}}]\n"
    );
    std::fs::write(&rules, text).unwrap();
    let (daemon, query, _) = start_with(
        &scenario,
        "run",
        data.path(),
        "The traces are at",
        &["--rules", &rules.display().to_string()],
    );
    for _ in 0..3 {
        curl([backend.url("/alerting/hello")]);
    }
    let heard = || -> Option<Value> {
        let alerts: Value = serde_json::from_str(&curl([alertmanager.url("/api/v2/alerts")])).ok()?;
        alerts.as_array()?.iter().find(|alert| alert["labels"]["service"] == "threaded_backend").cloned()
    };
    // Rules look at what has settled: what came in within the last ten seconds is not judged yet.
    let alert = wait_for(2 * DEADLINE, heard).expect("Alertmanager hears of it");
    assert_eq!((&alert["labels"]["alertname"], &alert["labels"]["team"]), (&"Slow".into(), &"a".into()));
    let example = alert["annotations"]["example_trace_id"].as_str().unwrap();
    assert!(alert["generatorURL"].as_str().unwrap().ends_with(example), "{alert}");
    let trace = json(query, &format!("/api/v1/traces/{example}"));
    assert!(!trace["spans"].as_array().unwrap().is_empty());
    drop(daemon);
}
