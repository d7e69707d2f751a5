//! Trace context in every format: the parent that it names, and calls that pass it on.

use std::path::Path;

use tracer_user::{
    config::{Config, Environment, Flags, combine},
    spans::span::{SpanId, SpanKind, TraceId},
};

use crate::scene::{OK, Scene};

const TRACE: TraceId =
    [0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c];
const SPAN: SpanId = [0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31];

/// Header lines of each format that name span [`SPAN`] of trace [`TRACE`].
const FORMATS: [(&str, &str); 8] = [
    ("w3c", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"),
    ("b3", "b3: 0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1-05e3ac9a4f6e3b90\r\n"),
    (
        "b3multi",
        "X-B3-TraceId: 0af7651916cd43dd8448eb211c80319c\r\nX-B3-ParentSpanId: 05e3ac9a4f6e3b90\r\n\
         X-B3-SpanId: b7ad6b7169203331\r\nX-B3-Sampled: 1\r\n",
    ),
    ("jaeger", "uber-trace-id: af7651916cd43dd8448eb211c80319c:b7ad6b7169203331:0:1\r\n"),
    ("jaeger", "Uber-Trace-Id: 0af7651916cd43dd8448eb211c80319c%3Ab7ad6b7169203331%3A0%3A1\r\n"),
    (
        "xray",
        "X-Amzn-Trace-Id: Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331;Sampled=1\r\n",
    ),
    ("custom", "X-Trace-Id: 0af7651916cd43dd8448eb211c80319c\r\nX-Span-Id: b7ad6b7169203331\r\n"),
    ("custom", "x-trace-id: 0AF76519-16CD-43DD-8448-EB211C80319C\r\nx-span-id: B7AD6B7169203331\r\n"),
];

pub(crate) fn config(text: &str) -> Config {
    combine(Some((Path::new("tracer.toml"), text)), &Flags::default(), &Environment::default()).expect(text)
}

/// The defaults, with a pair of headers of the user's own.
fn with_pair() -> Config {
    config("[context]\ncustom = [{ trace_id = 'x-trace-id', span_id = 'x-span-id' }]")
}

fn get_with(target: &str, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n{headers}\r\n")
}

/// What becomes of one request from elsewhere with these headers.
fn served(config: &Config, headers: &str) -> Scene {
    let mut scene = Scene::with(config);
    let web = scene.process(200, "web");
    let link = scene.called_from_elsewhere(8080);
    scene.receive(link, web, get_with("/a", headers).as_bytes());
    scene.send(link, web, OK.as_bytes());
    scene
}

#[test]
fn every_format_names_the_parent() {
    for (format, headers) in FORMATS {
        let mut scene = served(&with_pair(), headers);
        assert_eq!(scene.outline(), "web < GET /a 200 [header, elsewhere]\n", "{headers}");
        let span = scene.span("web", SpanKind::Server);
        assert_eq!(
            (span.trace_id, span.parent.map(|parent| parent.span_id), span.flags),
            (TRACE, Some(SPAN), 1),
            "{format}"
        );
    }
}

#[test]
fn a_format_that_is_not_asked_for_is_not_read() {
    for (format, headers) in FORMATS {
        let mut scene = served(&config("[context]\nformats = ['none']"), headers);
        assert_eq!(scene.outline(), "web < GET /a 200\n", "{headers}");
        if format != "custom" {
            let mut scene = served(&config(&format!("[context]\nformats = ['{format}']")), headers);
            assert_eq!(scene.outline(), "web < GET /a 200 [header, elsewhere]\n", "{headers}");
        }
    }
}

#[test]
fn a_call_that_passes_the_headers_on_is_a_child_in_every_format() {
    for (format, headers) in FORMATS {
        let mut scene = Scene::with(&with_pair());
        let (proxy, app) = (scene.process(200, "proxy"), scene.process(300, "app"));
        let (front, second, back) = (scene.tcp(80), scene.tcp(80), scene.tcp(8000));
        // Two requests in hand: the thread says nothing, the header does.
        scene.receive(front.server, proxy, get_with("/a", headers).as_bytes());
        scene.receive(second.server, proxy, get_with("/b", "").as_bytes());
        scene.request(back, proxy, app, &get_with("/a", headers));
        scene.response(back, app, proxy, OK);
        scene.send(front.server, proxy, OK.as_bytes());
        scene.send(second.server, proxy, OK.as_bytes());
        assert_eq!(
            scene.outline(),
            "proxy < GET /a 200 [header, elsewhere]\n  proxy > GET 200 [header]\n    app < GET /a 200 [tcp-seq]\n\
             proxy < GET /b 200\n",
            "{format}: {headers}"
        );
    }
}

#[test]
fn a_format_that_came_in_and_another_that_goes_on_name_the_same_request() {
    let mut scene = Scene::new();
    let proxy = scene.process(200, "proxy");
    let (front, second, back) = (scene.tcp(80), scene.tcp(80), scene.remote(8000));
    scene.receive(front.server, proxy, get_with("/a", FORMATS[3].1).as_bytes());
    scene.receive(second.server, proxy, get_with("/b", "").as_bytes());
    scene.send(back, proxy, get_with("/c", FORMATS[1].1).as_bytes());
    scene.receive(back, proxy, OK.as_bytes());
    scene.send(front.server, proxy, OK.as_bytes());
    scene.send(second.server, proxy, OK.as_bytes());
    assert_eq!(
        scene.outline(),
        "proxy < GET /a 200 [header, elsewhere]\n  proxy > GET 200 [header]\nproxy < GET /b 200\n"
    );
}

#[test]
fn contradicting_headers_are_no_parent() {
    let other = FORMATS[2].1.replace("b7ad6b7169203331", "c7ad6b7169203331");
    for headers in [
        format!("{}{other}", FORMATS[2].1),
        format!("{0}{0}", FORMATS[0].1),
        // The later format would name a parent, which would be a guess.
        format!("{}{other}{}", FORMATS[2].1, FORMATS[3].1),
    ] {
        let mut scene = served(&Config::default(), &headers);
        assert_eq!(scene.outline(), "web < GET /a 200\n", "{headers}");
    }
}

#[test]
fn the_order_of_formats_decides_between_them() {
    let headers = format!("{}{}", FORMATS[0].1, FORMATS[1].1.replace("b7ad", "c7ad"));
    let parent = |config: &Config| {
        let mut scene = served(config, &headers);
        scene.outline();
        scene.span("web", SpanKind::Server).parent.map(|parent| parent.span_id[0])
    };
    assert_eq!(parent(&Config::default()), Some(0xb7));
    assert_eq!(parent(&config("[context]\nformats = ['b3', 'w3c']")), Some(0xc7));
}

#[test]
fn a_refused_decision_is_kept() {
    let mut scene = served(&Config::default(), &FORMATS[1].1.replace("-1-", "-0-"));
    scene.outline();
    assert_eq!(scene.span("web", SpanKind::Server).flags, 0);
}

#[test]
fn baggage_is_shown_where_it_is_asked_for_and_nowhere_else() {
    let headers = "baggage: tenant=a%20b,card=4111\r\nX-Baggage-Region: eu\r\n";
    let asked = config(
        "[context]\nbaggage_keys = ['tenant', 'region', 'absent']\n\
         custom = [{ trace_id = 'x-t', span_id = 'x-s', baggage_prefix = 'x-baggage-' }]",
    );
    let shown = |config: &Config| {
        let mut scene = served(config, headers);
        scene.outline();
        let span = scene.span("web", SpanKind::Server);
        let baggage = span.attributes.iter().filter(|(name, _)| name.starts_with("baggage."));
        baggage
            .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    assert_eq!(shown(&asked), ["baggage.tenant=a b", "baggage.region=eu"]);
    assert_eq!(shown(&Config::default()), Vec::<String>::new());
}
