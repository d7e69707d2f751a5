//! The series of one metric: a value for each set of labels, up to a bound.

use std::hash::{BuildHasher, Hash, Hasher};

use foldhash::fast::RandomState;
use hashbrown::{HashTable, hash_table::Entry};

use super::exposition::Label;

/// The series of one metric, all with the same names of labels.
#[derive(Debug)]
pub(super) struct SeriesOf<T> {
    limit: usize,
    hasher: RandomState,
    table: HashTable<Series<T>>,
    /// What there was no room for (OpenTelemetry specification, "Cardinality limits").
    overflow: Option<T>,
    overflowed: u64,
}

#[derive(Debug)]
struct Series<T> {
    hash: u64,
    labels: Box<[Owned]>,
    value: T,
}

/// A label that outlives its span.
#[derive(Debug)]
enum Owned {
    Absent,
    Text(Box<str>),
    Int(i64),
}

impl<T> SeriesOf<T> {
    /// At most `limit` series, that of the overflow included.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, hasher: RandomState::default(), table: HashTable::new(), overflow: None, overflowed: 0 }
    }

    /// The series of these labels, made if there is room, else that of the overflow.
    pub(super) fn entry(&mut self, labels: &[Label<'_>], new: impl FnOnce() -> T) -> &mut T {
        let hash = self.hash(labels);
        let room = self.table.len() + 1 < self.limit;
        let is_it = |series: &Series<T>| series.hash == hash && same(&series.labels, labels);
        match self.table.entry(hash, is_it, |series| series.hash) {
            Entry::Occupied(found) => &mut found.into_mut().value,
            Entry::Vacant(place) if room => {
                let labels = labels.iter().map(Owned::from).collect();
                &mut place.insert(Series { hash, labels, value: new() }).into_mut().value
            }
            Entry::Vacant(_) => {
                self.overflowed += 1;
                self.overflow.get_or_insert_with(new)
            }
        }
    }

    /// The series of these labels, if there is one.
    pub(super) fn get_mut(&mut self, labels: &[Label<'_>]) -> Option<&mut T> {
        let hash = self.hash(labels);
        let found = self.table.find_mut(hash, |series| series.hash == hash && same(&series.labels, labels));
        found.map(|series| &mut series.value)
    }

    /// Every series with its labels, in an order that stays; the overflow comes last and without labels.
    pub(super) fn for_each<'a>(&'a self, mut each: impl FnMut(Option<&[Label<'a>]>, &'a T)) {
        let mut all: Vec<(Vec<Label<'a>>, &T)> = self
            .table
            .iter()
            .map(|series| (series.labels.iter().map(Label::from).collect(), &series.value))
            .collect();
        all.sort_by(|(a, _), (b, _)| order(a, b));
        for (labels, value) in all {
            each(Some(&labels), value);
        }
        if let Some(value) = &self.overflow {
            each(None, value);
        }
    }

    /// How many series there are.
    pub(super) fn len(&self) -> usize {
        self.table.len() + usize::from(self.overflow.is_some())
    }

    /// Values that there was no series for.
    pub(super) fn overflowed(&self) -> u64 {
        self.overflowed
    }

    fn hash(&self, labels: &[Label<'_>]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        for label in labels {
            match label {
                Label::Absent => hasher.write_u8(0),
                Label::Text(text) => text.hash(&mut hasher),
                Label::Int(number) => hasher.write_i64(*number),
            }
        }
        hasher.finish()
    }
}

fn same(owned: &[Owned], labels: &[Label<'_>]) -> bool {
    owned.iter().map(Label::from).eq(labels.iter().copied())
}

fn order(a: &[Label<'_>], b: &[Label<'_>]) -> std::cmp::Ordering {
    fn rank<'a>(label: &Label<'a>) -> (u8, &'a str, i64) {
        match *label {
            Label::Absent => (0, "", 0),
            Label::Text(text) => (1, text, 0),
            Label::Int(number) => (2, "", number),
        }
    }
    a.iter().map(rank).cmp(b.iter().map(rank))
}

impl From<&Label<'_>> for Owned {
    fn from(label: &Label<'_>) -> Self {
        match *label {
            Label::Absent => Self::Absent,
            Label::Text(text) => Self::Text(text.into()),
            Label::Int(number) => Self::Int(number),
        }
    }
}

impl<'a> From<&'a Owned> for Label<'a> {
    fn from(owned: &'a Owned) -> Self {
        match owned {
            Owned::Absent => Self::Absent,
            Owned::Text(text) => Self::Text(text),
            Owned::Int(number) => Self::Int(*number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_set_of_labels_has_its_own_series() {
        let mut series = SeriesOf::new(10);
        let sets = [
            [Label::Text("a"), Label::Int(1)],
            [Label::Text("a"), Label::Absent],
            [Label::Text("ab"), Label::Int(1)],
            [Label::Absent, Label::Int(1)],
        ];
        for round in 1..=2 {
            for set in &sets {
                *series.entry(set, || 0) += 1;
                assert_eq!(series.get_mut(set).copied(), Some(round));
            }
        }
        assert_eq!(series.get_mut(&[Label::Absent, Label::Absent]), None);
        let mut shown = Vec::new();
        series.for_each(|labels, value| shown.push((labels.map(<[_]>::to_vec), *value)));
        let set = |at: usize| (Some(sets[at].to_vec()), 2);
        assert_eq!(shown, [set(3), set(1), set(0), set(2)]);
    }

    #[test]
    fn what_there_is_no_room_for_is_one_series() {
        let mut series = SeriesOf::new(3);
        for number in [1, 2, 3, 4, 1] {
            *series.entry(&[Label::Int(number)], || 0) += 1;
        }
        let mut shown = Vec::new();
        series.for_each(|labels, value| shown.push((labels.map(|labels| labels[0]), *value)));
        assert_eq!(shown, [(Some(Label::Int(1)), 2), (Some(Label::Int(2)), 1), (None, 2)]);
        assert_eq!((series.len(), series.overflowed()), (3, 2));
    }
}
