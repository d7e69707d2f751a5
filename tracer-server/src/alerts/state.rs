//! The life of an alert: pending, firing, resolved.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::{condition::Breach, rules::Rule, series::Subject};
use crate::spans::TraceId;

/// Resolved alerts that are remembered.
const REMEMBERED: usize = 200;

/// Where an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// The condition holds, not yet for as long as the rule asks.
    Pending,
    /// It has held for that long.
    Firing,
    /// It fired, and holds no more.
    Resolved,
}

/// An alert.
#[derive(Clone, Debug)]
pub(crate) struct Alert {
    /// What raised it.
    pub(crate) rule: String,
    /// What it is about.
    pub(crate) subject: Subject,
    /// Everything that tells it from others: name, subject, severity, and the rule's own.
    pub(crate) labels: BTreeMap<String, String>,
    /// For a person.
    pub(crate) annotations: BTreeMap<String, String>,
    /// Where it is.
    pub(crate) phase: Phase,
    /// Since when the condition holds, nanoseconds since 1970.
    pub(crate) since_ns: u64,
    /// When it fired; 0 before.
    pub(crate) fired_ns: u64,
    /// When it ended; 0 before.
    pub(crate) resolved_ns: u64,
    /// What was measured last, and in words.
    pub(crate) breach: Breach,
    /// Traces that show it.
    pub(crate) examples: Vec<TraceId>,
    /// Whether someone was told that it fires.
    pub(crate) told: bool,
}

/// All alerts.
#[derive(Debug, Default)]
pub(crate) struct Alerts {
    active: BTreeMap<(String, Subject), Alert>,
    resolved: VecDeque<Alert>,
}

impl Alerts {
    /// Takes note of whether a rule's condition holds for a subject. Returns the alert if it has just been resolved.
    pub(crate) fn observe(
        &mut self,
        rule: &Rule,
        subject: &Subject,
        now_ns: u64,
        breach: Option<(Breach, Vec<TraceId>)>,
    ) -> Option<Alert> {
        let key = (rule.name.clone(), subject.clone());
        let Some((breach, examples)) = breach else {
            let mut alert = self.active.remove(&key)?;
            if alert.phase == Phase::Pending {
                return None;
            }
            alert.phase = Phase::Resolved;
            alert.resolved_ns = now_ns;
            if self.resolved.len() >= REMEMBERED {
                self.resolved.pop_front();
            }
            self.resolved.push_back(alert.clone());
            return Some(alert);
        };
        let alert = self.active.entry(key).or_insert_with(|| Alert::new(rule, subject, now_ns));
        alert.breach = breach;
        alert.examples = examples;
        if alert.phase == Phase::Pending && now_ns.saturating_sub(alert.since_ns) >= rule.hold.ns() {
            alert.phase = Phase::Firing;
            alert.fired_ns = now_ns;
        }
        None
    }

    /// Ends alerts of a rule whose subject is gone.
    pub(crate) fn retain(
        &mut self,
        rule: &Rule,
        now_ns: u64,
        is_there: impl Fn(&Subject) -> bool,
    ) -> Vec<Alert> {
        let gone: Vec<Subject> = self
            .active
            .keys()
            .filter(|(name, subject)| *name == rule.name && !is_there(subject))
            .map(|(_, subject)| subject.clone())
            .collect();
        gone.iter().filter_map(|subject| self.observe(rule, subject, now_ns, None)).collect()
    }

    /// Those that hold.
    pub(crate) fn active_mut(&mut self) -> impl Iterator<Item = &mut Alert> {
        self.active.values_mut()
    }

    /// Those that hold, then those that did, newest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Alert> {
        self.active.values().chain(self.resolved.iter().rev())
    }
}

impl Alert {
    fn new(rule: &Rule, subject: &Subject, now_ns: u64) -> Self {
        let mut labels = rule.labels.clone();
        labels.insert("alertname".to_owned(), rule.name.clone());
        labels.insert("service".to_owned(), subject.service.clone());
        labels.insert("severity".to_owned(), rule.severity.clone());
        if let Some(operation) = &subject.operation {
            labels.insert("operation".to_owned(), operation.clone());
        }
        Self {
            rule: rule.name.clone(),
            subject: subject.clone(),
            labels,
            annotations: rule.annotations.clone(),
            phase: Phase::Pending,
            since_ns: now_ns,
            fired_ns: 0,
            resolved_ns: 0,
            breach: Breach { value: 0.0, summary: String::new() },
            examples: Vec::new(),
            told: false,
        }
    }

    /// What is wrong with what, in a sentence.
    pub(crate) fn summary(&self) -> String {
        let operation = self.subject.operation.as_deref().map(|name| format!(", {name}")).unwrap_or_default();
        format!("{}{operation}: {}.", self.subject.service, self.breach.summary)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::alerts::rules::Rules;

    fn rule() -> Rule {
        let text = "rules: [{name: r, for: 1m, severity: page, labels: {team: a}, if: {rate: {above: 1, over: 5m}}}]";
        Rules::parse(text, Path::new("rules.yaml")).unwrap().rules.remove(0)
    }

    fn breach() -> (Breach, Vec<TraceId>) {
        (Breach { value: 2.0, summary: "too much".to_owned() }, vec![TraceId([1; 16])])
    }

    const S: u64 = 1_000_000_000;

    #[test]
    fn an_alert_is_pending_then_fires_then_is_resolved() {
        let (rule, mut alerts) = (rule(), Alerts::default());
        let subject = Subject { service: "shop".to_owned(), operation: Some("GET /".to_owned()) };
        let phase = |alerts: &Alerts| alerts.iter().next().map(|alert| alert.phase);
        assert!(alerts.observe(&rule, &subject, 100 * S, Some(breach())).is_none());
        assert_eq!(phase(&alerts), Some(Phase::Pending));
        alerts.observe(&rule, &subject, 159 * S, Some(breach()));
        assert_eq!(phase(&alerts), Some(Phase::Pending));
        alerts.observe(&rule, &subject, 160 * S, Some(breach()));
        assert_eq!(phase(&alerts), Some(Phase::Firing));
        let alert = alerts.iter().next().unwrap();
        let labels: Vec<(&str, &str)> = alert.labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let expected = [
            ("alertname", "r"),
            ("operation", "GET /"),
            ("service", "shop"),
            ("severity", "page"),
            ("team", "a"),
        ];
        assert_eq!(labels, expected);
        assert_eq!(alert.summary(), "shop, GET /: too much.");
        let resolved = alerts.observe(&rule, &subject, 200 * S, None).unwrap();
        assert_eq!((resolved.phase, resolved.resolved_ns), (Phase::Resolved, 200 * S));
        assert_eq!(phase(&alerts), Some(Phase::Resolved));
    }

    #[test]
    fn what_never_fired_is_forgotten_and_what_is_gone_is_resolved() {
        let (rule, mut alerts) = (rule(), Alerts::default());
        let subject = |name: &str| Subject { service: name.to_owned(), operation: None };
        alerts.observe(&rule, &subject("a"), 100 * S, Some(breach()));
        assert!(alerts.observe(&rule, &subject("a"), 110 * S, None).is_none());
        assert_eq!(alerts.iter().count(), 0);
        for now in [100, 200] {
            alerts.observe(&rule, &subject("a"), now * S, Some(breach()));
            alerts.observe(&rule, &subject("b"), now * S, Some(breach()));
        }
        let gone = alerts.retain(&rule, 300 * S, |subject| subject.service == "a");
        assert_eq!(gone.iter().map(|alert| alert.subject.service.as_str()).collect::<Vec<_>>(), ["b"]);
    }
}
