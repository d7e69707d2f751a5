//! Nanoseconds a span takes to become OTLP bytes, a JSON line, or a line of a tree.
//!
//! `cargo bench -p tracer-user --bench encode`. Batches look like the daemon's: 512 spans of 8 processes, mixed,
//! with the attributes of an HTTP exchange.
#![expect(clippy::print_stdout, reason = "a benchmark reports to the terminal")]

use std::{hint::black_box, sync::Arc, time::Instant};

use tracer_user::{
    export::{
        json,
        otlp::Encoder,
        tree::{self, Style},
    },
    spans::span::{Evidence, Parent, Resource, Span, SpanKind, Status, Value},
};

const SPANS: usize = 512;
const PROCESSES: usize = 8;
const ROUNDS: usize = 9;

fn resource(process: usize) -> Arc<Resource> {
    let text = |text: String| Value::Str(text.into());
    let name = format!("service-{process}");
    Arc::new(Resource {
        service_name: name.as_str().into(),
        attributes: vec![
            ("service.name".into(), text(name)),
            ("service.instance.id".into(), text(format!("627cc493-f310-47de-96bd-71410b7dec{process:02}"))),
            ("process.pid".into(), Value::Int(4000 + process as i64)),
            ("process.executable.path".into(), text("/usr/bin/python3.13".to_owned())),
            ("process.command_line".into(), text(format!("gunicorn -w 4 app{process}:app"))),
            ("host.name".into(), Value::Static("node-17")),
            ("telemetry.distro.name".into(), Value::Static("tracer")),
        ],
    })
}

fn span(at: usize, resource: &Arc<Resource>, address: &Arc<str>) -> Span {
    let server = at.is_multiple_of(2);
    let start_ns = 1_790_000_000_000_000_000 + at as u64 * 10_000;
    let mut attributes = vec![
        ("http.request.method", Value::Static("GET")),
        ("http.response.status_code", Value::Int(200)),
        ("network.protocol.version", Value::Static("1.1")),
        ("network.peer.address", Value::Shared(Arc::clone(address))),
        ("network.peer.port", Value::Int(40_000 + at as i64)),
        ("server.address", Value::Shared(Arc::clone(address))),
        ("server.port", Value::Int(8080)),
    ];
    if server {
        attributes.extend([
            ("url.scheme", Value::Static("http")),
            ("url.path", Value::Str(format!("/api/users/{at}/orders").into())),
            ("http.route", Value::Shared("/api/users/:id/orders".into())),
            ("user_agent.original", Value::Str("python-requests/2.32.3".into())),
        ]);
    } else {
        let url = format!("http://10.0.3.17:8080/api/users/{at}/orders");
        attributes.push(("url.full", Value::Str(url.into())));
    }
    Span {
        trace_id: 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes(),
        span_id: (at as u64 + 1).to_be_bytes(),
        parent: (at > 0)
            .then(|| Parent { span_id: (at as u64).div_ceil(2).to_be_bytes(), evidence: Evidence::Socket }),
        trace_state: None,
        flags: 3,
        kind: if server { SpanKind::Server } else { SpanKind::Client },
        name: if server { "GET /api/users/:id/orders".into() } else { "GET".into() },
        start_ns,
        end_ns: start_ns + 2_000_000,
        status: Status::Unset,
        attributes,
        resource: Arc::clone(resource),
        incomplete: false,
        links: Vec::new(),
    }
}

/// Runs `work` for some tenths of a second and prints the best and the median round.
fn measure(name: &str, mut work: impl FnMut() -> usize) {
    let repeats = 200;
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..repeats {
                black_box(work());
            }
            start.elapsed().as_nanos() as f64 / (repeats * SPANS) as f64
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    let (best, median) = (rounds[0], rounds[ROUNDS / 2]);
    println!("{name:<24} {median:>7.1} ns a span (best {best:.1}), {} bytes a span", work() / SPANS);
}

fn main() {
    let address: Arc<str> = "10.0.3.17".into();
    let resources: Vec<_> = (0..PROCESSES).map(resource).collect();
    let spans: Vec<Arc<Span>> =
        (0..SPANS).map(|at| Arc::new(span(at, &resources[at * 5 % PROCESSES], &address))).collect();

    let mut encoder = Encoder::new(env!("CARGO_PKG_VERSION"));
    measure("otlp, known resources", || encoder.encode(&spans).len());
    measure("otlp, new resources", || Encoder::new(env!("CARGO_PKG_VERSION")).encode(&spans).len());
    measure("json lines", || {
        let mut out = Vec::new();
        for span in &spans {
            // Writing to memory cannot fail.
            let _ = json::write_line(&mut out, span, env!("CARGO_PKG_VERSION"));
        }
        out.len()
    });
    let style = Style { width: Some(120), color: true, evidence: true, ..Style::default() };
    measure("tree", || tree::render(&spans, &style).len());
}
