//! HTTP/2 in clear text and within TLS: prior knowledge and upgrade, many streams at a time, proxies, files.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf, process::Command};

use tracer_tests::{
    apps::{Upstream, curl, nghttpd, nghttpd_tls, nghttpx, nginx, nginx_http2},
    command::run,
    scenario::Scenario,
    service::Service,
    span::ReceivedSpan,
    tree::{assert_edges_keep_path, assert_trees},
};

/// A folder with files of several sizes below `name`: `small`, `middle` (within a frame), `large` (many frames).
fn files(scenario: &Scenario, name: &str) -> PathBuf {
    let root = scenario.file("files");
    let folder = root.join(name);
    fs::create_dir_all(&folder).unwrap();
    for (file, size) in [("small", 20), ("middle", 3000), ("large", 2_000_000)] {
        fs::write(folder.join(file), "x".repeat(size)).unwrap();
    }
    root
}

/// `h2load` with one connection for each `streams` streams at a time, each request of a path of its own.
fn load(scenario: &Scenario, server: &Service, prefix: &str, requests: usize, connections: usize) {
    let paths: String = (0..requests).fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "{}", server.url(&format!("{prefix}/{number}")));
        text
    });
    let list = scenario.write("paths", &paths);
    let mut command = Command::new("h2load");
    command.args(["--max-concurrent-streams=100", &format!("--requests={requests}")]);
    command.arg(format!("--clients={connections}")).arg("--input-file").arg(list);
    let output = run(&mut command);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains(&format!("{requests} succeeded")), "{text}");
}

/// `nghttp`, which asks for all of `urls` at a time over one connection.
fn nghttp<const N: usize>(options: &[&str], urls: [String; N]) {
    run(Command::new("nghttp").arg("--null-out").args(options).args(urls));
}

fn body_sizes(spans: &[ReceivedSpan]) -> Vec<&str> {
    let mut sizes: Vec<_> = spans.iter().map(|span| span.attribute("http.response.body.size")).collect();
    sizes.sort_unstable();
    sizes
}

#[test]
fn files_of_every_size() {
    for name in ["nghttpd", "nginx"] {
        let scenario = Scenario::start(&format!("http2-files-{name}"));
        let folder = files(&scenario, "sizes");
        let server = if name == "nginx" {
            nginx_http2(&scenario, &Upstream::Files(&folder))
        } else {
            nghttpd(&scenario, &folder)
        };
        let daemon = scenario.daemon();
        // One connection: what follows, or comes between, the frames of a large body is found.
        nghttp(
            &[],
            ["small", "large", "middle", "missing"].map(|file| server.url(&format!("/sizes/{file}"))),
        );
        let spans = scenario.finish(daemon, "/sizes", 8);
        assert_trees(
            &spans,
            &format!(
                r#"
                CLIENT nghttp "GET" 200
                  SERVER {name} "GET /sizes/small" 200 by socket
                CLIENT nghttp "GET" 200
                  SERVER {name} "GET /sizes/middle" 200 by socket
                CLIENT nghttp "GET" 200
                  SERVER {name} "GET /sizes/large" 200 by socket
                CLIENT nghttp "GET" 404 error=404
                  SERVER {name} "GET /sizes/missing" 404 by socket
                "#
            ),
        );
        let sizes = body_sizes(&spans);
        for size in ["20", "3000", "2000000"] {
            assert_eq!(sizes.iter().filter(|found| **found == size).count(), 2, "{size} in {sizes:?}");
        }
        assert!(spans.iter().all(|span| span.attribute("network.protocol.version") == "2"));
    }
}

#[test]
fn a_hundred_streams_at_a_time() {
    let scenario = Scenario::start("http2-streams");
    let server = nginx_http2(&scenario, &Upstream::None);
    let daemon = scenario.daemon();
    load(&scenario, &server, "/streams", 2000, 4);
    let spans = scenario.finish(daemon, "/streams", 4000);
    assert_edges_keep_path(&spans);
    assert_trees(
        &spans,
        r#"
        2000 x CLIENT h2load "GET" 200
          SERVER nginx "GET /streams/{id}" 200 by socket
        "#,
    );
    // Each connection asks for the same five hundred.
    assert_each_path_is_seen(&spans, 500, 4);
}

#[test]
fn a_hundred_streams_through_a_proxy() {
    let scenario = Scenario::start("http2-proxied-streams");
    let back = nginx_http2(&scenario, &Upstream::None);
    let front = nghttpx(&scenario, &back);
    let daemon = scenario.daemon();
    load(&scenario, &front, "/proxied", 1000, 1);
    let spans = scenario.finish(daemon, "/proxied", 4000);
    // Which call of the proxy is whose, nothing tells while it has several requests in hand; none is wrong.
    assert_edges_keep_path(&spans);
    assert_each_path_is_seen(&spans, 1000, 2);
    for (kind, service) in
        [("CLIENT", "h2load"), ("SERVER", "nghttpx"), ("CLIENT", "nghttpx"), ("SERVER", "nginx")]
    {
        let is = |span: &&ReceivedSpan| span.kind == kind && span.service() == service;
        assert_eq!(spans.iter().filter(is).count(), 1000, "{kind} spans of {service}");
    }
    let joined = spans.iter().filter(|span| span.kind == "SERVER" && !span.parent_id.is_empty());
    assert_eq!(joined.count(), 2000, "both ends of each stream are one call");
}

/// Has the proxy open its connection to the service behind it. The call that does has no parent where the settings of
/// the other side are read in between.
fn connect(proxy: &Service) {
    curl(["--http2-prior-knowledge".to_owned(), proxy.url("/first")]);
}

/// An event loop: which stream a turn belongs to, the frames tell.
#[test]
fn one_request_through_a_proxy() {
    let scenario = Scenario::start("http2-proxied");
    let back = nginx_http2(&scenario, &Upstream::None);
    let front = nghttpx(&scenario, &back);
    let daemon = scenario.daemon();
    connect(&front);
    for _ in 0..3 {
        curl(["--http2-prior-knowledge".to_owned(), front.url("/through/hello")]);
    }
    assert_trees(
        &scenario.finish(daemon, "/through", 12),
        r#"
        3 x CLIENT curl "GET" 200
          SERVER nghttpx "GET /through/hello" 200 by socket
            CLIENT nghttpx "GET" 200 by turn
              SERVER nginx "GET /through/hello" 200 by socket
        "#,
    );
}

/// nginx speaks HTTP/2 with its clients and HTTP/1 with those that it asks: many streams of one connection, each with its call.
#[test]
fn streams_in_front_of_http1() {
    let scenario = Scenario::start("http2-in-front");
    let back = nginx(&scenario, &Upstream::None);
    let front = nginx_http2(&scenario, &Upstream::Kept(&back));
    let daemon = scenario.daemon();
    for number in 0..50 {
        curl(["--http2-prior-knowledge".to_owned(), front.url(&format!("/one-by-one/{number}"))]);
    }
    load(&scenario, &front, "/in-front", 1000, 4);
    scenario.receiver.wait_for("/in-front", 4000);
    let spans = scenario.finish(daemon, "/", 4200);
    assert_edges_keep_path(&spans);
    let of = |prefix: &str| -> Vec<_> {
        spans.iter().filter(|span| span.path().starts_with(prefix)).cloned().collect()
    };
    assert_trees(
        &of("/one-by-one"),
        r#"
        50 x CLIENT curl "GET" 200
          SERVER nginx "GET /one-by-one/{id}" 200 by socket
            CLIENT nginx "GET" 200 by turn
              SERVER nginx "GET /one-by-one/{id}" 200 by socket
        "#,
    );
    // Requests that are read at once have no turn of their own.
    assert_each_path_is_seen(&of("/in-front"), 250, 8);
}

#[test]
fn a_connection_that_is_upgraded() {
    let scenario = Scenario::start("http2-upgrade");
    let back = nginx_http2(&scenario, &Upstream::None);
    let front = nghttpx(&scenario, &back);
    let daemon = scenario.daemon();
    connect(&front);
    let (first, second) = (front.url("/upgrade/a"), front.url("/upgrade/b"));
    curl(["--http2", &first, &second]);
    let spans = scenario.finish(daemon, "/upgrade", 8);
    let parent = |span: &ReceivedSpan| spans.iter().find(|other| other.span_id == span.parent_id);
    for path in ["/upgrade/a", "/upgrade/b"] {
        let server = |service: &str| {
            let is_it = |span: &&ReceivedSpan| {
                span.kind == "SERVER" && span.service() == service && span.path() == path
            };
            spans.iter().find(is_it).unwrap_or_else(|| panic!("{service} has no {path}: {spans:#?}"))
        };
        let front = server("nghttpx");
        assert_eq!(parent(front).map(ReceivedSpan::service), Some("curl"), "{spans:#?}");
        let call = parent(server("nginx")).expect("both ends of a stream are joined");
        // While it is not yet known that nghttpx counts turns on this connection, its call stands alone: right or absent.
        if let Some(of) = parent(call) {
            assert_eq!((of.kind, of.path()), ("SERVER", path), "{spans:#?}");
        }
    }
}

#[test]
fn trace_context_is_read_from_header_blocks() {
    let scenario = Scenario::start("http2-context");
    let server = nginx_http2(&scenario, &Upstream::None);
    let daemon = scenario.daemon();
    let context = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    // The second one names the entry of the dynamic table that the first one made.
    nghttp(&["--header", context], ["a", "b"].map(|path| server.url(&format!("/context/{path}"))));
    let spans = scenario.finish(daemon, "/context", 4);
    assert!(spans.iter().all(|span| span.trace_id == "0af7651916cd43dd8448eb211c80319c"), "{spans:#?}");
    let clients: Vec<_> = spans.iter().filter(|span| span.kind == "CLIENT").collect();
    assert!(clients.iter().all(|span| span.parent_id == "b7ad6b7169203331"), "{clients:#?}");
}

/// Server spans have so many paths, and there are `times` of each.
#[track_caller]
fn assert_each_path_is_seen(spans: &[ReceivedSpan], paths: usize, times: usize) {
    let mut seen = BTreeMap::new();
    for span in spans.iter().filter(|span| span.kind == "SERVER") {
        *seen.entry(span.path()).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), paths);
    assert!(seen.values().all(|&count| count == times), "{seen:?}");
}

/// A hundred streams at a time over one TLS connection, read in the library at both ends.
#[test]
fn within_tls() {
    let scenario = Scenario::start("http2-tls");
    let root = files(&scenario, "sealed");
    for number in 0..100 {
        fs::write(root.join(format!("sealed/{number}")), "x".repeat(3000)).unwrap();
    }
    let server = nghttpd_tls(&scenario, &root);
    let daemon = scenario.daemon();
    let url = |file: &str| format!("https://{}/sealed/{file}", server.address());
    curl(["--http2", "--insecure", &url("small")]);
    nghttp(&[], std::array::from_fn::<_, 100, _>(|number| url(&number.to_string())));
    let spans = scenario.finish(daemon, "/sealed", 202);
    assert_trees(
        &spans,
        r#"
        CLIENT curl "GET" 200
          SERVER nghttpd "GET /sealed/small" 200 by socket
        100 x CLIENT nghttp "GET" 200
          SERVER nghttpd "GET /sealed/{id}" 200 by socket
        "#,
    );
    assert_edges_keep_path(&spans);
    for span in spans.iter().filter(|span| span.kind == "SERVER") {
        assert_eq!(span.attribute("url.scheme"), "https");
    }
}
