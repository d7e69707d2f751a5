//! Counts of calls by subject, in steps of time.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use crate::spans::TraceId;

/// Subjects of one rule, at most: the others are counted, and the rule says so.
pub(crate) const SUBJECTS: usize = 1000;

/// What an alert is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Subject {
    /// A service.
    pub(crate) service: String,
    /// One of its operations, if those are judged by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<String>,
}

/// Calls that were counted together. Numbers are adjusted for sampling, hence fractions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    /// Calls.
    pub(crate) calls: f64,
    /// Those that are bad by the rule.
    pub(crate) bad: f64,
    /// Sum of the natural logarithms of their durations in nanoseconds.
    pub(crate) log_ns: f64,
}

/// One call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    /// When it ended, nanoseconds since 1970.
    pub(crate) end_ns: u64,
    /// Nanoseconds.
    pub(crate) duration_ns: u64,
    /// Whether it is bad by the rule.
    pub(crate) is_bad: bool,
    /// How many it stands for.
    pub(crate) weight: f64,
    /// Its trace.
    pub(crate) trace_id: TraceId,
}

/// The course of one subject.
#[derive(Clone, Debug, Default)]
pub(crate) struct Course {
    /// By number of the step since 1970, ascending; steps without calls are left out.
    steps: VecDeque<(u64, Counts)>,
    /// When its first call ended, nanoseconds since 1970.
    pub(crate) first_ns: u64,
    /// When its newest call ended.
    pub(crate) last_ns: u64,
    /// Newest traces of bad calls, with when those ended.
    bad: VecDeque<(u64, TraceId)>,
    /// The newest trace.
    newest: Option<TraceId>,
}

/// Every subject of a rule.
#[derive(Debug)]
pub(crate) struct Series {
    /// Length of a step, nanoseconds.
    step_ns: u64,
    /// Steps that are kept.
    keep: u64,
    subjects: BTreeMap<Subject, Course>,
    /// Calls of subjects for which there was no room.
    pub(crate) uncounted: u64,
}

/// Example traces of an alert, at most.
const EXAMPLES: usize = 5;

impl Series {
    /// Counts in steps of `step_ns`, kept for `keep_ns`.
    pub(crate) fn new(step_ns: u64, keep_ns: u64) -> Self {
        let step_ns = step_ns.max(1);
        Self { step_ns, keep: keep_ns / step_ns + 2, subjects: BTreeMap::new(), uncounted: 0 }
    }

    /// Makes a subject known that may never have had a call.
    pub(crate) fn expect(&mut self, subject: Subject) {
        self.subjects.entry(subject).or_default();
    }

    /// Counts a call.
    pub(crate) fn add(&mut self, subject: &Subject, call: &Call) {
        let full = self.subjects.len() >= SUBJECTS;
        let course = match self.subjects.get_mut(subject) {
            Some(course) => course,
            None if full => {
                self.uncounted += 1;
                return;
            }
            None => self.subjects.entry(subject.clone()).or_default(),
        };
        course.add(call, self.step_ns, self.keep);
    }

    /// Every subject with its course.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Subject, &Course)> {
        self.subjects.iter()
    }

    /// Whether there is such a subject.
    pub(crate) fn knows(&self, subject: &Subject) -> bool {
        self.subjects.contains_key(subject)
    }

    /// Length of a step, nanoseconds.
    pub(crate) fn step_ns(&self) -> u64 {
        self.step_ns
    }

    /// Forgets subjects whose newest call is older than `before_ns`, but those that were never seen.
    pub(crate) fn forget(&mut self, before_ns: u64) {
        self.subjects.retain(|_, course| course.last_ns == 0 || course.last_ns >= before_ns);
    }
}

impl Course {
    fn add(&mut self, call: &Call, step_ns: u64, keep: u64) {
        let step = call.end_ns / step_ns;
        let newest = self.steps.back().map_or(step, |(newest, _)| *newest).max(step);
        if newest - step >= keep {
            return;
        }
        let at = self.steps.partition_point(|(other, _)| *other < step);
        if self.steps.get(at).is_none_or(|(other, _)| *other != step) {
            self.steps.insert(at, (step, Counts::default()));
        }
        let counts = &mut self.steps[at].1;
        counts.calls += call.weight;
        counts.log_ns += call.weight * (call.duration_ns.max(1) as f64).ln();
        if call.is_bad {
            counts.bad += call.weight;
            if self.bad.len() >= EXAMPLES {
                self.bad.pop_front();
            }
            self.bad.push_back((call.end_ns, call.trace_id));
        }
        while self.steps.front().is_some_and(|(oldest, _)| newest - oldest >= keep) {
            self.steps.pop_front();
        }
        if call.end_ns >= self.last_ns {
            self.last_ns = call.end_ns;
            self.newest = Some(call.trace_id);
        }
        self.first_ns = if self.first_ns == 0 { call.end_ns } else { self.first_ns.min(call.end_ns) };
    }

    /// What was counted in the `over_ns` before `now_ns`, and the seconds that this is of: whole steps, and what there is of the current one.
    pub(crate) fn window(&self, now_ns: u64, over_ns: u64, step_ns: u64) -> (Counts, f64) {
        let first = now_ns.saturating_sub(over_ns).div_ceil(step_ns);
        let last = now_ns / step_ns;
        let mut sum = Counts::default();
        for (_, counts) in self.steps.iter().filter(|(step, _)| (first..=last).contains(step)) {
            sum.calls += counts.calls;
            sum.bad += counts.bad;
            sum.log_ns += counts.log_ns;
        }
        (sum, now_ns.saturating_sub(first * step_ns) as f64 / 1e9)
    }

    /// The counts of the `most` whole steps before `now_ns`, oldest first, from the first one that had a call.
    pub(crate) fn whole_steps(&self, now_ns: u64, step_ns: u64, most: usize) -> Vec<Counts> {
        let end = now_ns / step_ns;
        let Some(&(first, _)) = self.steps.front() else { return Vec::new() };
        let first = first.max(end.saturating_sub(most as u64));
        if first >= end {
            return Vec::new();
        }
        let mut whole = vec![Counts::default(); (end - first) as usize];
        for (step, counts) in self.steps.iter().filter(|(step, _)| (first..end).contains(step)) {
            whole[(step - first) as usize] = *counts;
        }
        whole
    }

    /// Traces that show what is wrong: of bad calls since `since_ns`, else the newest one.
    pub(crate) fn examples(&self, since_ns: u64) -> Vec<TraceId> {
        let mut examples: Vec<TraceId> =
            self.bad.iter().rev().filter(|(end, _)| *end >= since_ns).map(|(_, id)| *id).collect();
        if examples.is_empty() {
            examples.extend(self.newest);
        }
        examples.dedup();
        examples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn call(end_s: u64, is_bad: bool) -> Call {
        Call {
            end_ns: end_s * S,
            duration_ns: 100,
            is_bad,
            weight: 2.0,
            trace_id: TraceId([end_s as u8 | 1; 16]),
        }
    }

    fn subject(name: &str) -> Subject {
        Subject { service: name.to_owned(), operation: None }
    }

    #[test]
    fn a_window_is_of_whole_steps_and_the_current_one() {
        let mut series = Series::new(10 * S, 100 * S);
        for (end, bad) in [(100, false), (109, true), (110, false), (125, true), (131, false)] {
            series.add(&subject("a"), &call(end, bad));
        }
        let (_, course) = series.iter().next().unwrap();
        let (counts, seconds) = course.window(128 * S, 20 * S, series.step_ns());
        assert_eq!((counts.calls, counts.bad, seconds), (4.0, 2.0, 18.0));
        let (counts, seconds) = course.window(1000 * S, 20 * S, series.step_ns());
        assert_eq!((counts, seconds), (Counts::default(), 20.0));
        let whole: Vec<f64> =
            course.whole_steps(135 * S, series.step_ns(), 9).iter().map(|c| c.calls).collect();
        assert_eq!(whole, [4.0, 2.0, 2.0]);
        assert_eq!(course.whole_steps(135 * S, series.step_ns(), 1).len(), 1);
    }

    #[test]
    fn what_is_too_old_is_forgotten_and_what_is_too_much_is_counted() {
        let mut series = Series::new(10 * S, 100 * S);
        series.add(&subject("a"), &call(1000, false));
        series.add(&subject("a"), &call(100, true));
        let (_, course) = series.iter().next().unwrap();
        assert_eq!(course.window(1000 * S, 1000 * S, 10 * S).0.bad as u64, 0);
        assert_eq!(course.window(1000 * S, 1000 * S, 10 * S).0.calls as u64, 2);
        for index in 0..SUBJECTS {
            series.add(&subject(&format!("s{index}")), &call(2000, false));
        }
        assert_eq!((series.iter().count(), series.uncounted), (SUBJECTS, 1));
        series.expect(subject("never"));
        series.forget(2000 * S);
        assert_eq!(series.iter().count(), SUBJECTS);
        assert!(series.iter().any(|(subject, _)| subject.service == "never"));
    }

    #[test]
    fn examples_are_of_bad_calls_if_there_are_any() {
        let mut series = Series::new(S, 100 * S);
        series.add(&subject("a"), &call(10, true));
        series.add(&subject("a"), &call(12, false));
        let (_, course) = series.iter().next().unwrap();
        assert_eq!(course.examples(0), [TraceId([11; 16])]);
        assert_eq!(course.examples(11 * S), [TraceId([13; 16])]);
    }
}
