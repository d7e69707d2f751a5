//! Head decisions, and the statistics of many of them.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::{
    config::{Environment, Flags, combine},
    export::testing::{service, span},
    spans::span::{Evidence, Parent, Span, SpanKind, TraceId, Value},
    traces::ids::Ids,
};

const SECOND: u64 = 1_000_000_000;

pub(super) fn config(text: &str) -> Sampling {
    let file = (Path::new("t.toml"), text);
    combine(Some(file), &Flags::default(), &Environment::default()).expect(text).sampling
}

pub(super) fn head(text: &str) -> Head {
    Head::new(&config(&format!("[sampling]\n{text}")))
}

fn request(trace_id: TraceId) -> Span {
    Span { trace_id, ..span(1, &service("shop"), SpanKind::Server, "GET /") }
}

/// A request whose caller elsewhere sent a header.
fn called(trace_id: TraceId, flags: u8, trace_state: Option<&str>) -> Span {
    let parent = Some(Parent { span_id: [7; 8], evidence: Evidence::Header });
    Span { parent, flags, trace_state: trace_state.map(Into::into), ..request(trace_id) }
}

/// A trace id with this randomness.
fn id(randomness: u64) -> TraceId {
    (1 << 100 | u128::from(randomness)).to_be_bytes()
}

fn decide(head: &mut Head, span: Span) -> (bool, Reason, Option<String>) {
    let decision = head.decide(&[span], SECOND);
    (decision.keep, decision.reason, decision.threshold.map(|threshold| threshold.to_string()))
}

const TOP: u64 = (1 << 56) - 1;

#[test]
fn the_samplers_that_ask_nobody() {
    let th = |text: &str| Some(text.to_owned());
    assert_eq!(decide(&mut head(""), request(id(0))), (true, Reason::AlwaysOn, th("0")));
    let mut off = head("sampler = 'always_off'");
    assert_eq!(decide(&mut off, request(id(TOP))), (false, Reason::AlwaysOff, None));
    let mut tenth = head("sampler = 'traceidratio'\nargument = 0.1");
    assert_eq!(decide(&mut tenth, request(id(0xe666 << 40))), (true, Reason::Ratio, th("e666")));
    assert!(!decide(&mut tenth, request(id((0xe666 << 40) - 1))).0);
    let mut none = head("sampler = 'traceidratio'\nargument = 0");
    assert_eq!(decide(&mut none, request(id(TOP))), (false, Reason::Ratio, None));
    // What the caller decided does not matter to them.
    assert!(!decide(&mut tenth, called(id(0), 1, None)).0);
}

#[test]
fn an_explicit_randomness_wins_over_the_trace_id() {
    let mut half = head("sampler = 'traceidratio'\nargument = 0.5");
    assert!(!decide(&mut half, called(id(TOP), 1, Some("ot=rv:7fffffffffffff"))).0);
    assert!(decide(&mut half, called(id(0), 1, Some("ot=rv:80000000000000"))).0);
    assert!(decide(&mut half, called(id(TOP), 1, Some("ot=rv:7"))).0, "malformed");
}

#[test]
fn a_caller_that_has_decided_is_followed() {
    let mut based = head("sampler = 'parentbased_traceidratio'\nargument = 0.5");
    assert_eq!(decide(&mut based, called(id(0), 1, None)), (true, Reason::Parent, None));
    assert_eq!(decide(&mut based, called(id(TOP), 0, None)), (false, Reason::Parent, None));
    let th = Some("c".to_owned());
    assert_eq!(decide(&mut based, called(id(TOP), 3, Some("ot=th:c"))), (true, Reason::Parent, th));
    let impossible = decide(&mut based, called(id(1), 3, Some("ot=th:c")));
    assert_eq!(impossible, (true, Reason::Parent, None), "this threshold would have dropped it");
    assert_eq!(decide(&mut based, request(id(0))).1, Reason::Ratio, "nobody has decided");
    // A parent on this host has not.
    let mut local = called(id(TOP), 0, None);
    local.parent = Some(Parent { span_id: [7; 8], evidence: Evidence::TcpSeq });
    assert_eq!(decide(&mut based, local).1, Reason::Ratio);
    let mut off = head("sampler = 'parentbased_always_off'");
    assert!(decide(&mut off, called(id(0), 1, None)).0);
    assert!(!decide(&mut off, request(id(0))).0);
}

#[test]
fn rules_by_service_and_route() {
    let mut head = head(
        "sampler = 'always_off'\nrules = [{ service = 'shop*', route = '/health', sampler = 'always_off' },\n\
         { service = 'shop*', sampler = 'always_on' }, { route = '/admin/*', sampler = 'always_on' }]",
    );
    let mut asked = |name: &str, route: Option<&'static str>| {
        let mut span = Span { resource: service(name), ..request(id(0)) };
        span.attributes.extend(route.map(|route| ("http.route", Value::Static(route))));
        head.decide(&[span], 0).keep
    };
    assert!(!asked("shop-web", Some("/health")));
    assert!(asked("shop-web", Some("/users/{id}")) && asked("shop-web", None));
    assert!(asked("mail", Some("/admin/users")));
    assert!(!asked("mail", Some("/users")) && !asked("mail", None));
}

#[test]
fn a_limit_holds_for_each_service_and_says_nothing_of_counts() {
    let mut head = head("traces_per_second = 10");
    let mut kept = |name: &str, from: u64, count: u64| {
        let traces = (0..count).map(|at| (Span { resource: service(name), ..request(id(at)) }, from + at));
        let decisions = traces.map(|(span, now_ns)| head.decide(&[span], now_ns));
        decisions
            .filter(|decision| {
                assert_eq!((decision.reason, decision.threshold), (Reason::RateLimit, None));
                decision.keep
            })
            .count()
    };
    assert_eq!(kept("shop", SECOND, 100), 10);
    assert_eq!(kept("mail", SECOND, 100), 10);
    assert_eq!(kept("shop", 2 * SECOND, 100), 10);
}

#[test]
fn a_request_can_ask_for_its_trace() {
    let mut head = head(
        "sampler = 'always_off'\nforce_header = 'x-force'\n\
         force_attributes = [{ key = 'baggage.debug' }, { key = 'http.response.status_code', value = '418' }]",
    );
    let mut forced = |key: &'static str, value: Value| {
        let mut child = Span { span_id: [2; 8], ..request(id(0)) };
        child.attributes.push((key, value));
        let decision = head.decide(&[request(id(0)), child], 0);
        assert_eq!(decision.reason == Reason::Forced, decision.keep);
        decision.keep
    };
    assert!(forced(FORCED_KEY, Value::Bool(true)));
    assert!(forced("baggage.debug", Value::Static("0")));
    assert!(forced("http.response.status_code", Value::Int(418)));
    assert!(
        !forced("http.response.status_code", Value::Int(200)) && !forced("http.route", Value::Static("418"))
    );
}

// === the sampler around it ===

fn sampled(sampler: &mut Sampler, trace: Vec<Span>) -> Option<Vec<Span>> {
    let mut kept = None;
    sampler.take(trace, SECOND, &mut |trace| kept = Some(trace));
    kept
}

#[test]
fn kept_spans_say_what_they_stand_for() {
    let state = |text: &str, span: Span| {
        let mut sampler = Sampler::new(&config(&format!("[sampling]\n{text}")));
        sampled(&mut sampler, vec![span]).expect("kept")[0].trace_state.as_deref().map(str::to_owned)
    };
    let said = |text: &str| Some(text.to_owned());
    let half = "sampler = 'traceidratio'\nargument = 0.5";
    assert_eq!(state(half, request(id(TOP))), said("ot=th:8"));
    assert_eq!(
        state(half, called(id(TOP), 1, Some("a=b,ot=th:c;rv:ffffffffffffff"))),
        said("ot=th:8;rv:ffffffffffffff,a=b")
    );
    // Everything is seen here, so what a caller dropped before is not missing.
    assert_eq!(state("", called(id(TOP), 1, Some("ot=th:c,a=b"))), said("a=b"));
    assert_eq!(state("", called(id(TOP), 1, Some("a=b"))), said("a=b"));
    assert_eq!(state("", request(id(TOP))), None);
    assert_eq!(state("traces_per_second = 1", called(id(TOP), 1, Some("ot=th:c"))), None);
    let based = "sampler = 'parentbased_always_on'";
    assert_eq!(state(based, called(id(TOP), 1, Some("ot=th:c"))), said("ot=th:c"));
}

/// The limit would let through the first trace only; its other parts follow it all the same, and those of the dropped one do not.
#[test]
fn parts_of_a_trace_follow_the_first() {
    let mut sampler = Sampler::new(&config("[sampling]\ntraces_per_second = 1"));
    assert!(sampled(&mut sampler, vec![request(id(1))]).is_some());
    assert!(sampled(&mut sampler, vec![request(id(2)), request(id(2))]).is_none());
    assert!(sampled(&mut sampler, vec![request(id(1)), request(id(1))]).is_some());
    assert!(sampled(&mut sampler, vec![request(id(2))]).is_none());
    let counted: Vec<_> = sampler
        .state()
        .decisions
        .iter()
        .map(|counted| (counted.kept, counted.traces, counted.spans))
        .collect();
    assert_eq!(counted, [(true, 1, 3), (false, 1, 3)]);
}

// === statistics ===

/// The share that is kept lies within three standard deviations, and the kept ones stand for all of them within 1 %.
#[test]
fn shares_and_adjusted_counts_are_right() {
    const TRACES: u32 = 1_000_000;
    let mut ids = Ids::seeded(7);
    let resource = service("shop");
    let mut trace = [span(1, &resource, SpanKind::Server, "GET /")];
    for probability in [0.5, 0.1] {
        let mut head = head(&format!("sampler = 'traceidratio'\nargument = {probability}"));
        let (mut kept, mut count) = (0u32, 0.0);
        for _ in 0..TRACES {
            trace[0].trace_id = ids.trace();
            if let Some(adjusted) = head.decide(&trace, 0).adjusted_count() {
                kept += 1;
                count += adjusted;
            }
        }
        let all = f64::from(TRACES);
        let sigma = (all * probability * (1.0 - probability)).sqrt();
        assert!((f64::from(kept) - all * probability).abs() < 3.0 * sigma, "{kept} at {probability}");
        assert!((count / all - 1.0).abs() < 0.01, "{count} at {probability}");
    }
}

/// Traffic of one busy and many rare operations: what is kept by moving thresholds still stands for all of it.
#[test]
fn adaptive_counts_are_right() {
    const TRACES: u64 = 1_000_000;
    let mut head = head("sampler = 'adaptive'\nargument = 200");
    let mut ids = Ids::seeded(8);
    let resource = service("shop");
    let names: Vec<std::sync::Arc<str>> = (0..50).map(|number| format!("GET /{number}").into()).collect();
    let mut trace = [span(1, &resource, SpanKind::Server, "")];
    let (mut kept, mut count) = (0u32, 0.0);
    for at in 0..TRACES {
        trace[0].trace_id = ids.trace();
        trace[0].name = names[if at % 4 == 0 { (at / 4 % 50) as usize } else { 0 }].clone();
        if let Some(adjusted) = head.decide(&trace, at * SECOND / 10_000).adjusted_count() {
            kept += 1;
            count += adjusted;
        }
    }
    assert!((count / TRACES as f64 - 1.0).abs() < 0.01, "{count}");
    // A hundred seconds: 200 of the busy one, 50 of each of the 49 rare ones.
    assert!((255_000..=290_000).contains(&kept), "{kept}");
}

proptest! {
    /// Two hosts that do not talk decide alike, and who keeps more keeps all that the other one keeps.
    #[test]
    fn hosts_agree(bits in 0u64..1 << 56, low in 0.001f64..1.0, high in 0.001f64..1.0) {
        let (low, high) = if low < high { (low, high) } else { (high, low) };
        let keeps = |ratio: f64| {
            decide(&mut head(&format!("sampler = 'traceidratio'\nargument = {ratio}")), request(id(bits))).0
        };
        prop_assert_eq!(keeps(low), keeps(low));
        prop_assert!(!keeps(low) || keeps(high));
    }
}
