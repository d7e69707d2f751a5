//! Two traces side by side: what each did in the same place.

use hashbrown::HashMap;
use serde::Serialize;

use super::trace::Trace;

/// A place in the tree: all spans of one operation below one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Index of the place above; none for roots.
    pub parent: Option<usize>,
    /// Whose spans.
    pub service: String,
    /// What they do.
    pub name: String,
    /// In the first trace.
    pub a: Side,
    /// In the second trace.
    pub b: Side,
}

/// One trace's spans in a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Side {
    /// Spans.
    pub spans: usize,
    /// Failed ones.
    pub errors: usize,
    /// Their durations together, nanoseconds.
    pub total_ns: u64,
}

/// The places of both traces, each behind the one above it.
pub fn compare(a: &Trace<'_>, b: &Trace<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    let mut place_of: HashMap<(Option<usize>, String, String), usize> = HashMap::new();
    for (trace, is_first) in [(a, true), (b, false)] {
        let mut waiting: Vec<(usize, Option<usize>)> =
            trace.roots.iter().rev().map(|&root| (root, None)).collect();
        while let Some((index, parent)) = waiting.pop() {
            let span = trace.spans[index];
            let key = (parent, span.service().to_owned(), span.name().to_owned());
            let place = *place_of.entry(key).or_insert_with_key(|(parent, service, name)| {
                let (service, name) = (service.clone(), name.clone());
                places.push(Place { parent: *parent, service, name, a: Side::default(), b: Side::default() });
                places.len() - 1
            });
            let entry: &mut Place = &mut places[place];
            let side = if is_first { &mut entry.a } else { &mut entry.b };
            side.spans += 1;
            side.errors += usize::from(span.is_error());
            side.total_ns = side.total_ns.saturating_add(span.row().duration_ns);
            waiting.extend(trace.children[index].iter().rev().map(|&child| (child, Some(place))));
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{trace::testing, traces};

    #[test]
    fn spans_of_one_place_are_together() {
        let first = testing::spans(&[(1, 0, "a", 0, 100), (2, 1, "b", 10, 20), (3, 2, "c", 12, 3)]);
        let second = testing::spans(&[(1, 0, "a", 0, 70), (3, 1, "c", 5, 9)]);
        let (first, second) = (traces(&first), traces(&second));
        let places = compare(&first[0], &second[0]);
        let short: Vec<_> = places
            .iter()
            .map(|place| (place.parent, place.name.as_str(), place.a.total_ns, place.b.total_ns))
            .collect();
        assert_eq!(
            short,
            [(None, "1", 100, 70), (Some(0), "2", 20, 0), (Some(1), "3", 3, 0), (Some(0), "3", 0, 9)]
        );
    }
}
