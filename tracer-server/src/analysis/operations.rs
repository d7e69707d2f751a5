//! Rate, errors and duration of each operation, over time.

use std::{collections::BTreeMap, ops::Range};

use hashbrown::HashMap;

use super::{example::Examples, red::Red};
use crate::spans::{Kind, SpanRef, Spans};

/// Operations and steps of time that are told apart, together: each may take four kilobytes.
const CELLS: usize = 20_000;

/// The operations of any number of spans.
pub struct Operations {
    range: Range<u64>,
    /// Length of a step, nanoseconds; none to leave out the course over time.
    step_ns: Option<u64>,
    service: Option<String>,
    courses: BTreeMap<(String, String, Kind), Course>,
    cells: usize,
    /// Whether there was more than fits.
    pub partial: bool,
}

/// One operation.
#[derive(Default)]
pub struct Course {
    /// In the whole range.
    pub total: Red,
    /// By the start of the step, nanoseconds since 1970.
    pub steps: BTreeMap<u64, Step>,
    /// Traces that show it.
    pub examples: Examples,
}

/// One operation in one step of time.
#[derive(Default)]
pub struct Step {
    /// Its calls.
    pub red: Red,
    /// Traces that show them.
    pub examples: Examples,
}

impl Step {
    fn add(&mut self, span: SpanRef<'_>) {
        let row = span.row();
        self.red.add(row.duration_ns, span.is_error());
        self.examples.add(row.duration_ns, span.is_error(), row.trace_id);
    }
}

impl Operations {
    /// Of spans that start in a range of time, and are of a service if one is named.
    pub fn new(range: Range<u64>, step_ns: Option<u64>, service: Option<String>) -> Self {
        Self { range, step_ns, service, courses: BTreeMap::new(), cells: 0, partial: false }
    }

    /// Adds the spans of a batch.
    pub fn add(&mut self, spans: &Spans) {
        // Names are looked up once for each batch instead of once for each span.
        let mut key_of: HashMap<_, (String, String, Kind)> = HashMap::new();
        for span in spans.iter() {
            let row = span.row();
            let is_other = self.service.as_deref().is_some_and(|service| service != span.service());
            if is_other || !self.range.contains(&row.start_ns) {
                continue;
            }
            let key = key_of
                .entry((row.service, row.name, row.kind))
                .or_insert_with(|| (span.service().to_owned(), span.name().to_owned(), row.kind));
            if !self.courses.contains_key(&*key) {
                if self.cells >= CELLS {
                    self.partial = true;
                    continue;
                }
                self.cells += 1;
                self.courses.insert(key.clone(), Course::default());
            }
            let Some(course) = self.courses.get_mut(&*key) else { continue };
            course.total.add(row.duration_ns, span.is_error());
            course.examples.add(row.duration_ns, span.is_error(), row.trace_id);
            if let Some(step) = self.step_ns {
                let start = row.start_ns - row.start_ns % step;
                if let Some(step) = course.steps.get_mut(&start) {
                    step.add(span);
                } else if self.cells < CELLS {
                    self.cells += 1;
                    course.steps.entry(start).or_default().add(span);
                } else {
                    self.partial = true;
                }
            }
        }
    }

    /// Every operation by service, name and kind.
    pub fn courses(&self) -> impl Iterator<Item = (&(String, String, Kind), &Course)> {
        self.courses.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::trace::testing;

    #[test]
    fn spans_are_counted_by_operation_and_step() {
        let spans = testing::spans(&[
            (1, 0, "a", 5, 10),
            (1, 0, "a", 14, 30),
            (2, 0, "b", 15, 7),
            (1, 0, "a", 99, 1),
        ]);
        let mut operations = Operations::new(0..50, Some(10), Some("a".to_owned()));
        operations.add(&spans);
        let courses: Vec<_> = operations.courses().collect();
        assert_eq!(courses.len(), 1);
        let (key, course) = courses[0];
        assert_eq!((key.0.as_str(), course.total.calls), ("a", 2));
        let steps: Vec<(u64, u64)> =
            course.steps.iter().map(|(start, step)| (*start, step.red.calls)).collect();
        assert_eq!(steps, [(0, 1), (10, 1)]);
        assert!(!operations.partial);
    }
}
