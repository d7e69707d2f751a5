//! Which context of a request counts.

use proptest::prelude::*;

use super::*;
use crate::http1::{Follows, Message, Parser, Side, Step};

const W3C: &str = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-0000000000000001-01";
const B3: &str = "b3: 0af7651916cd43dd8448eb211c80319c-0000000000000002-1";
const B3_TRACE: &str = "X-B3-TraceId: 0af7651916cd43dd8448eb211c80319c";
const B3_SPAN: &str = "X-B3-SpanId: 0000000000000003";
const JAEGER: &str = "Uber-Trace-Id: af7651916cd43dd8448eb211c80319c:4:0:1";
const XRAY: &str =
    "X-Amzn-Trace-Id: Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=0000000000000005;Sampled=1";
const OWN_TRACE: &str = "X-Trace-Id: 0af76519-16cd-43dd-8448-eb211c80319c";
const OWN_SPAN: &str = "X-Span-Id: 0000000000000006";

const ALL: [Format; 5] = [Format::W3c, Format::B3, Format::Jaeger, Format::Xray, Format::Baggage];

/// Calls `with` for the head of a request with these header lines.
fn with_head<T>(lines: &[&str], with: impl FnOnce(&RequestHead<'_>) -> T) -> T {
    let text = format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n\r\n", lines.join("\r\n"));
    match Parser::new(Side::Request).step(text.as_bytes(), Follows::Maybe, None) {
        Step::Message { message: Message::Request(head), .. } => with(&head),
        other => panic!("no request: {other:?}"),
    }
}

/// Format and last byte of the span id.
fn read(extractor: &Extractor, lines: &[&str]) -> Option<(Format, u8)> {
    let carried = with_head(lines, |head| extractor.context(head))?;
    assert_eq!(carried.context.trace_id[..2], [0x0a, 0xf7], "{lines:?}");
    Some((carried.format, carried.context.span_id[7]))
}

fn own() -> HeaderPair {
    HeaderPair::new("x-trace-id", "x-span-id", Some("x-baggage-")).unwrap()
}

#[test]
fn every_format_alone() {
    let extractor = Extractor::new(&ALL, vec![own()], &[]);
    assert_eq!(read(&extractor, &[]), None);
    assert_eq!(read(&extractor, &[W3C]), Some((Format::W3c, 1)));
    assert_eq!(read(&extractor, &[B3]), Some((Format::B3, 2)));
    assert_eq!(read(&extractor, &[B3_SPAN, B3_TRACE]), Some((Format::B3, 3)));
    assert_eq!(read(&extractor, &[JAEGER]), Some((Format::Jaeger, 4)));
    assert_eq!(read(&extractor, &[XRAY]), Some((Format::Xray, 5)));
    assert_eq!(read(&extractor, &[OWN_TRACE, OWN_SPAN]), Some((Format::Custom, 6)));
    for half in [[B3_TRACE], [B3_SPAN], [OWN_TRACE], [OWN_SPAN], ["baggage: a=b"], ["b3: 0"]] {
        assert_eq!(read(&extractor, &half), None, "{half:?}");
    }
}

#[test]
fn the_order_decides() {
    let lines = [XRAY, JAEGER, B3, W3C, OWN_TRACE, OWN_SPAN];
    let first = |formats: &[Format]| read(&Extractor::new(formats, vec![own()], &[]), &lines);
    assert_eq!(first(&ALL), Some((Format::W3c, 1)));
    assert_eq!(first(&[Format::Baggage, Format::B3, Format::W3c]), Some((Format::B3, 2)));
    assert_eq!(first(&[Format::Jaeger, Format::B3, Format::Jaeger]), Some((Format::Jaeger, 4)));
    assert_eq!(first(&[Format::Xray, Format::Custom]), Some((Format::Xray, 5)));
    assert_eq!(first(&[Format::Custom, Format::W3c]), Some((Format::Custom, 6)));
    assert_eq!(first(&[]), Some((Format::Custom, 6)), "last where it is not named");
    assert_eq!(read(&Extractor::new(&[Format::Custom], vec![], &[]), &lines), None);
    assert_eq!(read(&Extractor::default(), &lines), None, "nothing is read unasked");
}

#[test]
fn a_malformed_value_is_as_if_it_had_not_been_sent() {
    let extractor = Extractor::new(&ALL, vec![], &[]);
    assert_eq!(read(&extractor, &["traceparent: 00-0-0-00", JAEGER]), Some((Format::Jaeger, 4)));
    assert_eq!(read(&extractor, &["b3: 1-2", B3_TRACE, B3_SPAN]), Some((Format::B3, 3)));
    assert_eq!(read(&extractor, &[B3_TRACE, "X-B3-SpanId: 3", XRAY]), Some((Format::Xray, 5)));
    assert_eq!(read(&extractor, &["uber-trace-id: \u{e9}"]), None);
}

#[test]
fn contradictions_are_no_context_and_nothing_is_guessed() {
    let extractor = Extractor::new(&ALL, vec![own()], &[]);
    let other_trace = "1af7651916cd43dd8448eb211c80319c";
    let cases: [&[&str]; 8] = [
        &[W3C, W3C],
        &[B3, &B3.replace("002-1", "009-1")],
        &[B3, B3_SPAN, &format!("X-B3-TraceId: {other_trace}")],
        &[B3_TRACE, B3_SPAN, "X-B3-SpanId: 0000000000000009"],
        &[B3_TRACE, B3_SPAN, "X-B3-Sampled: 1", "X-B3-Sampled: 0"],
        &[JAEGER, &JAEGER.replace(":4:", ":9:")],
        &[XRAY, &XRAY.replace("Sampled=1", "Sampled=0")],
        &[OWN_TRACE, OWN_SPAN, "x-span-id: 0000000000000009"],
    ];
    for lines in cases {
        assert_eq!(read(&extractor, lines), None, "{lines:?}");
        // A later format is no way out; an earlier one was right before.
        let (mut before, mut after) = (lines.to_vec(), lines.to_vec());
        before.push(OWN_TRACE);
        before.push(OWN_SPAN);
        assert_eq!(read(&extractor, &before), None, "{lines:?}");
        if lines[0] != W3C {
            after.push(W3C);
            assert_eq!(read(&extractor, &after), Some((Format::W3c, 1)), "{lines:?}");
        }
    }
}

#[test]
fn what_is_repeated_alike_is_no_contradiction() {
    let extractor = Extractor::new(&ALL, vec![], &[]);
    assert_eq!(read(&extractor, &[B3, B3]), Some((Format::B3, 2)));
    assert_eq!(read(&extractor, &[B3, B3_TRACE, B3_SPAN]), Some((Format::B3, 2)), "the single one wins");
    assert_eq!(read(&extractor, &[JAEGER, JAEGER]), Some((Format::Jaeger, 4)));
}

#[test]
fn tracestate_is_kept_beside_its_traceparent_only() {
    let extractor = Extractor::new(&ALL, vec![], &[]);
    let state = |lines: &[&str]| {
        with_head(lines, |head| extractor.context(head)).unwrap().trace_state.map(String::from)
    };
    assert_eq!(state(&[W3C, "tracestate: a=1", "TraceState: b=2"]).as_deref(), Some("a=1,b=2"));
    assert_eq!(state(&[W3C, "tracestate: A=1"]), None);
    assert_eq!(state(&[W3C, "tracestate:"]), None);
    assert_eq!(state(&[B3, "tracestate: a=1"]), None);
    assert_eq!(state(&["traceparent: 0", B3, "tracestate: a=1"]), None);
}

#[test]
fn ids_of_requests() {
    let names = ["x-request-id", "x-trace"].map(str::to_owned);
    let extractor = Extractor::new(&ALL, vec![], &[]).with_request_ids(&names);
    let read = |lines: &[&str]| with_head(lines, |head| extractor.request_id(head).map(str::to_owned));
    assert_eq!(read(&["X-Request-ID: 0af76519-16cd"]).as_deref(), Some("0af76519-16cd"));
    assert_eq!(read(&["X-Trace: 0af76519-16cd"]).as_deref(), Some("0af76519-16cd"), "one of the user's own");
    let both = ["X-Trace: 1af76519-16cd", "X-Request-ID: 0af76519-16cd"];
    assert_eq!(read(&both).as_deref(), Some("0af76519-16cd"), "in the order of the names");
    assert_eq!(read(&["X-Correlation-ID: 0af76519-16cd"]), None, "not asked for");
    assert_eq!(read(&["X-Request-ID: 17"]), None, "too short to be one request's");
    assert_eq!(read(&["X-Request-ID: --------"]), None);
    assert_eq!(read(&["X-Request-ID: 0af76519-16cd", "X-Request-ID: 1af76519-16cd"]), None);
    assert_eq!(read(&[]), None);
    let none = Extractor::new(&ALL, vec![], &[]);
    assert!(!with_head(&["X-Request-ID: 0af76519-16cd"], |head| none.request_id(head).is_some()));
}

#[test]
fn baggage_only_where_it_is_asked_for() {
    let keys = ["user".to_owned(), "region".to_owned(), "none".to_owned()];
    let lines = [
        "baggage: user=j%20d;p=1,secret=x",
        "Baggage: region=eu",
        "uberctx-region: us",
        "uberctx-none: %61",
        "X-Baggage-None: b",
    ];
    let read = |formats: &[Format], keys: &[String], lines: &[&str]| {
        let extractor = Extractor::new(formats, vec![own()], keys);
        with_head(lines, |head| extractor.baggage(head))
            .into_iter()
            .map(|(place, value)| (place, value.into_string()))
            .collect::<Vec<_>>()
    };
    let found = |values: &[(usize, &str)]| {
        values.iter().map(|&(place, value)| (place, value.to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(read(&ALL, &keys, &lines), found(&[(0, "j d"), (1, "eu"), (2, "a")]));
    assert_eq!(read(&[Format::Jaeger], &keys, &lines), found(&[(1, "us"), (2, "a")]));
    assert_eq!(read(&[Format::W3c], &keys, &lines), found(&[(2, "b")]));
    assert_eq!(read(&ALL, &[], &lines), []);
    assert_eq!(read(&ALL, &keys, &[]), []);
    assert_eq!(read(&ALL, &keys, &["baggage: user=a", "baggage: user=b"]), []);
}

proptest! {
    /// No value panics any reader, and whatever is read has ids.
    #[test]
    fn no_value_panics(
        value in "[0-9a-fA-F:;=,%?\\-é \tRotPaenSmpld]{0,70}",
        span in "[0-9a-f\\-é]{0,18}",
        name in 0..9usize,
    ) {
        let names = [
            "traceparent", "tracestate", "b3", "x-b3-traceid", "uber-trace-id", "x-amzn-trace-id", "baggage",
            "x-trace-id", "uberctx-a",
        ];
        let extractor = Extractor::new(&ALL, vec![own()], &["a".to_owned()]);
        let lines = [
            format!("{}: {value}", names[name]),
            format!("x-b3-spanid: {span}"),
            format!("x-span-id: {span}"),
        ];
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        with_head(&lines, |head| {
            if let Some(carried) = extractor.context(head) {
                assert!(carried.context.trace_id != [0; 16] && carried.context.span_id != [0; 8]);
            }
            let _ = extractor.baggage(head);
        });
    }

    /// What one format writes is read back as it was meant.
    #[test]
    fn ids_come_back(trace in 1..=u128::MAX, span in 1..=u64::MAX, sampled: bool) {
        let context = TraceContext {
            trace_id: trace.to_be_bytes(), span_id: span.to_be_bytes(), flags: u8::from(sampled),
        };
        let flag = u8::from(sampled);
        let hex = format!("{trace:032x}");
        let (b3, jaeger, xray) = (
            format!("{hex}-{span:016x}-{flag}"),
            format!("{trace:x}:{span:x}:0:{flag}"),
            format!("Root=1-{}-{};Parent={span:016x};Sampled={flag}", &hex[..8], &hex[8..]),
        );
        prop_assert_eq!(parse_b3(&b3), Some(context));
        prop_assert_eq!(parse_uber_trace_id(&jaeger), Some(context));
        prop_assert_eq!(parse_xray(&xray), Some(context));
        prop_assert_eq!(
            parse_pair(&hex, &format!("{span:016X}")).map(|read| (read.trace_id, read.span_id)),
            Some((context.trace_id, context.span_id))
        );
    }
}
