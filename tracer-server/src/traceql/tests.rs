//! What queries say, find, and refuse.

use proptest::prelude::*;

use super::*;
use crate::{
    analysis::{testing::spans, traces},
    query::{Condition, Field as StoreField, Op, Scope},
    spans::{Kind, Spans, Status, Value as SpanValue},
};

/// `shop` (1, 100 ns) calls `stock` (2: 30 ns, failed) and `pay` (3: 40 ns); `stock` calls `db` twice (4, 5).
fn tree() -> Spans {
    let of = [
        (1, 0, "shop", 0, 100),
        (2, 1, "stock", 10, 30),
        (3, 1, "pay", 20, 40),
        (4, 2, "db", 12, 5),
        (5, 2, "db", 18, 7),
    ];
    let plain = spans(&of);
    let mut made = Spans::default();
    for span in plain.iter() {
        let row = *span.row();
        let id = row.span_id.0;
        let texts = made.texts_mut();
        let (code, tags) = (texts.intern("http.status_code"), texts.intern("tags"));
        let list = SpanValue::Json(texts.intern(&format!(r#"["t{id}",{id}]"#)));
        let (name, service) = (texts.intern(span.name()), texts.intern(span.service()));
        let name_key = texts.intern("service.name");
        let json = format!(r#"{{"service.name":"{}"}}"#, span.service());
        let resource = made.resource(&json, |_| vec![(name_key, SpanValue::Text(service))]);
        let status = if id == 2 { Status::Error } else { Status::Unset };
        let kind = if id >= 4 { Kind::Client } else { Kind::Server };
        let row = crate::spans::Row { name, service, resource, kind, status, ..row };
        made.push(row, [(code, SpanValue::Int(if id == 2 { 500 } else { 200 })), (tags, list)]);
    }
    made
}

/// The ids of the spans in each set.
fn found(text: &str) -> Vec<Vec<u64>> {
    let query = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let spans = tree();
    let trace = &traces(&spans)[0];
    let ids = |set: SpanSet| {
        let mut ids: Vec<u64> = set.spans.iter().map(|&span| trace.spans[span].row().span_id.0).collect();
        ids.sort_unstable();
        ids
    };
    evaluate(&query, trace).into_iter().map(ids).collect()
}

#[test]
fn conditions_of_spans() {
    let cases: [(&str, &[u64]); 31] = [
        ("{}", &[1, 2, 3, 4, 5]),
        ("{ true }", &[1, 2, 3, 4, 5]),
        ("{ status = error }", &[2]),
        ("{ status != error && kind = server }", &[1, 3]),
        ("{ duration > 30ns }", &[1, 3]),
        ("{ span:duration >= 0.03us }", &[1, 2, 3]),
        ("{ 30ns < duration }", &[1, 3]),
        ("{ name = \"3\" }", &[3]),
        ("{ resource.service.name = `db` }", &[4, 5]),
        ("{ .service.name =~ \"s.*\" }", &[1, 2]),
        ("{ .service.name =~ \"to\" }", &[]),
        ("{ .service.name !~ \"s.*|db\" }", &[3]),
        ("{ span.http.status_code >= 500 }", &[2]),
        ("{ .http.status_code = 500.0 }", &[2]),
        ("{ .http.status_code = \"500\" }", &[]),
        ("{ .missing = nil }", &[1, 2, 3, 4, 5]),
        ("{ .http.status_code != nil }", &[1, 2, 3, 4, 5]),
        ("{ .missing != \"x\" }", &[]),
        ("{ .tags = \"t3\" }", &[3]),
        ("{ .tags = 4 || .tags = 5 }", &[4, 5]),
        ("{ !(status = error) }", &[1, 3, 4, 5]),
        ("{ span.http.status_code / 100 = 5 }", &[2]),
        ("{ duration * 2 + 1 > 80 }", &[1, 3]),
        ("{ 2 ^ 3 ^ 1 = 8 && duration > 99 }", &[1]),
        ("{ childCount = 2 && name = \"2\" }", &[2]),
        ("{ trace:rootName = \"1\" && name = \"5\" }", &[5]),
        ("{ rootServiceName = \"shop\" && traceDuration = 100ns && kind = client }", &[4, 5]),
        ("{ nestedSetParent < 0 }", &[1]),
        ("{ span:parentID = \"0000000000000002\" }", &[4, 5]),
        // As in Tempo's grammar, && and || bind alike.
        ("{ name = \"1\" || name = \"2\" && status = error }", &[2]),
        ("{ span.\"http.status_code\" = 500 }", &[2]),
    ];
    for (text, expected) in cases {
        let sets = found(text);
        let spans: Vec<u64> = sets.into_iter().flatten().collect();
        assert_eq!(spans, expected, "{text}");
    }
}

#[test]
fn structure() {
    let cases: [(&str, &[u64]); 17] = [
        ("{ .service.name = \"stock\" } > { kind = client }", &[4, 5]),
        ("{ .service.name = \"shop\" } > { kind = client }", &[]),
        ("{ .service.name = \"shop\" } >> { kind = client }", &[4, 5]),
        ("{ kind = client } < { }", &[2]),
        ("{ kind = client } << { }", &[1, 2]),
        ("{ name = \"2\" } ~ { }", &[3]),
        ("{ kind = client } ~ { kind = client }", &[4, 5]),
        ("{ name = \"2\" } !> { }", &[1, 2, 3]),
        ("{ name = \"2\" } !>> { kind = server }", &[1, 2, 3]),
        ("{ name = \"none\" } !~ { name = \"1\" }", &[1]),
        ("{ name = \"2\" } &> { name = \"4\" }", &[2, 4]),
        ("{ } &>> { name = \"4\" }", &[1, 2, 4]),
        ("{ name = \"2\" } &~ { name = \"3\" }", &[2, 3]),
        ("{ name = \"3\" } && { name = \"4\" }", &[3, 4]),
        ("{ name = \"3\" } && { name = \"none\" }", &[]),
        ("{ name = \"3\" } || { name = \"none\" }", &[3]),
        ("({ name = \"1\" } > { }) >> { name = \"4\" }", &[4]),
    ];
    for (text, expected) in cases {
        let spans: Vec<u64> = found(text).into_iter().flatten().collect();
        assert_eq!(spans, expected, "{text}");
    }
}

#[test]
fn pipelines() {
    let none: Vec<Vec<u64>> = Vec::new();
    assert_eq!(found("{ kind = client } | count() > 1"), [[4, 5]]);
    assert_eq!(found("{ kind = client } | count() > 2"), none);
    assert_eq!(found("{ kind = client } | avg(duration) = 6ns"), [[4, 5]]);
    assert_eq!(found("{ kind = client } | sum(duration) - min(duration) = max(duration)"), [[4, 5]]);
    assert_eq!(found("{ name = \"none\" } | count() = 0"), none);
    assert_eq!(found("{ } | by(kind) | count() < 3"), [[4, 5]]);
    assert_eq!(found("{ } | by(.service.name) | by(name)").len(), 5);
    assert_eq!(found("{ } | by(kind) | coalesce()"), [[1, 2, 3, 4, 5]]);
    assert_eq!(found("{ } | { status = error } | select(name, .http.status_code)"), [[2]]);
    assert_eq!(found("{ duration > 35ns } with (most_recent=true)"), [[1, 3]]);
    let query = parse("{} | by(resource.service.name) | count() > 1 | select(span.a)").expect("a query");
    let spans = tree();
    let sets = evaluate(&query, &traces(&spans)[0]);
    assert_eq!(sets[0].by, [("resource.service.name".to_owned(), Value::Text("db".to_owned()))]);
    assert_eq!(sets[0].numbers, [("count()".to_owned(), 2.0)]);
    let shown: Vec<String> = query.shown().iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["resource.service.name", "span.a"]);
}

#[test]
fn errors_name_the_place_and_what_is_wrong() {
    let cases = [
        ("", 1, "a set of spans"),
        ("{ status = }", 12, "a field or a value"),
        ("{ foo = 1 }", 3, "span.foo"),
        ("{ .a = 1", 9, "the end"),
        ("{ .a = \"x }", 8, "closing quote"),
        ("{ .a = 5x }", 8, "neither a number nor a duration"),
        ("{ .a =~ \"(\" }", 9, "the pattern cannot be used"),
        ("{ .a =~ 5 }", 9, "a pattern in quotes"),
        ("{ } | rate()", 7, "metrics"),
        ("{ } | count() 2", 15, "a comparison"),
        ("{ } | foo() > 2", 7, "by, select"),
        ("{ } extra", 5, "the end"),
        ("{ ä.x = 1 }", 3, "there is no field"),
        ("{ span:nope = 1 }", 3, "there is no field"),
        ("{ . = 1 }", 4, "the name of an attribute is missing"),
        ("({ } | count() > 1)", 6, "without them"),
        ("{ } with (sample=true)", 11, "most_recent"),
        ("{ § }", 3, "has no meaning"),
    ];
    for (text, position, part) in cases {
        let error = parse(text).expect_err(text);
        assert_eq!(error.position, position, "{text}: {error}");
        assert!(error.to_string().contains(part), "{text}: {error}");
    }
    let deep = format!("{}true{}", "{ ".to_owned() + &"(".repeat(500), ")".repeat(500) + " }");
    assert!(parse(&deep).expect_err("too deep").to_string().contains("words"));
    let deep = format!("{{ {}true{} }}", "(".repeat(60), ")".repeat(60));
    assert!(parse(&deep).expect_err("too deep").to_string().contains("deep"));
    assert!(parse(&"{".repeat(20_000)).is_err());
    assert!(parse("{ .a =~ \"(a{1000}){1000}\" }").expect_err("too large").to_string().contains("pattern"));
}

#[test]
fn what_a_trace_needs_is_asked_of_the_store() {
    let needs = |text: &str| needs(&parse(text).expect("a query"));
    let attribute =
        |key: &str, value: &str| Condition::equals(StoreField::Attribute(Scope::Any, key.to_owned()), value);
    assert_eq!(needs("{}"), [vec![]]);
    assert_eq!(
        needs("{ .a = 1 && duration > 5ns && .c =~ `x` }"),
        [vec![
            attribute("a", "1"),
            Condition { field: StoreField::Duration, op: Op::Gt, value: "5".to_owned() }
        ]]
    );
    assert_eq!(needs("{ .a = 1 || .b = true }"), [vec![attribute("a", "1")], vec![attribute("b", "true")]]);
    assert_eq!(needs("{ .a = 1 || .b =~ `x` }"), [vec![]]);
    assert_eq!(needs("{ status = error } >> { .a = `x` }"), [vec![attribute("a", "x")]]);
    // A trace without the left side can match.
    assert_eq!(
        needs("{ .a = `x` } !> { status = error }"),
        [vec![Condition::equals(StoreField::Status, "error")]]
    );
    assert_eq!(needs("{ .a = nil }"), [vec![]]);
    assert_eq!(needs("{ 5 < .a }")[0][0].op, Op::Gt);
    assert_eq!(needs("{ resource.service.name = `s` }"), [vec![Condition::equals(StoreField::Service, "s")]]);
}

/// Texts that look like queries.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "(",
        ")",
        "&&",
        "||",
        "=",
        "!=",
        "=~",
        ">",
        ">>",
        "<<",
        "~",
        "!>",
        "&>",
        "|",
        ".a",
        "span.b",
        "duration",
        "status",
        "error",
        "\"x\"",
        "5",
        "1.5",
        "250ms",
        "count()",
        "by(",
        "select(",
        ",",
        "!",
        "-",
        "^",
        "true",
        "nil",
        "kind",
        "server",
        "avg(duration)",
        "\"",
        "ä",
    ]);
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in prop_oneof![".{0,60}", pieces()]) {
        match parse(&text) {
            Ok(query) => {
                let spans = tree();
                let trace = &traces(&spans)[0];
                // What a trace needs is there in every trace that is found.
                let sets = evaluate(&query, trace);
                let alternatives = needs(&query);
                let has = |conditions: &Vec<Condition>| {
                    spans.iter().any(|span| conditions.iter().all(|condition| condition.holds(condition.field.of(span))))
                };
                prop_assert!(sets.is_empty() || alternatives.iter().any(has), "{}", text);
            }
            Err(error) => prop_assert!(error.position <= text.chars().count() + 1),
        }
    }
}
