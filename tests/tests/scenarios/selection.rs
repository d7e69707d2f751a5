//! What is traced and what is not: rules, `tracer exec`, and errors in the configuration.

use std::process::{Command, Output, Stdio};

use tracer_tests::{
    apps::{Upstream, curl, nginx, threaded_backend},
    command::{output, output_of},
    daemon::{Options, tracer},
    scenario::{Scenario, assert_unique},
    tree::assert_trees,
};

/// Makes one request to each of two services and gives what the daemon, started with `options` of their ports and the
/// first one's pid, saw.
fn two_services(name: &str, options: impl Fn(u16, u16, u32) -> Options, expected: &str) {
    let scenario = Scenario::start(&format!("selection-{name}"));
    let (one, two) = (threaded_backend(&scenario, None), nginx(&scenario, &Upstream::None));
    let daemon = scenario.daemon_with(options(one.port(), two.port(), one.pid()));
    for service in [&one, &two] {
        curl([service.url("/selected/hello")]);
    }
    let spans = expected.lines().filter(|line| line.contains('"')).count();
    assert_trees(&scenario.finish(daemon, "/selected", spans), expected);
}

#[test]
fn include_by_port() {
    two_services(
        "include-port",
        |one, _, _| Options::args(["--include".into(), format!("port={one}")]),
        r#"
        CLIENT curl "GET" 200
          SERVER threaded_backend "GET /selected/hello" 200 by socket
        "#,
    );
}

#[test]
fn include_by_executable() {
    two_services(
        "include-exe",
        |_, _, _| Options::args(["--include", "exe=*/nginx"]),
        r#"SERVER nginx "GET /selected/hello" 200"#,
    );
}

#[test]
fn include_by_pid() {
    two_services(
        "include-pid",
        |_, _, pid| Options::args(["--include".into(), format!("pid={pid}")]),
        r#"SERVER threaded_backend "GET /selected/hello" 200"#,
    );
}

#[test]
fn exclude_by_port() {
    two_services(
        "exclude-port",
        |one, _, _| Options::args(["--exclude".into(), format!("port={one}")]),
        r#"
        CLIENT curl "GET" 200
          SERVER nginx "GET /selected/hello" 200 by socket
        "#,
    );
}

#[test]
fn exclude_by_executable_from_a_file() {
    two_services(
        "exclude-exe",
        |_, _, _| Options::config("[select]\nexclude = [{ exe = \"*/curl\" }]\n"),
        r#"
        SERVER threaded_backend "GET /selected/hello" 200
        SERVER nginx "GET /selected/hello" 200
        "#,
    );
}

#[test]
fn exclude_by_command_line_from_the_environment() {
    two_services(
        "exclude-command",
        |_, _, _| Options {
            env: vec![("TRACER_EXCLUDE".into(), "command=*threaded_backend*".into())],
            ..Options::default()
        },
        r#"
        CLIENT curl "GET" 200
        CLIENT curl "GET" 200
          SERVER nginx "GET /selected/hello" 200 by socket
        "#,
    );
}

#[test]
fn exec_traces_a_command_and_its_children() {
    let scenario = Scenario::start("selection-exec");
    let server = nginx(&scenario, &Upstream::None);
    let script = format!(
        "touch {started}; until [ -e {go} ]; do sleep 0.01; done; curl -s {url}; sh -c 'curl -s {url}; exit 7'",
        started = scenario.file("started").display(),
        go = scenario.file("go").display(),
        url = server.url("/exec/hello"),
    );
    let mut command = tracer();
    command
        .args(["exec", "--", "sh", "-c", &script])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", scenario.receiver.endpoint())
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    tracer_tests::wait::wait_until("the command runs", || scenario.file("started").exists());
    // Of another process than the command's: not traced.
    curl([server.url("/exec/hello")]);
    scenario.write("go", "");
    let output = output_of(child);
    assert_eq!(output.status.code(), Some(7), "The command's exit code is exec's: {}", errors(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello\nhello\n", "The output is the command's.");
    let spans = scenario.receiver.spans_under("/exec");
    assert_unique(&spans);
    assert_trees(&spans, r#"2 x CLIENT curl "GET" 200"#);
}

#[test]
fn errors_in_a_configuration_file_name_file_and_line() {
    let scenario = Scenario::start("selection-config-errors");
    for (text, line, named) in [
        ("[select]\nexclud = []\n", 2, "exclude"),
        ("[http]\nmax_request_age = \"soon\"\n", 2, "max_request_age"),
        ("[http]\n\n[capture]\nrequest_head_bytes = true\n", 4, "request_head_bytes"),
        ("[select\n", 1, ""),
    ] {
        let file = scenario.write("wrong.toml", text);
        let output = output(tracer().args(["agent", "--config"]).arg(&file));
        let errors = errors(&output);
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(&format!("{}:{line}", file.display())), "{errors}");
        assert!(errors.contains(named), "{errors}");
    }
}

#[test]
fn errors_on_the_command_line_exit_with_2() {
    for args in [["--include", "exe"], ["--include", "prot=80"], ["--exclude", "port=many"], ["--color", "x"]]
    {
        let output = output(tracer().arg("agent").args(args));
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", errors(&output));
    }
}

/// A host that can be traced says so, by exit code too.
#[test]
fn check_says_that_this_host_can_be_traced() {
    let plain = output(tracer().arg("check"));
    assert!(plain.status.success(), "{}{}", String::from_utf8_lossy(&plain.stdout), errors(&plain));
    let json = output(tracer().args(["check", "--json"]));
    assert!(json.status.success());
    serde_json::from_slice::<serde_json::Value>(&json.stdout).unwrap();
}

/// Without privileges the answer is a sentence and an exit code, not a crash.
#[test]
fn without_privileges() {
    let mut command = Command::new("setpriv");
    let tracer = tracer();
    command.args(["--bounding-set=-all", "--inh-caps=-all"]).arg(tracer.get_program()).arg("agent");
    let output = output(&mut command);
    let errors = errors(&output);
    assert!(output.status.code().is_some_and(|code| code != 0), "{errors}");
    assert!(!errors.contains("panicked"), "{errors}");
    assert!(errors.contains("root") || errors.contains("CAP_"), "{errors}");
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
