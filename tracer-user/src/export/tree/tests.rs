//! Whole trees as text.

use std::sync::Arc;

use proptest::prelude::*;

use super::{Style, render, text::width};
use crate::{
    export::testing::{any_spans, service, span},
    spans::span::{Evidence, Parent, Resource, Span, SpanKind, Status, Value},
};

const MS: u64 = 1_000_000;

/// A span from `from_us` to `to_us` microseconds into the trace.
fn at(mut span: Span, from_us: u64, to_us: u64) -> Span {
    let start = span.start_ns;
    span.start_ns = start + from_us * 1000;
    span.end_ns = start + to_us * 1000;
    span
}

fn child(mut span: Span, of: u8, evidence: Evidence) -> Span {
    span.parent = Some(Parent { span_id: [0, 0, 0, 0, 0, 0, 0, of], evidence });
    span
}

fn http(mut span: Span, code: i64) -> Span {
    span.attributes.push(("http.response.status_code", Value::Int(code)));
    if code >= 500 {
        span.status = Status::Error;
        span.attributes.push(("error.type", Value::Str(code.to_string().into())));
    }
    span
}

/// nginx in front of an application whose database refuses.
fn failing_request() -> Vec<Span> {
    let (nginx, app) = (service("nginx"), service("app"));
    let mut query = at(span(4, &app, SpanKind::Client, "SELECT users"), 2000, 8000);
    query.status = Status::Error;
    query.incomplete = true;
    query.attributes.push(("error.type", Value::Static("connection_reset")));
    vec![
        http(at(span(1, &nginx, SpanKind::Server, "GET /users/:id"), 0, 12_400), 500),
        http(child(at(span(2, &nginx, SpanKind::Client, "GET"), 500, 12_300), 1, Evidence::Thread), 500),
        http(
            child(at(span(3, &app, SpanKind::Server, "GET /users/:id"), 700, 12_000), 2, Evidence::Socket),
            500,
        ),
        child(query, 3, Evidence::Thread),
        http(child(at(span(5, &app, SpanKind::Client, "PUT"), 9000, 9200), 3, Evidence::Thread), 204),
    ]
}

fn assert_text(actual: &str, expected: &[&str]) {
    let actual: Vec<&str> = actual.lines().collect();
    assert_eq!(actual, expected, "\n{}\n", actual.join("\n"));
}

#[test]
fn a_request_through_two_services() {
    assert_text(
        &render(&failing_request(), &Style { width: Some(80), ..Style::default() }),
        &[
            "trace 0af7651916cd43dd8448eb211c80319c  12.4 ms  5 spans  4 errors  1 incomplete",
            "nginx ← GET /users/:id       ✗ 500                 12.4 ms  ████████████████",
            "└─ nginx → GET               ✗ 500                 11.8 ms  ████████████████",
            "   └─ app ← GET /users/:id   ✗ 500                 11.3 ms  ████████████████",
            "      ├─ app → SELECT users  ✗ connection_reset ~   6.0 ms    █████████",
            "      └─ app → PUT           204                    200 µs             █",
        ],
    );
}

#[test]
fn the_order_of_the_spans_does_not_matter() {
    let mut spans = failing_request();
    let expected = render(&spans, &Style::default());
    spans.reverse();
    assert_eq!(render(&spans, &Style::default()), expected);
    spans.swap(1, 3);
    assert_eq!(render(&spans, &Style::default()), expected);
}

#[test]
fn evidence_on_request() {
    assert_text(
        &render(&failing_request(), &Style { evidence: true, ..Style::default() }),
        &[
            "trace 0af7651916cd43dd8448eb211c80319c  12.4 ms  5 spans  4 errors  1 incomplete",
            "nginx ← GET /users/:id                ✗ 500                 12.4 ms  ████████████████████",
            "└─ nginx → GET [thread]               ✗ 500                 11.8 ms  ████████████████████",
            "   └─ app ← GET /users/:id [socket]   ✗ 500                 11.3 ms   ███████████████████",
            "      ├─ app → SELECT users [thread]  ✗ connection_reset ~   6.0 ms     ██████████",
            "      └─ app → PUT [thread]           204                    200 µs                █",
        ],
    );
}

#[test]
fn narrow_terminals_get_the_label_first() {
    assert_text(
        &render(&failing_request(), &Style { width: Some(50), ..Style::default() }),
        &[
            "trace 0af7651916cd43dd8448eb211c80319c  12.4 ms  …",
            "nginx ← GET /users/:id       ✗ 500         12.4 ms",
            "└─ nginx → GET               ✗ 500         11.8 ms",
            "   └─ app ← GET /users/:id   ✗ 500         11.3 ms",
            "      ├─ app → SELECT users  ✗ connectio…   6.0 ms",
            "      └─ app → PUT           204            200 µs",
        ],
    );
    assert_text(
        &render(&failing_request(), &Style { width: Some(24), ..Style::default() }),
        &[
            "trace 0af7651916cd43dd8…",
            "nginx ← GET /users/:id",
            "└─ nginx → GET",
            "   └─ app ← GET /users/…",
            "+1    ├─ app → SELECT u…",
            "+1    └─ app → PUT",
        ],
    );
}

#[test]
fn colour_changes_nothing_but_colour() {
    let style = Style { width: Some(80), ..Style::default() };
    let plain = render(&failing_request(), &style);
    let colored = render(&failing_request(), &Style { color: true, ..style });
    assert!(colored.contains("\x1b[31m✗ 500\x1b[0m"));
    let mut bare = String::new();
    for (index, part) in colored.split("\x1b[").enumerate() {
        bare.push_str(if index == 0 { part } else { part.split_once('m').unwrap().1 });
    }
    assert_eq!(bare, plain);
}

#[test]
fn spans_whose_parent_is_elsewhere() {
    let app = service("app");
    let spans = [
        child(at(span(2, &app, SpanKind::Server, "GET /a"), 100, 900), 77, Evidence::Header),
        child(at(span(3, &app, SpanKind::Client, "GET"), 200, 800), 2, Evidence::Thread),
        child(at(span(4, &app, SpanKind::Server, "GET /b"), 0, 1000), 78, Evidence::Header),
        at(span(5, &app, SpanKind::Server, "GET /c"), 300, 400),
    ];
    assert_text(
        &render(&spans, &Style::default()),
        &[
            "trace 0af7651916cd43dd8448eb211c80319c  1.0 ms  4 spans",
            "app ← GET /c        100 µs        ██",
            "(parent elsewhere)",
            "├─ app ← GET /b     1.0 ms  ████████████████████",
            "└─ app ← GET /a     800 µs    ████████████████",
            "   └─ app → GET     600 µs      ████████████",
        ],
    );
}

fn fan_out(count: u8) -> Vec<Span> {
    let app = service("app");
    let mut spans = vec![at(span(255, &app, SpanKind::Server, "GET /all"), 0, 40_000)];
    spans.extend((0..count).map(|id| {
        let from = u64::from(id) * 100;
        http(
            child(at(span(id, &app, SpanKind::Client, "GET /x"), from, from + 90), 255, Evidence::Thread),
            200,
        )
    }));
    spans
}

#[test]
fn similar_siblings_become_one_line() {
    let mut spans = fan_out(200);
    let app = Arc::clone(&spans[0].resource);
    // The slowest of those hidden, an error among them, and another name at the end: the last two stay visible.
    spans[150].end_ns += 20 * MS;
    spans[101] = http(
        child(at(span(100, &app, SpanKind::Client, "GET /x"), 10_000, 10_090), 255, Evidence::Thread),
        503,
    );
    spans.push(child(at(span(201, &app, SpanKind::Client, "PUT /y"), 39_000, 39_010), 255, Evidence::Thread));
    assert_text(
        &render(&spans, &Style { similar: 2, width: Some(80), ..Style::default() }),
        &[
            "trace 0af7651916cd43dd8448eb211c80319c  40.0 ms  202 spans  1 error",
            "app ← GET /all                       40.0 ms  ████████████████",
            "├─ app → GET /x             200      90.0 µs  █",
            "├─ app → GET /x             200      90.0 µs  █",
            "├─ … 197 more app → GET /x         ≤ 20.1 ms",
            "├─ app → GET /x             ✗ 503    90.0 µs      █",
            "└─ app → PUT /y                      10.0 µs                 █",
        ],
    );
}

#[test]
fn no_more_rows_than_asked_for() {
    let style = Style { similar: 1000, max_rows: 3, ..Style::default() };
    assert_text(
        &render(&fan_out(200), &style),
        &[
            "trace 0af7651916cd43dd8448eb211c80319c  40.0 ms  201 spans",
            "app ← GET /all         40.0 ms  ████████████████████",
            "├─ app → GET /x   200  90.0 µs  █",
            "├─ app → GET /x   200  90.0 µs  █",
            "… 198 more spans",
        ],
    );
}

#[test]
fn deep_chains_keep_their_names_in_sight() {
    let app = service("app");
    let spans: Vec<Span> = (1..=60)
        .map(|id| child(at(span(id, &app, SpanKind::Server, "GET /deep"), 0, 1000), id - 1, Evidence::Socket))
        .collect();
    let text = render(&spans, &Style { width: Some(60), ..Style::default() });
    assert_eq!(text.lines().filter(|line| line.contains("app ← GET /deep")).count(), 60);
    assert!(text.lines().last().unwrap().starts_with("+55             └─ app ← GET /deep"), "{text}");
}

#[test]
fn a_circle_of_parents_is_cut_where_it_began() {
    let app = service("app");
    let spans = [
        child(at(span(1, &app, SpanKind::Server, "GET /a"), 100, 900), 3, Evidence::Header),
        child(at(span(2, &app, SpanKind::Server, "GET /b"), 0, 800), 1, Evidence::Header),
        child(at(span(3, &app, SpanKind::Server, "GET /c"), 200, 700), 2, Evidence::Header),
        child(at(span(4, &app, SpanKind::Server, "GET /d"), 300, 400), 4, Evidence::Header),
        child(at(span(5, &app, SpanKind::Client, "GET"), 350, 400), 4, Evidence::Thread),
    ];
    assert_text(
        &render(&spans, &Style::default()),
        &[
            "trace 0af7651916cd43dd8448eb211c80319c  900 µs  5 spans",
            "(parents in a circle)",
            "├─ app ← GET /b         800 µs  ██████████████████",
            "│  └─ app ← GET /c      500 µs      ████████████",
            "│     └─ app ← GET /a   800 µs    ██████████████████",
            "└─ app ← GET /d         100 µs        ███",
            "   └─ app → GET        50.0 µs         ██",
        ],
    );
}

#[test]
fn names_cannot_steer_the_terminal() {
    let evil: Arc<Resource> = service("a\x1b]0;owned\x07");
    let text = render(&[span(1, &evil, SpanKind::Server, "GET\n\x1b[2J")], &Style::default());
    assert_eq!(text.matches('\n').count(), 2);
    assert!(!text.contains(|char: char| char.is_control() && char != '\n'));
}

#[test]
fn no_spans_no_text() {
    assert_eq!(render::<Span>(&[], &Style::default()), "");
}

proptest! {
    #[test]
    fn every_line_fits_and_every_span_is_accounted_for(
        mut spans in any_spans(),
        parents in proptest::collection::vec(0usize..50, 40),
        columns in 1usize..200,
        evidence in any::<bool>(),
    ) {
        // Parents within the slice (circles too) for most, elsewhere for some.
        for at in 0..spans.len() {
            let parent = spans.get(parents[at]).map(|span| span.span_id);
            if let (Some(found), Some(parent)) = (parent, &mut spans[at].parent) {
                parent.span_id = found;
            }
        }
        let style = Style { width: Some(columns), evidence, similar: usize::MAX, ..Style::default() };
        let text = render(&spans, &style);
        prop_assert!(text.lines().all(|line| width(line) <= columns), "{}", text);

        let wide = render(&spans, &Style { similar: usize::MAX, ..Style::default() });
        let headings = wide.lines().filter(|line| matches!(*line, "(parent elsewhere)" | "(parents in a circle)")).count();
        let title = usize::from(!spans.is_empty());
        prop_assert_eq!(wide.lines().count(), spans.len() + headings + title);
    }
}
