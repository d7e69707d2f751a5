//! Rules at work: counts what comes in, judges at intervals, tells whom it concerns.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hashbrown::HashMap;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    condition::Moment,
    notify::Notice,
    rules::{Rule, Rules, Subject as Per},
    series::{Call, Series, Subject},
    silences::{NewSilence, SilenceError, Silences},
    state::{Alert, Alerts, Phase},
    weight::adjusted_count,
};
use crate::{
    counters::{Counters, Loss},
    query::Deadline,
    spans::Spans,
    store::Store,
};

/// How often rules are judged.
pub(super) const EVERY: Duration = Duration::from_secs(5);
/// What ended this much ago has come in by now, nanoseconds: agents wait for a trace, and send in batches.
const SETTLE_NS: u64 = 10_000_000_000;
/// How long the store is asked for the past at the start.
const PATIENCE: Duration = Duration::from_secs(10);

/// See the module.
pub(crate) struct Engine {
    rules: Vec<Rule>,
    series: Mutex<Vec<Series>>,
    alerts: Mutex<Alerts>,
    silences: Mutex<Silences>,
    /// Since when calls are counted, nanoseconds since 1970.
    since_ns: Mutex<u64>,
}

impl Engine {
    /// Rules over nothing yet; silences are in the data directory.
    pub(crate) fn new(rules: &Rules, directory: &Path, now_ns: u64) -> Self {
        let series = rules.rules.iter().map(|rule| {
            let mut series = Series::new(rule.condition.step_ns(), rule.condition.keep_ns());
            if let Some(service) = rule.calls.service.exact() {
                let operation = match rule.per {
                    Per::Service => Some(None),
                    Per::Operation => rule.calls.operation.exact().map(|name| Some(name.to_owned())),
                };
                if let Some(operation) = operation {
                    series.expect(Subject { service: service.to_owned(), operation });
                }
            }
            series
        });
        Self {
            series: Mutex::new(series.collect()),
            rules: rules.rules.clone(),
            alerts: Mutex::default(),
            silences: Mutex::new(Silences::open(directory)),
            since_ns: Mutex::new(now_ns),
        }
    }

    /// Counts what the store has of the past, as far as rules look back. What was sampled counts once there: the columns read do not tell
    /// for how many a span stands.
    pub(crate) fn recall(&self, store: &Store, now_ns: u64) {
        if self.rules.is_empty() {
            return;
        }
        let longest = self.rules.iter().map(|rule| rule.condition.keep_ns()).max().unwrap_or(0);
        let range = now_ns.saturating_sub(longest)..now_ns;
        let mut oldest = now_ns;
        let complete = store.visit(&range, &Deadline::after(PATIENCE), |spans| {
            oldest = spans.rows().iter().map(|row| row.start_ns).fold(oldest, u64::min);
            self.count(spans, 0);
        });
        if complete {
            *lock(&self.since_ns) = oldest;
        } else {
            tracing::warn!("the past could not be read in time; rules begin with what comes in now");
        }
    }

    /// Counts the spans of a batch from `first` on.
    pub(crate) fn count(&self, spans: &Spans, first: usize) {
        if self.rules.is_empty() || first >= spans.len() {
            return;
        }
        // Which rules a span is for is found out once for each service, name and kind.
        let mut known: HashMap<_, Vec<(usize, Subject)>> = HashMap::new();
        let mut series = lock(&self.series);
        for span in spans.iter().skip(first) {
            let row = span.row();
            let concerned = known.entry((row.service, row.name, row.kind)).or_insert_with(|| {
                let rules = self.rules.iter().enumerate();
                rules
                    .filter(|(_, rule)| rule.calls.include(span.service(), span.name(), row.kind))
                    .map(|(index, rule)| (index, rule.subject(span.service(), span.name())))
                    .collect()
            });
            if concerned.is_empty() {
                continue;
            }
            let weight = adjusted_count(span.text(row.trace_state));
            for (index, subject) in concerned {
                let call = Call {
                    end_ns: span.end_ns(),
                    duration_ns: row.duration_ns,
                    is_bad: self.rules[*index].condition.is_bad(row.duration_ns, span.is_error()),
                    weight,
                    trace_id: row.trace_id,
                };
                series[*index].add(subject, &call);
            }
        }
    }

    /// Judges every rule. Returns whom to tell what.
    pub(crate) fn judge(&self, now_ns: u64) -> Vec<Alert> {
        let judged_ns = now_ns.saturating_sub(SETTLE_NS);
        let since_ns = *lock(&self.since_ns);
        let mut alerts = lock(&self.alerts);
        let silences = lock(&self.silences);
        let mut news = Vec::new();
        for (rule, series) in self.rules.iter().zip(lock(&self.series).iter_mut()) {
            let at = Moment { now_ns: judged_ns, since_ns, step_ns: series.step_ns() };
            for (subject, course) in series.iter() {
                let breach = rule.condition.judge(course, at);
                let breach = breach.map(|breach| {
                    (breach, course.examples(judged_ns.saturating_sub(rule.condition.keep_ns())))
                });
                news.extend(alerts.observe(rule, subject, now_ns, breach).filter(|alert| alert.told));
            }
            series.forget(now_ns.saturating_sub(rule.condition.forget_ns()));
            let gone = alerts.retain(rule, now_ns, |subject| series.knows(subject));
            news.extend(gone.into_iter().filter(|alert| alert.told));
        }
        for alert in alerts.active_mut() {
            if alert.phase == Phase::Firing && !alert.told && silences.of(&alert.labels, now_ns).is_none() {
                alert.told = true;
                news.push(alert.clone());
            }
        }
        news
    }

    /// Those who fire and are not silenced: Alertmanager forgets what is not repeated.
    fn repeated(&self, now_ns: u64) -> Vec<Alert> {
        let silences = lock(&self.silences);
        let alerts = lock(&self.alerts);
        alerts
            .iter()
            .filter(|alert| alert.phase == Phase::Firing && silences.of(&alert.labels, now_ns).is_none())
            .cloned()
            .collect()
    }

    /// Judges until `stopped` resolves, and hands over what is to be told.
    pub(crate) async fn run(
        &self,
        notices: mpsc::Sender<Notice>,
        counters: &Counters,
        now_ns: impl Fn() -> u64,
        stopped: impl Future<Output = ()>,
    ) {
        /// Judgements between two repetitions: a minute.
        const REPEAT: u64 = 60 / EVERY.as_secs();
        let mut stopped = std::pin::pin!(stopped);
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for round in 1_u64.. {
            tokio::select! {
                _ = ticks.tick() => {}
                () = &mut stopped => return,
            }
            let now = now_ns();
            let news = self.judge(now);
            let repeated = if round.is_multiple_of(REPEAT) { self.repeated(now) } else { Vec::new() };
            for notice in
                [Notice { alerts: news, repeated: false }, Notice { alerts: repeated, repeated: true }]
            {
                let count = notice.alerts.len() as u64;
                if count > 0 && notices.try_send(notice).is_err() {
                    counters.lose(Loss::Unnotified, count);
                }
            }
        }
    }

    /// Every alert and silence, for the API.
    pub(crate) fn describe(&self, phase: Option<Phase>, now_ns: u64) -> Value {
        let silences = lock(&self.silences);
        let alerts = lock(&self.alerts);
        let alerts: Vec<Value> = alerts
            .iter()
            .filter(|alert| phase.is_none_or(|phase| alert.phase == phase))
            .map(|alert| {
                let silenced = silences.of(&alert.labels, now_ns).map(|silence| silence.id);
                let mut value = alert.to_json();
                value["silenced_by"] = json!(silenced);
                value
            })
            .collect();
        let silences: Vec<Value> = silences
            .active(now_ns)
            .map(|silence| {
                json!({
                    "id": silence.id,
                    "matchers": silence.matchers,
                    "until_unix_ns": silence.until_ns.to_string(),
                    "comment": silence.comment,
                })
            })
            .collect();
        let uncounted: u64 = lock(&self.series).iter().map(|series| series.uncounted).sum();
        let rules: Vec<&str> = self.rules.iter().map(|rule| rule.name.as_str()).collect();
        json!({"alerts": alerts, "silences": silences, "rules": rules, "uncounted_calls": uncounted})
    }

    /// Adds a silence; returns its number.
    pub(crate) fn silence(&self, new: NewSilence, now_ns: u64) -> Result<u64, SilenceError> {
        lock(&self.silences).add(new, now_ns)
    }

    /// Ends a silence; false if there is none of this number.
    pub(crate) fn unsilence(&self, id: u64) -> Result<bool, SilenceError> {
        lock(&self.silences).remove(id)
    }
}

impl Rule {
    fn subject(&self, service: &str, operation: &str) -> Subject {
        let operation = (self.per == Per::Operation).then(|| operation.to_owned());
        Subject { service: service.to_owned(), operation }
    }
}

impl Alert {
    /// As the API and webhooks show it.
    pub(super) fn to_json(&self) -> Value {
        let time = |ns: u64| (ns != 0).then(|| ns.to_string());
        let examples: Vec<String> = self.examples.iter().map(ToString::to_string).collect();
        json!({
            "rule": self.rule,
            "state": self.phase,
            "service": self.subject.service,
            "operation": self.subject.operation,
            "labels": self.labels,
            "annotations": self.annotations,
            "summary": self.summary(),
            "value": self.breach.value,
            "since_unix_ns": self.since_ns.to_string(),
            "fired_unix_ns": time(self.fired_ns),
            "resolved_unix_ns": time(self.resolved_ns),
            "example_trace_ids": examples,
        })
    }
}

// A panic while one was held leaves whole values.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
