//! Whether a course is unlike itself: what is measured now, against what its trend, its season and its own noise lead to expect.

use serde::Deserialize;

use super::{
    condition::{Breach, Moment},
    rules::Time,
    series::{Counts, Course},
};

/// See [`super::condition::Condition::Anomaly`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Anomaly {
    of: Measure,
    /// What is compared: so much time at once.
    #[serde(default = "five_minutes")]
    pub(crate) step: Time,
    /// After how long things repeat.
    #[serde(default = "a_day")]
    season: Time,
    /// How many times as far as usual it must be off.
    #[serde(default = "six")]
    sensitivity: f64,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Measure {
    /// Calls.
    Rate,
    /// The share that fails.
    ErrorRatio,
    /// The geometric mean of the duration: one slow call does not move it much.
    Latency,
}

/// Steps that must have been seen before anything is said: two hours of the default.
const HISTORY: usize = 24;
/// Steps in a row that must be off: one alone is noise.
const IN_A_ROW: usize = 2;
/// Seasons that are kept; two are needed to know one.
const SEASONS: u64 = 7;
/// Steps of a season, at most.
const LONGEST_SEASON: u64 = 2016;
/// The scale of normal noise is this times its median absolute deviation (1/Φ⁻¹(3/4)).
const MAD_TO_SIGMA: f64 = 1.4826;

impl Anomaly {
    /// Whether it makes sense; if not, why.
    pub(super) fn check(&self) -> Result<(), String> {
        let steps = self.season.ns() / self.step.ns().max(1);
        if !(4..=LONGEST_SEASON).contains(&steps) {
            return Err(format!(
                "A season of {} has {steps} steps of {}; it must have between 4 and {LONGEST_SEASON}.",
                self.season, self.step
            ));
        }
        if self.sensitivity.is_nan() || self.sensitivity < 3.0 {
            return Err(format!("sensitivity is {}; below 3, noise would raise alerts.", self.sensitivity));
        }
        Ok(())
    }

    pub(super) fn keep_ns(&self) -> u64 {
        SEASONS.saturating_mul(self.season.ns()) + self.step.ns() * (HISTORY as u64)
    }
}

/// What is unusual about the newest whole steps, if something is.
pub(super) fn judge(anomaly: &Anomaly, course: &Course, at: Moment) -> Option<Breach> {
    let steps = course.whole_steps(at.now_ns, at.step_ns, usize::MAX);
    if steps.len() < HISTORY + IN_A_ROW {
        return None;
    }
    let (past, now) = steps.split_at(steps.len() - IN_A_ROW);
    let expected = Expected::of(past, anomaly);
    let offs: Vec<f64> =
        (0..).zip(now).map(|(ahead, counts)| expected.off(ahead, counts)).collect::<Option<_>>()?;
    let all = |sign: f64| offs.iter().all(|off| off * sign >= anomaly.sensitivity);
    // A service that fails less, or is faster than usual, wakes nobody.
    if !(all(1.0) || anomaly.of == Measure::Rate && all(-1.0)) {
        return None;
    }
    let newest = now.last()?;
    let (value, usual) = (measure(anomaly.of, newest)?, expected.at(IN_A_ROW - 1));
    let summary = match anomaly.of {
        Measure::Rate => format!("{value:.0} calls in {}, where {usual:.0} are usual", anomaly.step),
        Measure::ErrorRatio => {
            format!(
                "{:.2} % of calls failed in {}, where {:.2} % are usual",
                value * 100.0,
                anomaly.step,
                usual * 100.0
            )
        }
        Measure::Latency => {
            format!(
                "calls took {:.2} ms in {}, where {:.2} ms are usual",
                value.exp() / 1e6,
                anomaly.step,
                usual.exp() / 1e6
            )
        }
    };
    let value = if anomaly.of == Measure::Latency { value.exp() / 1e9 } else { value };
    Some(Breach { value, summary })
}

/// What the past leads to expect.
struct Expected {
    of: Measure,
    level: f64,
    /// What the season adds, from the step behind the past on.
    season: Vec<f64>,
    /// How far it usually is off.
    sigma: f64,
}

impl Expected {
    fn of(past: &[Counts], anomaly: &Anomaly) -> Self {
        // A step without calls has no ratio and no duration: that of before goes on.
        let mut last = past.iter().find_map(|counts| measure(anomaly.of, counts)).unwrap_or_default();
        let values: Vec<f64> = past
            .iter()
            .map(|counts| {
                last = measure(anomaly.of, counts).unwrap_or(last);
                last
            })
            .collect();
        let period = (anomaly.season.ns() / anomaly.step.ns().max(1)) as usize;
        let (level, season, rest) = decompose(&values, period);
        Self {
            of: anomaly.of,
            level,
            season,
            sigma: MAD_TO_SIGMA * median(rest.iter().map(|off| off.abs()).collect()),
        }
    }

    /// What is expected so many steps behind the past.
    fn at(&self, ahead: usize) -> f64 {
        let expected = self.level + self.season.get(ahead).copied().unwrap_or_default();
        match self.of {
            // There is nothing below none.
            Measure::Rate | Measure::ErrorRatio => expected.max(0.0),
            // A logarithm.
            Measure::Latency => expected,
        }
    }

    /// How many times as far as usual a step is off; `None` where too few calls tell.
    fn off(&self, ahead: usize, counts: &Counts) -> Option<f64> {
        let expected = self.at(ahead);
        // Chance alone makes so much, even where the past happened to be quiet.
        let chance = match self.of {
            Measure::Rate => expected.max(1.0).sqrt(),
            Measure::ErrorRatio => {
                let share = expected.clamp(0.01, 0.99);
                (share * (1.0 - share) / counts.calls.max(1.0)).sqrt()
            }
            // A tenth in duration.
            Measure::Latency => 0.1_f64.max(1.0 / counts.calls.max(1.0).sqrt()),
        };
        Some((measure(self.of, counts)? - expected) / self.sigma.max(chance))
    }
}

/// The newest level, the season behind the values' end, and what neither explains.
fn decompose(values: &[f64], period: usize) -> (f64, Vec<f64>, Vec<f64>) {
    let narrow: Vec<f32> = values.iter().map(|value| *value as f32).collect();
    // Cleveland et al., "STL: A Seasonal-Trend Decomposition Procedure Based on Loess" (1990); it needs two whole seasons.
    if values.len() >= 2 * period
        && let Ok(fit) = stlrs::params().robust(true).fit(&narrow, period)
    {
        let level = fit.trend().last().copied().unwrap_or_default();
        let season = fit.seasonal()[values.len() - period..].iter().map(|value| f64::from(*value)).collect();
        let rest = fit.remainder().iter().map(|value| f64::from(*value)).collect();
        return (f64::from(level), season, rest);
    }
    let recent = &values[values.len().saturating_sub(HISTORY)..];
    let level = median(recent.to_vec());
    (level, Vec::new(), recent.iter().map(|value| value - level).collect())
}

fn measure(of: Measure, counts: &Counts) -> Option<f64> {
    match of {
        Measure::Rate => Some(counts.calls),
        Measure::ErrorRatio => (counts.calls > 0.0).then(|| counts.bad / counts.calls),
        Measure::Latency => (counts.calls > 0.0).then(|| counts.log_ns / counts.calls),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

fn five_minutes() -> Time {
    Time(std::time::Duration::from_mins(5))
}

fn a_day() -> Time {
    Time(std::time::Duration::from_hours(24))
}

fn six() -> f64 {
    6.0
}

#[cfg(test)]
#[path = "anomaly_tests.rs"]
mod tests;
