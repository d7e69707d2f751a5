//! TLS connections are read in the libraries that encrypt them.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use tracer_tests::{
    apps::{Upstream, curl, envoy_tls, https, nginx_tls, python, threaded_backend, tls_service},
    command::{output_of, run},
    daemon::Options,
    scenario::Scenario,
    tree::{assert_edges_keep_path, assert_trees},
    wait::wait_until,
};

/// So many clients with a kept connection each; with `gate`, they wait for that file after one request.
fn clients(url: &str, count: usize, requests: usize, gate: Option<&std::path::Path>) -> Command {
    let mut command = python("tls_client.py", [url.to_owned(), count.to_string(), requests.to_string()]);
    command.args(gate);
    command
}

#[test]
fn a_proxy_that_ends_tls() {
    let scenario = Scenario::start("tls-proxy");
    let backend = threaded_backend(&scenario, None);
    let front = nginx_tls(&scenario, &Upstream::Kept(&backend));
    let daemon = scenario.daemon();
    for _ in 0..3 {
        curl(["--insecure", &https(&front, "/tls/hello?token=secret")]);
    }
    let spans = scenario.finish(daemon, "/tls", 12);
    assert_trees(
        &spans,
        r#"
        3 x CLIENT curl "GET" 200
          SERVER nginx "GET /tls/hello" 200 by socket
            CLIENT nginx "GET" 200 by turn
              SERVER threaded_backend "GET /tls/hello" 200 by socket
        "#,
    );
    for span in &spans {
        let is_tls = span.service() == "curl" || (span.service() == "nginx" && span.kind == "SERVER");
        match (span.kind, is_tls) {
            ("CLIENT", true) => {
                assert_eq!(span.attribute("url.full"), https(&front, "/tls/hello?token=REDACTED"));
            }
            ("CLIENT", false) => assert!(span.attribute("url.full").starts_with("http://")),
            (_, true) => assert_eq!(span.attribute("url.scheme"), "https"),
            (_, false) => assert_eq!(span.attribute("url.scheme"), "http"),
        }
    }
}

/// Python reads and writes by `SSL_read_ex` and `SSL_write_ex`; the servers shake hands within their first read.
#[test]
fn python_in_front_of_python() {
    let scenario = Scenario::start("tls-python");
    let backend = tls_service(&scenario, "threaded_backend.py", None);
    let front = tls_service(&scenario, "threaded_backend.py", Some(&https(&backend, "")));
    let daemon = scenario.daemon();
    run(&mut clients(&https(&front, "/pair"), 4, 5, None));
    let spans = scenario.finish(daemon, "/pair", 80);
    assert_edges_keep_path(&spans);
    assert_trees(
        &spans,
        r#"
        20 x CLIENT tls_client "GET" 200
          SERVER threaded_backend "GET /pair/{id}/{id}" 200 by socket
            CLIENT threaded_backend "GET" 200 by thread
              SERVER threaded_backend "GET /pair/{id}/{id}" 200 by socket
        "#,
    );
}

/// asyncio hands OpenSSL memory instead of a socket, and has many requests in hand at once.
#[test]
fn an_event_loop_with_memory_bios() {
    let scenario = Scenario::start("tls-asyncio");
    let backend = tls_service(&scenario, "threaded_backend.py", None);
    let front = tls_service(&scenario, "aiohttp_front.py", Some(&https(&backend, "")));
    let daemon = scenario.daemon();
    // What a process runs is found out at its first request.
    curl(["--insecure", &https(&front, "/first")]);
    scenario.receiver.wait_for("/first", 4);
    run(&mut clients(&https(&front, "/loop"), 8, 5, None));
    let spans = scenario.finish(daemon, "/loop", 160);
    assert_edges_keep_path(&spans);
    assert_trees(
        &spans,
        r#"
        40 x CLIENT tls_client "GET" 200
          SERVER aiohttp_front "GET /loop/{id}/{id}" 200 by socket
            CLIENT aiohttp_front "GET" 200 by task
              SERVER threaded_backend "GET /loop/{id}/{id}" 200 by socket
        "#,
    );
}

/// Node.js has OpenSSL in its executable, which is found when it first uses it.
#[test]
fn a_library_within_an_executable() {
    let scenario = Scenario::start("tls-node");
    let backend = tls_service(&scenario, "threaded_backend.py", None);
    let front = tls_service(&scenario, "node_front.js", Some(&https(&backend, "")));
    let daemon = scenario.daemon();
    wait_until("Node.js is probed", || {
        curl(["--insecure", &https(&front, "/first")]);
        scenario
            .receiver
            .spans_under("/first")
            .iter()
            .any(|span| span.service() == "node_front" && span.kind == "CLIENT")
    });
    for _ in 0..3 {
        curl(["--insecure", &https(&front, "/within")]);
    }
    let spans = scenario.finish(daemon, "/within", 12);
    assert_edges_keep_path(&spans);
    // The connection to the backend is older than the probes: nothing says that its ends belong together.
    assert_trees(
        &spans,
        r#"
        3 x CLIENT curl "GET" 200
          SERVER node_front "GET /within" 200 by socket
            CLIENT node_front "GET" 200 by turn
        3 x SERVER threaded_backend "GET /within" 200
        "#,
    );
}

/// Debian's wget uses GnuTLS.
#[test]
fn another_library() {
    let scenario = Scenario::start("tls-wget");
    let front = nginx_tls(&scenario, &Upstream::None);
    let daemon = scenario.daemon();
    for _ in 0..3 {
        let url = https(&front, "/wget/hello");
        run(Command::new("wget").args(["--quiet", "--no-check-certificate", "--output-document=-", &url]));
    }
    assert_trees(
        &scenario.finish(daemon, "/wget", 6),
        r#"
        3 x CLIENT wget "GET" 200
          SERVER nginx "GET /wget/hello" 200 by socket
        "#,
    );
}

/// Heads and bodies of all sizes, so that records, reads and writes do not coincide.
#[test]
fn large_bodies() {
    let scenario = Scenario::start("tls-bodies");
    let backend = tls_service(&scenario, "threaded_backend.py", None);
    let body = scenario.write("body", &"x".repeat(300_000));
    let daemon = scenario.daemon();
    let data = format!("@{}", body.display());
    let url = https(&backend, "/body/post");
    curl(["--insecure", "--http1.1", "--data-binary", &data, &url, &url, &url]);
    let spans = scenario.finish(daemon, "/body", 6);
    assert_trees(
        &spans,
        r#"
        3 x CLIENT curl "POST" 200
          SERVER threaded_backend "POST /body/post" 200 by socket
        "#,
    );
    for span in &spans {
        assert_eq!(span.attribute("http.request.body.size"), "300000");
        assert_eq!(span.attribute("http.response.body.size"), "6");
    }
}

/// The start of these connections was not seen: both ends are read, and nothing says that they belong together.
#[test]
fn connections_that_are_older_than_the_daemon() {
    let scenario = Scenario::start("tls-open-before");
    let front = nginx_tls(&scenario, &Upstream::None);
    let gate = scenario.file("gate");
    let mut child =
        clients(&https(&front, "/older"), 3, 2, Some(&gate)).stdout(Stdio::piped()).spawn().unwrap();
    // Each client says so when it has had its first answer.
    let mut said = BufReader::new(child.stdout.as_mut().unwrap());
    for _ in 0..3 {
        said.read_line(&mut String::new()).unwrap();
    }
    let daemon = scenario.daemon();
    std::fs::write(&gate, "").unwrap();
    let output = output_of(child);
    assert!(output.status.success(), "{output:?}");
    assert_trees(
        &scenario.finish(daemon, "/older", 12),
        r#"
        6 x CLIENT tls_client "GET" 200
        6 x SERVER nginx "GET /older/{id}/{id}" 200
        "#,
    );
}

/// A library that only the process itself can see, which is found by its first TLS record; a program without one is named.
#[test]
fn a_library_in_another_mount_namespace() {
    let scenario = Scenario::start("tls-namespace");
    let front = nginx_tls(&scenario, &Upstream::None);
    let (folder, gate) = (scenario.file("private"), scenario.file("gate"));
    std::fs::create_dir(&folder).unwrap();
    let daemon = scenario.daemon();
    let client = clients(&https(&front, "/private"), 3, 2, Some(&gate));
    let private = "mount -t tmpfs none \"$0\" && cp \"$(ldconfig -p | sed -n 's/.*libssl.so.3 .*=> //p' | head -1)\" \"$0\" && \
                   LD_LIBRARY_PATH=\"$0\" exec \"$@\"";
    let child = Command::new("unshare")
        .args(["--mount", "sh", "-c", private])
        .arg(&folder)
        .arg(client.get_program())
        .args(client.get_args())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let library = folder.join("libssl.so.3").display().to_string();
    wait_until("the library is probed", || {
        daemon.status().libraries.iter().any(|found| found.file == library && found.reason.is_none())
    });
    std::fs::write(&gate, "").unwrap();
    let output = output_of(child);
    assert!(output.status.success(), "{output:?}");
    // Whether a hello came before the probes or after them, and so whether both ends are joined, is a matter of milliseconds.
    let spans = scenario.finish(daemon, "/private", 12);
    assert_edges_keep_path(&spans);
    let kinds = |kind: &str| spans.iter().filter(|span| span.kind == kind).count();
    assert_eq!((kinds("CLIENT"), kinds("SERVER")), (6, 6));
}

#[test]
fn services_outlive_the_daemon_however_it_ends() {
    let scenario = Scenario::start("tls-outlived");
    let front = nginx_tls(&scenario, &Upstream::None);
    let gate = scenario.file("gate");
    let child = clients(&https(&front, "/outlived"), 4, 500, Some(&gate))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let daemon = scenario.daemon();
    std::fs::write(&gate, "").unwrap();
    wait_until("requests are traced", || scenario.receiver.spans_under("/outlived").len() >= 20);
    daemon.kill();
    curl(["--insecure", &https(&front, "/outlived/killed")]);
    let daemon = scenario.daemon();
    curl(["--insecure", &https(&front, "/outlived/again")]);
    daemon.stop();
    curl(["--insecure", &https(&front, "/outlived/stopped")]);
    let output = output_of(child);
    assert!(output.status.success(), "{output:?}");
    let seen = |path: &str| scenario.receiver.spans_under(path).len();
    assert_eq!((seen("/outlived/killed"), seen("/outlived/again"), seen("/outlived/stopped")), (0, 2, 0));
}

#[test]
fn switched_off() {
    let scenario = Scenario::start("tls-off");
    let backend = threaded_backend(&scenario, None);
    let front = nginx_tls(&scenario, &Upstream::Kept(&backend));
    let daemon = scenario.daemon_with(Options::config("[tls]\nenabled = false\n"));
    curl(["--insecure", &https(&front, "/off/hello")]);
    assert_trees(
        &scenario.finish(daemon, "/off", 2),
        r#"
        CLIENT nginx "GET" 200
          SERVER threaded_backend "GET /off/hello" 200 by socket
        "#,
    );
}

/// envoy has BoringSSL within it, without symbols: HTTP/2 within TLS from its clients, HTTP/1 to those that it asks.
#[test]
fn envoy_in_front_of_a_service() {
    let scenario = Scenario::start("tls-envoy");
    let backend = threaded_backend(&scenario, None);
    let envoy = envoy_tls(&scenario, &backend);
    let daemon = scenario.daemon();
    let ask = |path: &str| curl(["--insecure".to_owned(), "--http2".to_owned(), https(&envoy, path)]);
    // It is found at its first TLS record, and probed from then on.
    ask("/warm-up");
    wait_until("envoy is probed", || {
        daemon
            .status()
            .libraries
            .iter()
            .any(|library| library.file.ends_with("envoy") && library.reason.is_none())
    });
    for _ in 0..3 {
        ask("/envoy/hello");
    }
    let spans = scenario.finish(daemon, "/envoy", 12);
    assert_trees(
        &spans,
        r#"
        3 x CLIENT curl "GET" 200
          SERVER envoy "GET /envoy/hello" 200 by socket
            CLIENT envoy "GET" 200 by turn
              SERVER threaded_backend "GET /envoy/hello" 200 by socket
        "#,
    );
    let version =
        |span: &tracer_tests::span::ReceivedSpan| span.attribute("network.protocol.version").to_owned();
    let of_client =
        |span: &&tracer_tests::span::ReceivedSpan| span.service() == "envoy" && span.kind == "SERVER";
    assert!(spans.iter().filter(of_client).all(|span| version(span) == "2"));
}
