//! Exporters of OpenTelemetry's SDK for Python: what they send is there, whole. Jaeger's exporter does not run with the SDK of today; what it sent
//! is recorded among the tests of the server.

use std::process::Command;

use serde_json::{Value, json};

use crate::{
    environment::{output, script, tool},
    support::Running,
};

fn sent(server: &Running, which: &str, to: &str) -> Option<Value> {
    let python = tool("python")?;
    let id = output(Command::new(python).arg(script("clients.py")).args([which, to]));
    let trace = server.json(&format!("/api/v1/traces/{id}"));
    assert_eq!(trace["spans"].as_array().unwrap().len(), 2, "{which}: {trace}");
    let (parent, child) = (&trace["spans"][0], &trace["spans"][1]);
    for span in [parent, child] {
        assert_eq!(span["service"], which, "{trace}");
    }
    assert_eq!((&parent["name"], &child["name"]), (&json!("parent"), &json!("child")), "{which}");
    assert_eq!((&parent["kind"], &child["kind"]), (&json!("server"), &json!("client")), "{which}");
    assert_eq!(child["parent_span_id"], parent["span_id"], "{which}");
    assert_eq!((&parent["status"], &child["status"]), (&json!("unset"), &json!("error")), "{which}");
    Some(trace)
}

#[test]
fn otlp_over_grpc_and_http() {
    let server = Running::start(|_| {});
    let targets = [
        ("otlp-grpc", format!("http://{}", server.addresses.otlp_grpc)),
        ("otlp-http", format!("http://{}/v1/traces", server.addresses.otlp_http)),
    ];
    for (which, to) in targets {
        let Some(trace) = sent(&server, which, &to) else { return };
        let parent = &trace["spans"][0];
        let expected = json!({"text": "grün", "whole": 7, "fraction": 0.5, "truth": true});
        assert_eq!(parent["attributes"], expected, "{which}");
        assert_eq!(parent["scope"], json!({"name": "clients", "version": "1.0"}), "{which}");
        assert_eq!(parent["events"][0]["name"], "seen", "{which}");
        assert_eq!(parent["events"][0]["attributes"], json!({"what": "y"}), "{which}");
        assert_eq!(parent["links"][0]["attributes"], json!({"why": "x"}), "{which}");
        assert_eq!(trace["spans"][1]["status_message"], "it broke", "{which}");
    }
}

#[test]
fn zipkin_json() {
    let server = Running::start(|_| {});
    let to = format!("http://{}/api/v2/spans", server.addresses.zipkin.unwrap());
    let Some(trace) = sent(&server, "zipkin", &to) else { return };
    // Zipkin's tags are text.
    assert_eq!(trace["spans"][0]["attributes"]["whole"], "7");
    assert_eq!(trace["spans"][1]["status_message"], "it broke");
}
