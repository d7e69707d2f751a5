//! How spans stand to one another in the tree.

use super::ast::Relation;
use crate::analysis::Trace;

impl Relation {
    /// The same seen from the other side.
    pub(super) fn reversed(self) -> Self {
        match self {
            Self::Child => Self::Parent,
            Self::Descendant => Self::Ancestor,
            Self::Parent => Self::Child,
            Self::Ancestor => Self::Descendant,
            Self::Sibling => Self::Sibling,
        }
    }

    /// For each span of a trace whether it stands so to one of `others`. Takes time that grows with the number of spans.
    pub(super) fn to_any(self, trace: &Trace<'_>, others: &[bool]) -> Vec<bool> {
        let parents = &trace.parents;
        let is_other = |index: usize| others[index];
        match self {
            Self::Child => parents.iter().map(|parent| parent.is_some_and(is_other)).collect(),
            Self::Parent => {
                trace.children.iter().map(|children| children.iter().any(|&child| is_other(child))).collect()
            }
            Self::Descendant => {
                let mut below = vec![false; parents.len()];
                let mut waiting: Vec<usize> = trace.roots.clone();
                while let Some(index) = waiting.pop() {
                    let of_children = below[index] || is_other(index);
                    for &child in &trace.children[index] {
                        below[child] = of_children;
                        waiting.push(child);
                    }
                }
                below
            }
            Self::Ancestor => {
                let mut above = vec![false; parents.len()];
                for index in (0..parents.len()).filter(|&index| is_other(index)) {
                    let mut at = parents[index];
                    while let Some(parent) = at.filter(|&parent| !above[parent]) {
                        above[parent] = true;
                        at = parents[parent];
                    }
                }
                above
            }
            Self::Sibling => {
                let count = |children: &Vec<usize>| children.iter().filter(|&&child| is_other(child)).count();
                let counts: Vec<usize> = trace.children.iter().map(count).collect();
                let has = |(index, parent): (usize, &Option<usize>)| {
                    parent.is_some_and(|parent| counts[parent] > usize::from(is_other(index)))
                };
                parents.iter().enumerate().map(has).collect()
            }
        }
    }
}
