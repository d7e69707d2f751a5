//! Traces as text, and the comparison of what arrived with what should have.
//!
//! One line per span, children indented below their parent, siblings by start:
//!
//! ```text
//! 2 x CLIENT curl "GET" 200
//!   SERVER nginx "GET /hello" 200 by socket
//!     CLIENT nginx "GET" 200 by thread
//!       SERVER backend "GET /hello" 503 by socket error=503
//! ```
//!
//! `by` names the evidence of the link to the parent. `socket` stands for both kinds of evidence that mean "both ends of
//! one socket" (`tcp-seq` and `socket`). `under ID` is a parent that is not among the spans. Equal trees are counted.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt::Write as _,
};

use crate::span::ReceivedSpan;

/// Trees as text, each with its number.
type Counted = BTreeMap<String, usize>;

/// The trees that `spans` make, equal ones counted, in text order.
pub fn render(spans: &[ReceivedSpan]) -> String {
    show(&count(spans))
}

/// Compares the trees that `spans` make with `expected` (indentation common to all lines is ignored, as is the order of
/// the trees).
#[track_caller]
pub fn assert_trees(spans: &[ReceivedSpan], expected: &str) {
    let (actual, expected) = (count(spans), parse(expected));
    assert!(
        actual == expected,
        "The traces differ.\n--- missing\n{}--- not expected\n{}--- spans\n{}",
        show(&without(&expected, &actual)),
        show(&without(&actual, &expected)),
        details(spans)
    );
}

/// What `some` has more of than `others`.
fn without(some: &Counted, others: &Counted) -> Counted {
    some.iter()
        .map(|(tree, count)| (tree.clone(), count.saturating_sub(others.get(tree).copied().unwrap_or(0))))
        .filter(|&(_, count)| count > 0)
        .collect()
}

fn count(spans: &[ReceivedSpan]) -> Counted {
    let mut counted = Counted::new();
    for tree in trees(spans) {
        *counted.entry(tree).or_default() += 1;
    }
    counted
}

fn show(trees: &Counted) -> String {
    trees
        .iter()
        .map(|(tree, count)| if *count == 1 { tree.clone() } else { format!("{count} x {tree}") })
        .collect()
}

/// Every span has the path of its parent: what a chain of services that pass the path on must show, also where requests
/// overlap. A wrong edge shows as two paths.
#[track_caller]
pub fn assert_edges_keep_path(spans: &[ReceivedSpan]) {
    let by_id: HashMap<_, _> = spans.iter().map(|span| (identity(span), span)).collect();
    for span in spans {
        let Some(parent) = by_id.get(&(span.trace_id.as_str(), span.parent_id.as_str())) else { continue };
        assert!(
            parent.path() == span.path(),
            "A span has the wrong parent:\n{}",
            details(&[(*parent).clone(), span.clone()])
        );
    }
}

/// Each span on a line of its own with its attributes: what one needs to see when trees differ. Bounded.
pub fn details(spans: &[ReceivedSpan]) -> String {
    const SHOWN: usize = 40;
    let mut text = String::new();
    for span in spans.iter().take(SHOWN) {
        let _ = writeln!(
            text,
            "{} {} parent={} pid={} start={} {:?}",
            line(span, false),
            span.span_id,
            span.parent_id,
            span.pid(),
            span.start_ns,
            span.attributes
        );
    }
    if spans.len() > SHOWN {
        let _ = writeln!(text, "... and {} more", spans.len() - SHOWN);
    }
    text
}

/// The service of a span. The scenario's own process is called `test`, since the name of its binary holds a hash.
pub fn service(span: &ReceivedSpan) -> &str {
    if span.pid() == std::process::id() { "test" } else { span.service() }
}

fn trees(spans: &[ReceivedSpan]) -> Vec<String> {
    let known: HashSet<_> = spans.iter().map(identity).collect();
    let mut children: HashMap<(&str, &str), Vec<&ReceivedSpan>> = HashMap::new();
    let mut roots = Vec::new();
    for span in spans {
        let parent = (span.trace_id.as_str(), span.parent_id.as_str());
        if known.contains(&parent) && parent != identity(span) {
            children.entry(parent).or_default().push(span);
        } else {
            roots.push(span);
        }
    }
    for siblings in children.values_mut() {
        siblings.sort_by_key(|span| span.start_ns);
    }
    let mut rendered = 0;
    let mut trees: Vec<String> = roots
        .into_iter()
        .map(|root| {
            let mut text = String::new();
            rendered += branch(root, &children, 0, &mut text);
            text
        })
        .collect();
    if rendered < spans.len() {
        trees.push(format!("{} spans are each other's ancestors\n", spans.len() - rendered));
    }
    trees
}

fn identity(span: &ReceivedSpan) -> (&str, &str) {
    (&span.trace_id, &span.span_id)
}

fn branch<'a>(
    span: &'a ReceivedSpan,
    children: &HashMap<(&'a str, &'a str), Vec<&'a ReceivedSpan>>,
    depth: usize,
    text: &mut String,
) -> usize {
    let _ = writeln!(text, "{:indent$}{}", "", line(span, depth == 0), indent = depth * 2);
    let below = children.get(&identity(span)).into_iter().flatten();
    1 + below.map(|child| branch(child, children, depth + 1, text)).sum::<usize>()
}

fn line(span: &ReceivedSpan, root: bool) -> String {
    let mut text = format!("{} {} \"{}\"", span.kind, service(span), span.name);
    let status = span.attribute("http.response.status_code");
    if !status.is_empty() {
        let _ = write!(text, " {status}");
    }
    let status = span.attribute("rpc.status_code");
    if !status.is_empty() {
        let _ = write!(text, " {status}");
    }
    let status = span.attribute("db.response.status_code");
    if !status.is_empty() {
        let _ = write!(text, " {status}");
    }
    if !span.parent_id.is_empty() {
        let evidence = match span.attribute("tracer.parent.evidence") {
            "tcp-seq" | "socket" => "socket",
            "" => "NOTHING",
            other => other,
        };
        let _ = write!(text, " by {evidence}");
        if root {
            let _ = write!(text, " under {}", span.parent_id);
        }
    }
    if span.error {
        let _ = write!(text, " error={}", span.attribute("error.type"));
    }
    if span.attribute("tracer.incomplete") == "true" {
        text.push_str(" incomplete");
    }
    text
}

/// The trees of a text in the form of [`render`].
fn parse(text: &str) -> Counted {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let common = lines.iter().map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    let mut trees = Counted::new();
    let mut current = String::new();
    let mut keep = |tree: &str| {
        if let Some((count, rest)) = tree.split_once(" x ")
            && let Ok(count) = count.parse::<usize>()
        {
            *trees.entry(rest.to_owned()).or_default() += count;
        } else if !tree.is_empty() {
            *trees.entry(tree.to_owned()).or_default() += 1;
        }
    };
    for line in lines {
        let line = &line[common..];
        if !line.starts_with(' ') {
            keep(&std::mem::take(&mut current));
        }
        current.push_str(line.trim_end());
        current.push('\n');
    }
    keep(&current);
    trees
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::Attributes;

    fn span(id: &str, parent: &str, kind: &'static str, service: &str, start_ns: u64) -> ReceivedSpan {
        let evidence = if parent.is_empty() { None } else { Some("tcp-seq") };
        let attributes: Attributes =
            [("http.response.status_code", Some("200")), ("tracer.parent.evidence", evidence)]
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())))
                .collect();
        ReceivedSpan {
            trace_id: "t".into(),
            span_id: id.into(),
            parent_id: parent.into(),
            trace_state: String::new(),
            kind,
            name: "GET /x".into(),
            start_ns,
            end_ns: start_ns + 1,
            error: false,
            attributes,
            links: Vec::new(),
            resource: Attributes::from([("service.name".to_owned(), service.to_owned())]),
        }
    }

    #[test]
    fn children_are_indented_and_sorted_by_start() {
        let spans = [
            span("c", "a", "CLIENT", "late", 9),
            span("a", "", "SERVER", "top", 1),
            span("b", "a", "CLIENT", "early", 5),
            span("d", "b", "SERVER", "leaf", 6),
        ];
        assert_trees(
            &spans,
            r#"
            SERVER top "GET /x" 200
              CLIENT early "GET /x" 200 by socket
                SERVER leaf "GET /x" 200 by socket
              CLIENT late "GET /x" 200 by socket
            "#,
        );
    }

    #[test]
    fn equal_trees_are_counted_in_any_order() {
        let spans = [
            span("a", "", "SERVER", "x", 1),
            span("b", "", "SERVER", "w", 2),
            span("c", "", "SERVER", "x", 3),
        ];
        assert_trees(
            &spans,
            r#"
            2 x SERVER x "GET /x" 200
            SERVER w "GET /x" 200
            "#,
        );
        assert_trees(
            &spans,
            r#"
            SERVER x "GET /x" 200
            SERVER w "GET /x" 200
            SERVER x "GET /x" 200
            "#,
        );
    }

    #[test]
    fn a_parent_elsewhere_is_named() {
        let spans = [span("b", "a", "CLIENT", "x", 1)];
        assert_trees(&spans, r#"CLIENT x "GET /x" 200 by socket under a"#);
    }

    #[test]
    fn a_circle_is_reported() {
        let spans = [span("a", "b", "CLIENT", "x", 1), span("b", "a", "CLIENT", "x", 1)];
        assert_eq!(render(&spans), "2 spans are each other's ancestors\n");
    }

    #[test]
    #[should_panic(expected = "A span has the wrong parent")]
    fn an_edge_between_two_paths_is_noticed() {
        let mut spans = [span("a", "", "SERVER", "x", 1), span("b", "a", "CLIENT", "x", 2)];
        assert_edges_keep_path(&spans);
        spans[0].attributes.insert("url.path".into(), "/one".into());
        spans[1].attributes.insert("url.full".into(), "http://host/two?one".into());
        assert_edges_keep_path(&spans);
    }

    #[test]
    #[should_panic(expected = "The traces differ")]
    fn a_missing_span_is_noticed() {
        assert_trees(
            &[span("a", "", "SERVER", "x", 1)],
            r#"
            SERVER x "GET /x" 200
              CLIENT x "GET" 200 by thread
            "#,
        );
    }
}
