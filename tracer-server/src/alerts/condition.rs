//! What a rule asks for, and whether it holds.

use serde::Deserialize;

use super::{
    anomaly::{self, Anomaly},
    rules::{Rule, Time},
    series::Course,
};

/// What must hold for an alert.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Condition {
    /// Calls a second.
    Rate(Rate),
    /// The share of calls that fail.
    ErrorRatio(ErrorRatio),
    /// A quantile of the duration.
    Latency(Latency),
    /// An error budget that burns too fast.
    Slo(Slo),
    /// No calls.
    Absent(Absent),
    /// Something unlike what the subject usually does.
    Anomaly(Anomaly),
}

/// See [`Condition::Rate`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rate {
    /// More calls a second than these.
    above: Option<f64>,
    /// Fewer.
    below: Option<f64>,
    over: Time,
}

/// See [`Condition::ErrorRatio`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErrorRatio {
    /// A share, 0 to 1.
    above: f64,
    over: Time,
    /// Calls below which nothing is said.
    #[serde(default = "few_calls")]
    min_calls: f64,
}

/// See [`Condition::Latency`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Latency {
    /// A share, 0 to 1, such as 0.99.
    quantile: f64,
    /// Longer than this.
    above: Time,
    over: Time,
    /// Calls below which nothing is said.
    #[serde(default = "few_calls")]
    min_calls: f64,
}

/// See [`Condition::Slo`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Slo {
    /// The share of calls that is to be good, such as 0.999.
    objective: f64,
    /// Good calls take no longer than this, if that matters.
    latency: Option<Time>,
    /// Pairs of windows; an alert needs both of a pair to burn.
    #[serde(default = "workbook")]
    windows: Vec<Burn>,
}

/// A pair of windows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Burn {
    /// How many times as fast as the budget allows.
    factor: f64,
    long: Time,
    /// Shows that it still goes on.
    short: Time,
}

/// See [`Condition::Absent`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Absent {
    over: Time,
}

/// A condition that holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Breach {
    /// What was measured, in the unit of the condition: calls a second, a share, a factor, seconds.
    pub(crate) value: f64,
    /// For a person.
    pub(crate) summary: String,
}

/// The moment of a judgement.
#[expect(clippy::struct_field_names, reason = "the unit of each")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// Nanoseconds since 1970; what is younger may still be on its way.
    pub(crate) now_ns: u64,
    /// Since when calls are counted.
    pub(crate) since_ns: u64,
    /// Length of a step, nanoseconds.
    pub(crate) step_ns: u64,
}

/// Shortest window, nanoseconds: spans come in batches, seconds after they ended.
const SHORTEST_NS: u64 = 10_000_000_000;
/// Longest window, nanoseconds.
const LONGEST_NS: u64 = 31 * 86_400_000_000_000;
/// Steps in the shortest window of a rule.
const STEPS: u64 = 10;
/// How long a subject that is silent stays known, nanoseconds.
const DAY_NS: u64 = 86_400_000_000_000;

impl Condition {
    /// Whether a rule with it makes sense; if not, why, in a sentence.
    pub(crate) fn check(&self, rule: &Rule) -> Result<(), String> {
        for window in self.windows() {
            if !(SHORTEST_NS..=LONGEST_NS).contains(&window.ns()) {
                return Err(format!(
                    "A window of {:?} is not possible; it must be between 10s and 31d.",
                    window.0
                ));
            }
        }
        let share = |name: &str, value: f64| {
            let fits = value > 0.0 && value < 1.0;
            if fits { Ok(()) } else { Err(format!("{name} is {value}; it must be a share between 0 and 1.")) }
        };
        match self {
            Self::Rate(rate) if rate.above.is_some() == rate.below.is_some() => {
                Err("A rate needs either `above` or `below`, in calls a second.".to_owned())
            }
            Self::ErrorRatio(ratio) => share("above", ratio.above),
            Self::Latency(latency) => share("quantile", latency.quantile),
            Self::Slo(slo) => {
                if slo.windows.is_empty() || slo.windows.iter().any(|burn| burn.short >= burn.long) {
                    return Err("An slo needs windows, each with a `short` below its `long`.".to_owned());
                }
                share("objective", slo.objective)
            }
            Self::Absent(_) if rule.calls.service.exact().is_none() => {
                Err("Absence can be told of a service that is named; write its name without `*`.".to_owned())
            }
            Self::Rate(_) | Self::Absent(_) => Ok(()),
            Self::Anomaly(anomaly) => anomaly.check(),
        }
    }

    fn windows(&self) -> Vec<Time> {
        match self {
            Self::Rate(Rate { over, .. })
            | Self::ErrorRatio(ErrorRatio { over, .. })
            | Self::Latency(Latency { over, .. })
            | Self::Absent(Absent { over }) => vec![*over],
            Self::Slo(slo) => slo.windows.iter().flat_map(|burn| [burn.short, burn.long]).collect(),
            Self::Anomaly(anomaly) => vec![anomaly.step],
        }
    }

    /// Length of the steps to count in, nanoseconds.
    pub(crate) fn step_ns(&self) -> u64 {
        let shortest = self.windows().into_iter().min().unwrap_or_default().ns();
        if matches!(self, Self::Anomaly(_)) { shortest } else { shortest / STEPS }
    }

    /// How long counts are kept, nanoseconds.
    pub(crate) fn keep_ns(&self) -> u64 {
        match self {
            Self::Anomaly(anomaly) => anomaly.keep_ns(),
            _ => self.windows().into_iter().max().unwrap_or_default().ns(),
        }
    }

    /// How long a subject without calls stays known, nanoseconds.
    pub(crate) fn forget_ns(&self) -> u64 {
        self.keep_ns().max(DAY_NS)
    }

    /// Whether a call is what the condition counts against.
    pub(crate) fn is_bad(&self, duration_ns: u64, is_error: bool) -> bool {
        match self {
            Self::Latency(latency) => duration_ns > latency.above.ns(),
            Self::Slo(slo) => is_error || slo.latency.is_some_and(|latency| duration_ns > latency.ns()),
            _ => is_error,
        }
    }

    /// What is wrong with a course, if something is.
    pub(crate) fn judge(&self, course: &Course, at: Moment) -> Option<Breach> {
        let window = |over: Time| course.window(at.now_ns, over.ns(), at.step_ns);
        match self {
            Self::Rate(rate) => {
                // Of a time in which nobody listened, nothing is known.
                if at.now_ns.saturating_sub(at.since_ns) < rate.over.ns() {
                    return None;
                }
                let (counts, seconds) = window(rate.over);
                let value = counts.calls / seconds;
                let (limit, is, word) = match (rate.above, rate.below) {
                    (Some(limit), _) => (limit, value > limit, "above"),
                    (None, Some(limit)) => (limit, value < limit, "below"),
                    (None, None) => return None,
                };
                let summary = format!("{value:.3} calls a second over {}, {word} {limit}", rate.over);
                is.then_some(Breach { value, summary })
            }
            Self::ErrorRatio(ratio) => {
                let (counts, _) = window(ratio.over);
                let value = share(counts.bad, counts.calls, ratio.min_calls)?;
                let summary = format!(
                    "{} of calls failed over {}, above {}",
                    percent(value),
                    ratio.over,
                    percent(ratio.above)
                );
                (value > ratio.above).then_some(Breach { value, summary })
            }
            Self::Latency(latency) => {
                let (counts, _) = window(latency.over);
                let value = share(counts.bad, counts.calls, latency.min_calls)?;
                let allowed = 1.0 - latency.quantile;
                let summary = format!(
                    "{} of calls took longer than {} over {}, more than the {} that quantile {} allows",
                    percent(value),
                    latency.above,
                    latency.over,
                    percent(allowed),
                    latency.quantile
                );
                (value > allowed).then_some(Breach { value, summary })
            }
            Self::Slo(slo) => slo.judge(course, at),
            Self::Absent(absent) => {
                let silent_ns = at.now_ns.saturating_sub(course.last_ns.max(at.since_ns));
                let value = silent_ns as f64 / 1e9;
                let summary = format!("no call for {value:.0} s, longer than {}", absent.over);
                (silent_ns >= absent.over.ns()).then_some(Breach { value, summary })
            }
            Self::Anomaly(anomaly) => anomaly::judge(anomaly, course, at),
        }
    }
}

impl Slo {
    /// The pair of windows that burns, if one does (Site Reliability Workbook, "Alerting on SLOs", multiwindow, multi-burn-rate).
    fn judge(&self, course: &Course, at: Moment) -> Option<Breach> {
        let budget = 1.0 - self.objective;
        self.windows.iter().find_map(|burn| {
            // Of less than half of a window, too little is known.
            let known_ns = at.now_ns.saturating_sub(course.first_ns.max(at.since_ns));
            if known_ns < burn.long.ns() / 2 {
                return None;
            }
            let rate = |over: Time| {
                let (counts, _) = course.window(at.now_ns, over.ns(), at.step_ns);
                (counts.calls > 0.0).then(|| counts.bad / counts.calls / budget)
            };
            let (long, short) = (rate(burn.long)?, rate(burn.short)?);
            let summary = format!(
                "the error budget of {} burns {long:.1} times as fast as it may over {}, and {short:.1} times over {}",
                percent(budget), burn.long, burn.short
            );
            (long >= burn.factor && short >= burn.factor).then_some(Breach { value: long, summary })
        })
    }
}

/// A share, if there are calls enough.
fn share(part: f64, of: f64, min_calls: f64) -> Option<f64> {
    (of > 0.0 && of >= min_calls).then(|| part / of)
}

fn percent(share: f64) -> String {
    // Without the noise of binary fractions.
    let percent = (share * 1e6).round() / 1e4;
    format!("{percent} %")
}

fn few_calls() -> f64 {
    10.0
}

/// The pairs that the workbook recommends for pages: 2 % of a month's budget in an hour, 5 % in six hours.
fn workbook() -> Vec<Burn> {
    let minutes = |minutes| Time(std::time::Duration::from_mins(minutes));
    vec![
        Burn { factor: 14.4, long: minutes(60), short: minutes(5) },
        Burn { factor: 6.0, long: minutes(360), short: minutes(15) },
    ]
}

#[cfg(test)]
#[path = "condition_tests.rs"]
mod tests;
