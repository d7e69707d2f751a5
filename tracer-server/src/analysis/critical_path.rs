//! The critical path: what the end of a trace waited for, moment by moment.

use super::trace::Trace;

/// A stretch of the critical path in which a span itself was what everything waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Index of the span in [`Trace::spans`].
    pub span: usize,
    /// Nanoseconds since 1970.
    pub start_ns: u64,
    /// Nanoseconds since 1970, not before the start.
    pub end_ns: u64,
}

/// The critical path of the trace's root, in order of time. The steps follow each other without a gap, so their lengths
/// sum to the root's duration.
///
/// Seen from the end of a span backwards, it waited for the child that ended last; before that child began, for the one that
/// ended last among those that had begun by then, and so on; where no child ran, it was itself at work. A child counts only
/// while its parent ran: what goes on behind the parent's end kept nobody waiting.
pub fn critical_path(trace: &Trace<'_>) -> Vec<Step> {
    let Some(root) = trace.root() else { return Vec::new() };
    let root_row: *const _ = root.row();
    let Some(root) = trace.spans.iter().position(|span| std::ptr::eq(span.row(), root_row)) else {
        return Vec::new();
    };
    let bounds = |span: usize| (trace.spans[span].row().start_ns, trace.spans[span].end_ns());
    // Each span's children, the one that ends first at the end, from where they are taken.
    let mut children: Vec<Vec<usize>> = trace.children.clone();
    for children in &mut children {
        children.sort_by_key(|&child| bounds(child).1);
    }
    let (start, end) = bounds(root);
    let mut steps = Vec::new();
    // A span whose time from `start` to `cursor` is still to be explained.
    let mut stack = vec![(root, start, end)];
    while let Some((span, start, cursor)) = stack.pop() {
        let next = loop {
            let Some(child) = children[span].pop() else { break None };
            let (child_start, child_end) = bounds(child);
            let clipped = (child_start.max(start), child_end.min(cursor));
            if clipped.0 < clipped.1 {
                break Some((child, clipped.0, clipped.1));
            }
        };
        let busy_from = next.map_or(start, |(_, _, child_end)| child_end);
        if busy_from < cursor {
            steps.push(Step { span, start_ns: busy_from, end_ns: cursor });
        }
        if let Some((child, child_start, child_end)) = next {
            if child_start > start {
                stack.push((span, start, child_start));
            }
            stack.push((child, child_start, child_end));
        }
    }
    steps.reverse();
    steps
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::analysis::{trace::testing, traces};

    /// (id of the span, start, end) of each step.
    fn path(of: &[(u64, u64, &str, u64, u64)]) -> Vec<(u64, u64, u64)> {
        let spans = testing::spans(of);
        let trace = &traces(&spans)[0];
        let id = |step: &Step| trace.spans[step.span].row().span_id.0;
        critical_path(trace).iter().map(|step| (id(step), step.start_ns, step.end_ns)).collect()
    }

    #[test]
    fn children_one_after_the_other() {
        let steps = path(&[(1, 0, "a", 0, 100), (2, 1, "b", 10, 20), (3, 1, "c", 40, 50)]);
        assert_eq!(steps, [(1, 0, 10), (2, 10, 30), (1, 30, 40), (3, 40, 90), (1, 90, 100)]);
    }

    #[test]
    fn of_parallel_children_the_last_to_end_counts() {
        let steps = path(&[(1, 0, "a", 0, 100), (2, 1, "b", 10, 30), (3, 1, "c", 10, 80)]);
        assert_eq!(steps, [(1, 0, 10), (3, 10, 90), (1, 90, 100)]);
    }

    #[test]
    fn overlapping_children_share_the_time() {
        let steps = path(&[(1, 0, "a", 0, 100), (2, 1, "b", 0, 60), (3, 1, "c", 50, 40)]);
        assert_eq!(steps, [(2, 0, 50), (3, 50, 90), (1, 90, 100)]);
    }

    #[test]
    fn what_goes_on_behind_the_end_kept_nobody_waiting() {
        let steps =
            path(&[(1, 0, "a", 10, 100), (2, 1, "b", 50, 500), (3, 1, "c", 200, 5), (4, 1, "d", 0, 20)]);
        assert_eq!(steps, [(4, 10, 20), (1, 20, 50), (2, 50, 110)]);
    }

    #[test]
    fn grandchildren_are_on_the_path_too() {
        let steps = path(&[(1, 0, "a", 0, 10), (2, 1, "b", 2, 6), (3, 2, "c", 4, 2)]);
        assert_eq!(steps, [(1, 0, 2), (2, 2, 4), (3, 4, 6), (2, 6, 8), (1, 8, 10)]);
    }

    proptest! {
        #[test]
        fn the_steps_cover_the_root_without_a_gap(of in prop::collection::vec((0_u64..12, 0_u64..100, 0_u64..60), 1..40)) {
            let of: Vec<(u64, u64, &str, u64, u64)> = of
                .into_iter()
                .enumerate()
                .map(|(index, (parent, start, duration))| {
                    let id = index as u64 + 1;
                    (id, if index == 0 { 0 } else { parent.min(id - 1) }, "a", start, duration)
                })
                .collect();
            let spans = testing::spans(&of);
            let trace = &traces(&spans)[0];
            let root = trace.root().expect("a root");
            let steps = critical_path(trace);
            let mut at = root.row().start_ns;
            for step in &steps {
                prop_assert_eq!(step.start_ns, at);
                prop_assert!(step.end_ns > step.start_ns);
                at = step.end_ns;
            }
            prop_assert_eq!(at, root.end_ns());
        }
    }
}
