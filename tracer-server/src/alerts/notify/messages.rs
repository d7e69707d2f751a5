//! What is said, in the form that each receiver reads.

use serde_json::{Map, Value, json};

use super::super::state::{Alert, Phase};
use crate::api::rfc3339;

/// How long an Alertmanager believes an alert that is not repeated, nanoseconds: four repetitions, as Prometheus has it.
const BELIEVED_NS: u64 = 240_000_000_000;

/// `POST /api/v2/alerts` (Alertmanager's openapi.yaml, `postableAlerts`). Labels that are no Prometheus names are left out: it refuses them.
pub(super) fn alertmanager(alerts: &[Alert], page: &str) -> Value {
    let alerts = alerts.iter().map(|alert| {
        let mut annotations: Map<String, Value> =
            alert.annotations.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        annotations.insert("summary".to_owned(), json!(alert.summary()));
        if let Some(example) = alert.examples.first() {
            annotations.insert("example_trace_id".to_owned(), json!(example.to_string()));
        }
        let labels: Map<String, Value> = alert
            .labels
            .iter()
            .filter(|(name, value)| is_label(name) && !value.is_empty())
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        let end_ns = if alert.phase == Phase::Resolved {
            alert.resolved_ns
        } else {
            crate::api::now_ns() + BELIEVED_NS
        };
        json!({
            "labels": labels,
            "annotations": annotations,
            "startsAt": rfc3339(alert.fired_ns),
            "endsAt": rfc3339(end_ns),
            "generatorURL": link(alert, page),
        })
    });
    Value::Array(alerts.collect())
}

/// Our own form: what the API says of an alert, and a link.
pub(super) fn webhook(alerts: &[Alert], page: &str) -> Value {
    let alerts = alerts.iter().map(|alert| {
        let mut value = alert.to_json();
        value["link"] = json!(link(alert, page));
        value
    });
    json!({"version": 1, "alerts": alerts.collect::<Vec<Value>>()})
}

/// An incoming webhook of Slack (api.slack.com/messaging/webhooks): text in mrkdwn, in which `&`, `<` and `>` are written as entities.
pub(super) fn slack(alert: &Alert, page: &str) -> Value {
    let (sign, word) = if alert.phase == Phase::Resolved {
        (":white_check_mark:", "Resolved")
    } else {
        (":rotating_light:", "Firing")
    };
    let mut text = format!(
        "{sign} *{word}: {}* ({})\n{}",
        escape(&alert.rule),
        escape(&alert.labels["severity"]),
        escape(&alert.summary())
    );
    let link = link(alert, page);
    if !link.is_empty() {
        text.extend(["\n<", &link, "|An example trace>"]);
    }
    json!({ "text": text })
}

/// Where an example can be seen.
fn link(alert: &Alert, page: &str) -> String {
    match alert.examples.first() {
        Some(example) if !page.is_empty() => format!("{page}/trace/{example}"),
        _ => page.to_owned(),
    }
}

/// `[a-zA-Z_][a-zA-Z0-9_]*` (Prometheus, "Data model").
fn is_label(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
