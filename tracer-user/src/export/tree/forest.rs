//! Which span stands below which, and in what order the rows come.

use std::collections::HashMap;

use super::Style;
use crate::spans::span::{Span, SpanId, SpanKind, Status};

/// What a row shows. Numbers are indices into the spans in order of start.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item {
    /// One span.
    Span(usize),
    /// Further siblings like the ones above.
    More {
        /// The first of them.
        like: usize,
        /// How many.
        count: usize,
        /// The duration of the slowest, in nanoseconds.
        slowest_ns: u64,
    },
    /// Heading of the spans whose parent is not in the trace.
    Elsewhere,
    /// Heading of spans that are their own ancestors.
    Circle,
    /// Spans beyond the last row.
    Rest(usize),
}

/// One line of the tree.
#[derive(Debug)]
pub(super) struct Row {
    /// The lines that lead to the parent.
    pub(super) guides: String,
    pub(super) item: Item,
}

/// Spans as trees.
pub(super) struct Forest {
    /// Children by parent, in order of start.
    children: Vec<Vec<Item>>,
    roots: Vec<Item>,
    elsewhere: Vec<Item>,
    circle: Vec<Item>,
    spans: usize,
}

/// Siblings that look the same are told apart by nothing that a line shows but their times.
#[derive(PartialEq, Eq, Hash)]
struct Look<'a> {
    service: &'a str,
    server: bool,
    name: &'a str,
    error: bool,
}

#[derive(Default)]
struct Crowd {
    seen: usize,
    hidden: usize,
    slowest_ns: u64,
}

impl Forest {
    /// Trees of `spans`, which are in order of start. Of more than `similar` siblings that look alike, the first
    /// `similar` are kept.
    pub(super) fn of(spans: &[&Span], similar: usize) -> Self {
        let mut by_id: HashMap<SpanId, usize> = HashMap::with_capacity(spans.len());
        for (at, span) in spans.iter().enumerate() {
            by_id.entry(span.span_id).or_insert(at);
        }
        let parents: Vec<Option<usize>> = spans
            .iter()
            .map(|span| span.parent.and_then(|parent| by_id.get(&parent.span_id).copied()))
            .collect();
        let in_circle = first_of_each_circle(&parents);

        let mut children = vec![Vec::new(); spans.len()];
        let (mut roots, mut elsewhere, mut circle) = (Vec::new(), Vec::new(), Vec::new());
        for (at, span) in spans.iter().enumerate() {
            match parents[at] {
                Some(_) if in_circle[at] => circle.push(at),
                Some(parent) => children[parent].push(at),
                None if span.parent.is_some() => elsewhere.push(at),
                None => roots.push(at),
            }
        }
        Self {
            children: children.iter().map(|siblings| collapse(spans, siblings, similar)).collect(),
            roots: collapse(spans, &roots, similar),
            elsewhere: collapse(spans, &elsewhere, similar),
            circle: collapse(spans, &circle, similar),
            spans: spans.len(),
        }
    }

    /// The rows from top to bottom, at most `style.max_rows` and one that counts the rest.
    pub(super) fn rows(&self, style: &Style) -> Vec<Row> {
        // Deep trees would push their names out of narrow terminals, and cost a line of guides each.
        let deepest = style.width.map_or(32, |width| (width / 12).clamp(2, 32));
        let mut top = self.roots.clone();
        if !self.elsewhere.is_empty() {
            top.push(Item::Elsewhere);
        }
        if !self.circle.is_empty() {
            top.push(Item::Circle);
        }
        let mut rows = Vec::new();
        let mut shown = 0;
        // Siblings on the way from the top to the current row, with the place of the next one. No recursion: a
        // trace may be deeper than the stack.
        let mut path: Vec<(&[Item], usize)> = vec![(&top, 0)];
        while let Some((siblings, next)) = path.last_mut() {
            let Some(item) = siblings.get(*next).copied() else {
                path.pop();
                continue;
            };
            *next += 1;
            if rows.len() == style.max_rows {
                rows.push(Row { guides: String::new(), item: Item::Rest(self.spans - shown) });
                break;
            }
            rows.push(Row { guides: guides(&path, deepest), item });
            match item {
                Item::Span(at) => {
                    shown += 1;
                    path.push((&self.children[at], 0));
                }
                Item::Elsewhere => path.push((&self.elsewhere, 0)),
                Item::Circle => path.push((&self.circle, 0)),
                Item::More { count, .. } => shown += count,
                Item::Rest(_) => {}
            }
        }
        rows
    }
}

/// For each circle of parents, marks its span that started first: cutting there leaves a tree. No real trace has
/// one, but ids come from headers that strangers send.
fn first_of_each_circle(parents: &[Option<usize>]) -> Vec<bool> {
    const UNSEEN: usize = usize::MAX;
    let mut seen_from = vec![UNSEEN; parents.len()];
    let mut firsts = vec![false; parents.len()];
    for start in 0..parents.len() {
        let mut at = start;
        while seen_from[at] == UNSEEN {
            seen_from[at] = start;
            let Some(parent) = parents[at] else { break };
            at = parent;
            if seen_from[at] == start {
                firsts[first_of_circle(parents, at)] = true;
            }
        }
    }
    firsts
}

/// The lowest index of the circle that `inside` is part of.
fn first_of_circle(parents: &[Option<usize>], inside: usize) -> usize {
    std::iter::successors(parents[inside], |at| parents[*at].filter(|_| *at != inside))
        .fold(inside, usize::min)
}

/// Siblings as items: those beyond the first `similar` of one look become one item, where the first of them stood.
fn collapse(spans: &[&Span], siblings: &[usize], similar: usize) -> Vec<Item> {
    if siblings.len() <= similar {
        return siblings.iter().copied().map(Item::Span).collect();
    }
    let mut crowds: HashMap<Look<'_>, Crowd> = HashMap::new();
    let mut items = Vec::new();
    for &at in siblings {
        let span = spans[at];
        let crowd = crowds.entry(look(span)).or_default();
        crowd.seen += 1;
        if crowd.seen <= similar {
            items.push(Item::Span(at));
            continue;
        }
        if crowd.hidden == 0 {
            items.push(Item::More { like: at, count: 0, slowest_ns: 0 });
        }
        crowd.hidden += 1;
        crowd.slowest_ns = crowd.slowest_ns.max(span.duration_ns());
    }
    for item in &mut items {
        if let Item::More { like, count, slowest_ns } = item
            && let Some(crowd) = crowds.get(&look(spans[*like]))
        {
            (*count, *slowest_ns) = (crowd.hidden, crowd.slowest_ns);
        }
    }
    items
}

fn look(span: &Span) -> Look<'_> {
    Look {
        service: &span.resource.service_name,
        server: span.kind == SpanKind::Server,
        name: &span.name,
        error: span.status == Status::Error,
    }
}

/// The lines before a row: a column for each ancestor that has further siblings, then the branch to the row. Of
/// more than `deepest` levels, the upper ones are given as a number.
fn guides(path: &[(&[Item], usize)], deepest: usize) -> String {
    let levels = &path[1..];
    let Some(((siblings, next), ancestors)) = levels.split_last() else { return String::new() };
    let hidden = levels.len().saturating_sub(deepest);
    let mut guides = if hidden > 0 { format!("+{hidden} ") } else { String::new() };
    for (siblings, next) in &ancestors[hidden..] {
        guides.push_str(if *next < siblings.len() { "│  " } else { "   " });
    }
    guides.push_str(if *next < siblings.len() { "├─ " } else { "└─ " });
    guides
}
