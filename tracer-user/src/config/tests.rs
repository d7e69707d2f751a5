//! The file's fixtures, the layers over it, and the messages people will read.

use std::path::Path;

use clap::Parser;

use super::effective::EXAMPLE;
use super::*;
use crate::spans::span::{Key, Value};

const GOOD: &str = include_str!("../../testdata/config/good.toml");

fn from_text(text: &str) -> Result<Config, ConfigError> {
    combine(Some((Path::new("tracer.toml"), text)), &Flags::default(), &Environment::default())
}

/// The whole message of a configuration that must be refused.
fn refused(text: &str) -> String {
    from_text(text).expect_err(text).to_string()
}

fn env(variables: &[(&str, &str)]) -> Environment {
    variables.iter().copied().collect()
}

fn with_env(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    combine(Some((Path::new("tracer.toml"), text)), &Flags::default(), &env(variables))
}

fn flags(arguments: &[&str]) -> Flags {
    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        flags: Flags,
    }
    Command::try_parse_from(["tracer"].iter().chain(arguments)).expect("flags parse").flags
}

fn with_flags(arguments: &[&str]) -> Result<Config, ConfigError> {
    combine(None, &flags(arguments), &Environment::default())
}

// === the example ===

#[test]
fn the_example_is_exactly_the_defaults() {
    assert_eq!(from_text(EXAMPLE).expect("the example parses"), Config::default());
}

#[test]
fn the_example_lists_every_key_once_with_its_variable() {
    let table: toml::Table = EXAMPLE.parse().expect("the example is TOML");
    for key in keys::KEYS {
        let mut value = Some(&toml::Value::Table(table.clone())).cloned();
        for name in key.path.split('.') {
            value = value.and_then(|value| value.get(name).cloned());
        }
        assert!(value.is_some(), "{} is not in the example", key.path);
        assert!(key.env.is_empty() || EXAMPLE.contains(key.env), "{} is not in the example", key.env);
    }
    for field in keys::RULE_FIELDS {
        assert!(EXAMPLE.contains(&format!("\n#   {field} ")), "the field {field} is not in the example");
    }
}

#[test]
fn every_key_of_the_table_can_be_set_and_no_two_share_a_variable() {
    let mut variables: Vec<_> =
        keys::KEYS.iter().map(|key| key.env).filter(|name| !name.is_empty()).collect();
    let count = variables.len();
    variables.sort_unstable();
    variables.dedup();
    assert_eq!(variables.len(), count);
    for key in keys::KEYS {
        let message =
            match combine(None, &flags(&["--set", &format!("{}=;", key.path)]), &Environment::default()) {
                Ok(_) => continue,
                Err(error) => error.to_string(),
            };
        assert!(!message.contains("there is no key"), "{message}");
    }
}

// === the fixtures ===

#[test]
fn a_good_file_is_read_whole() {
    let config = from_text(GOOD).expect("good.toml is good");
    assert!(config.propagation.enabled);
    assert_eq!(config.propagation.cgroup, Path::new("/sys/fs/cgroup/shop.slice"));
    assert_eq!(config.propagation.http2, Streams::Every);
    let rule = |text: &str| with_flags(&["--include", text]).expect(text).select.include.remove(0);
    assert_eq!(config.select.include, [rule("exe=/usr/bin/py*,port=8000-8999"), rule("service=shop-*")]);
    assert_eq!(
        config.select.exclude,
        [rule("port=22"), rule("command=*healthcheck*,pid=4711,container=4f5a*")]
    );
    assert_eq!(
        config.capture,
        Capture {
            request_head_bytes: 8192,
            response_head_bytes: 512,
            message_bytes: 16384,
            ring_bytes: 1 << 20,
            unix_sockets: false,
            databases: true,
            dns: true,
            failed_connects: true
        }
    );
    assert!(!config.http.route_guess && !config.http.redact_query);
    assert_eq!(config.http.max_routes_per_service, 50);
    assert_eq!(config.http.keep_query_keys, ["page", "sort"]);
    assert_eq!(config.http.max_request_age.as_secs(), 5400);
    let routes = |service| config.http.routes.for_service(service).collect::<Vec<_>>();
    assert_eq!(routes("shop-web"), ["/users/:id", "/static/*", "/health"]);
    assert_eq!(routes("mail"), ["/health"]);
    assert_ne!(config.context.formats, Context::default().formats);
    assert_eq!((config.context.custom.len(), config.context.baggage_keys.len()), (1, 2));
    assert_ne!(config.sampling.choice(), Sampling::default().choice());
    assert_eq!((config.sampling.rules.len(), config.sampling.force_attributes.len()), (1, 1));
    assert_eq!((config.sampling.tail.decision_wait.as_secs(), config.sampling.tail.max_bytes), (0, 65536));
    assert_eq!(config.sampling.tail.policies[0].name, "errors");
    assert_eq!(config.export.batch_spans, 64);
    assert_eq!(config.export.batch_delay.as_millis(), 1000);
    assert_eq!(config.export.queue_bytes, 1 << 20);
    assert_eq!(config.export.print, Print::Always);
    let none = Environment::default();
    let variables = [
        ("ENDPOINT", "https://otlp.example:4317"),
        ("PROTOCOL", "grpc"),
        ("HEADERS", "authorization=Bearer%20a%2Cb%3Dc"),
        ("COMPRESSION", "gzip"),
        ("TIMEOUT", "2000"),
        ("CERTIFICATE", "/etc/tracer/ca.pem"),
        ("CLIENT_CERTIFICATE", "/etc/tracer/tracer.pem"),
        ("CLIENT_KEY", "/etc/tracer/tracer.key"),
        ("INSECURE", "true"),
    ];
    for (name, value) in variables {
        let found = config.export.otlp.variable(&none, &format!("OTEL_EXPORTER_OTLP_{name}"));
        assert_eq!(found.as_deref(), Some(value), "{name}");
        assert_eq!(config.export.otlp.variable(&none, &format!("OTEL_EXPORTER_OTLP_TRACES_{name}")), None);
    }
    assert_eq!(config.metrics.listen, Some(([127, 0, 0, 1], 9464).into()));
    assert_eq!(config.metrics.push_interval.as_secs(), 60);
    assert_eq!(config.metrics.families, [Family::SpanMetrics]);
    assert_eq!((config.metrics.max_series, config.metrics.exemplars), (100, false));
    let attribute = |key: &'static str, value| (Key::Borrowed(key), value);
    assert_eq!(
        config.resource.attributes,
        [
            attribute("deployment.environment.name", Value::Static("production")),
            attribute("host.rack", Value::Int(7)),
            attribute("host.spare", Value::Bool(true)),
        ]
    );
    assert_eq!(config.log.level.name(), "debug");
}

#[test]
fn a_wrong_key_names_the_nearest_right_one() {
    assert_eq!(
        refused(include_str!("../../testdata/config/wrongkey.toml")),
        "tracer.toml:3:1: there is no key `capture.ring_byte`. Did you mean `capture.ring_bytes`?"
    );
}

#[test]
fn a_wrong_type_names_what_is_right() {
    assert_eq!(
        refused(include_str!("../../testdata/config/wrongtype.toml")),
        "tracer.toml:4:26: `http.max_routes_per_service` cannot be \"many\". It must be a number from 1 to 100000."
    );
}

#[test]
fn a_bad_value_names_what_is_right() {
    assert_eq!(
        refused(include_str!("../../testdata/config/badvalue.toml")),
        "tracer.toml:2:16: `capture.ring_bytes` cannot be 5_000_000. It must be a power of two from 65536 to 1073741824."
    );
}

// === messages ===

#[test]
fn keys_that_do_not_exist() {
    let cases = [
        ("[captur]\n", "tracer.toml:1:2: there is no key `captur`. Did you mean `capture`?"),
        (
            "[http]\nring_bytes = 1",
            "tracer.toml:2:1: there is no key `http.ring_bytes`. Did you mean `ring_bytes` in [capture]?",
        ),
        ("[log]\nxyz = 1", "tracer.toml:2:1: there is no key `log.xyz`. The keys of [log] are level."),
        (
            "qqq = 1",
            "tracer.toml:1:1: there is no key `qqq`. The sections are select, capture, tls, http, redact, context, propagation, traces, sampling, remote_sampling, export, metrics, resource, kubernetes, security, log.",
        ),
        (
            "[select]\ninclude = [{ exe = 'a', prot = 1 }]",
            "tracer.toml:2:25: there is no key `select.include[0].prot`. Did you mean `port`?",
        ),
        (
            "[[select.exclude]]\npid = 1\n[[select.exclude]]\nqqqqqq = 1",
            "tracer.toml:4:1: there is no key `select.exclude[1].qqqqqq`. The fields of a rule are exe, command, port, \
             pid, container, service.",
        ),
        (
            "[export.otlp]\nendpiont = ''",
            "tracer.toml:2:1: there is no key `export.otlp.endpiont`. Did you mean `export.otlp.endpoint`?",
        ),
        // The first in the file is reported, whatever its place in the alphabet.
        (
            "[log]\nlevle = 1\n[capture]\nring = 1",
            "tracer.toml:2:1: there is no key `log.levle`. Did you mean `log.level`?",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(refused(text), message, "{text}");
    }
}

#[test]
fn values_that_cannot_be_used() {
    let rules = "a list of rules such as { exe = \"/usr/bin/py*\", port = 8080 } with at least one of the fields exe, \
                 command, port, pid, container, service.";
    let cases = [
        ("capture = 3", "1:11: `capture` cannot be 3. It must be a section with the keys request_head_bytes, \
                         response_head_bytes, message_bytes, ring_bytes, unix_sockets, databases, dns, failed_connects.".to_owned()),
        ("[capture]\nring_bytes = -1", "2:14: `capture.ring_bytes` cannot be -1. It must be a power of two from 65536 \
                                        to 1073741824.".to_owned()),
        ("[http]\nmax_request_age = '5 parsecs'", "2:19: `http.max_request_age` cannot be '5 parsecs': unknown time unit \
          \"parsecs\", supported units: ns, us/µs, ms, sec, min, hours, days, weeks, months, years (and few variations). \
          It must be a duration in quotes from \"1s\" to \"24h\", such as \"5m\" or \"1h 30m\".".to_owned()),
        ("[http]\nmax_request_age = '5M'", "2:19: `http.max_request_age` cannot be '5M'. It must be a duration in quotes \
          from \"1s\" to \"24h\", such as \"5m\" or \"1h 30m\".".to_owned()),
        ("[http.routes]\nshop = ['users']", "2:8: `http.routes.shop` cannot be ['users']: a route starts with `/` and \
          has no query, fragment or space. It must be a table from a glob over service names to a list of paths, such as \
          \"shop*\" = [\"/users/:id\"].".to_owned()),
        ("[select]\ninclude = [{}]", format!("2:12: `select.include[0]` cannot be {{}}: a rule without a field would match \
          every process. It must be {rules}")),
        ("[select]\ninclude = [{ exe = '[' }]", format!("2:20: `select.include[0].exe` cannot be '[': unclosed character \
          class; missing ']'. It must be {rules}")),
        ("[select]\ninclude = [{ port = 0 }]", format!("2:21: `select.include[0].port` cannot be 0: a port is a number \
          from 1 to 65535 or a range such as \"8000-8999\". It must be {rules}")),
        ("[select]\ninclude = [{ port = '9-8' }]", format!("2:21: `select.include[0].port` cannot be '9-8': the range ends \
          before it starts. It must be {rules}")),
        ("[select]\ninclude = [{ pid = 'x' }]", format!("2:20: `select.include[0].pid` cannot be 'x'. It must be {rules}")),
        ("[export]\nprint = 'maybe'", "2:9: `export.print` cannot be 'maybe'. It must be \"auto\", \"always\" or \
                                       \"never\".".to_owned()),
        ("[export.otlp]\nprotocol = 'http/json'", "2:12: `export.otlp.protocol` cannot be 'http/json'. It must be \"grpc\" \
                                                   or \"http/protobuf\".".to_owned()),
        ("[export.otlp]\nheaders = { authorization = 12345 }", "2:29: `export.otlp.headers.authorization` cannot be this \
          value (not shown). It must be a table of header names and values in quotes.".to_owned()),
        ("[resource.attributes]\n'service.name' = 'x'", "2:18: `resource.attributes.service.name` cannot be \"x\": \
          it would make all processes look like one. It must be a table of attribute names and values (text, whole \
          numbers, true or false) that are true of every process, so none of service.name, service.instance.id, \
          container.id, process.* and telemetry.*.".to_owned()),
        // The key that is at its default conflicts with one that is set: the place is that of the latter.
        ("[capture]\nrequest_head_bytes = 16384", "2:22: `capture.message_bytes` cannot be 8192. It must be a number of \
          bytes from 256 to 65536, not below capture.request_head_bytes or capture.response_head_bytes.".to_owned()),
    ];
    for (text, message) in cases {
        assert_eq!(refused(text), format!("tracer.toml:{message}"), "{text}");
    }
}

#[test]
fn text_that_is_no_toml_names_the_spot() {
    let message = refused("[capture]\nring_bytes = \n");
    assert!(message.starts_with("tracer.toml:2:"), "{message}");
    assert!(message.contains("this is not valid TOML: "), "{message}");
    // Columns count characters, not bytes.
    assert!(refused("[log] # é\nlevel = 'info' é").starts_with("tracer.toml:2:16: "));
}

#[test]
fn a_long_value_is_cut_in_the_message() {
    let message = refused(&format!("[log]\nlevel = '{}'", "x".repeat(500)));
    assert!(message.contains(&format!("cannot be '{}.... It must be", "x".repeat(79))), "{message}");
}

// === layers ===

#[test]
fn flags_win_over_the_environment_over_the_file_over_defaults() {
    let file = Some((
        Path::new("tracer.toml"),
        "[http]\nmax_routes_per_service = 2\n[export]\nbatch_spans = 2\n[capture]\nring_bytes = 131072",
    ));
    let env = env(&[
        ("TRACER_HTTP_MAX_ROUTES_PER_SERVICE", "3"),
        ("TRACER_EXPORT_BATCH_SPANS", "3"),
        ("TRACER_LOG_LEVEL", ""),
    ]);
    let config = combine(file, &flags(&["--set", "export.batch_spans=4"]), &env).expect("all good");
    assert_eq!(config.capture.ring_bytes, 131_072);
    assert_eq!(config.http.max_routes_per_service, 3);
    assert_eq!(config.export.batch_spans, 4);
    assert_eq!(config.log, Log::default());
}

#[test]
fn rules_from_outside_replace_those_of_the_file() {
    let file = "[select]\ninclude = [{ pid = 1 }]\nexclude = [{ pid = 2 }]";
    let config = with_env(file, &[("TRACER_EXCLUDE", "port=22; exe=/usr/sbin/{a,b}*,service=x ;")])
        .expect("good rules");
    let text = |rules: &[Rule]| rules.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(text(&config.select.include), ["pid=1"]);
    assert_eq!(text(&config.select.exclude), ["port=22", "exe=/usr/sbin/{a,b}*,service=x"]);
    let file = Some((Path::new("tracer.toml"), file));
    let flags = flags(&["--include", "exe=node", "--include", "port=80-90"]);
    let config = combine(file, &flags, &env(&[("TRACER_INCLUDE", "pid=3")])).expect("good rules");
    assert_eq!(text(&config.select.include), ["exe=node", "port=80-90"]);
}

#[test]
fn flags_and_variables_are_refused_by_name() {
    let refused = |config: Result<Config, ConfigError>| config.expect_err("refused").to_string();
    let cases = [
        (
            with_flags(&["--include", "prot=22"]),
            "flag --include 'prot=22': there is no key `prot`. Did you mean `port`?",
        ),
        (
            with_flags(&["--set", "htp.route_guess=no"]),
            "flag --set htp.route_guess: there is no key `htp.route_guess`. \
                                                        Did you mean `route_guess` in [http]?",
        ),
        (
            with_flags(&["--set", "http.route_guess=no"]),
            "flag --set http.route_guess: `http.route_guess` cannot be no. It \
                                                         must be true or false.",
        ),
        (
            with_flags(&["--set", "http.route_guess"]),
            "flag --set http.route_guess: write it as KEY=VALUE, such as --set \
                                                      http.route_guess=false.",
        ),
        (
            with_flags(&["--set", "http.routes=x"]),
            "flag --set http.routes: `http.routes` is a table and can only be set in \
                                                   the configuration file.",
        ),
        (
            with_flags(&["--exclude", "nginx"]),
            "flag --exclude 'nginx': `nginx` is no rule. Write field=value,field=value \
          with the fields exe, command, port, pid, container, service, such as exe=/usr/bin/py*,port=8080.",
        ),
        (
            with_env("", &[("TRACER_CAPTURE_RING_BYTES", "4MiB")]),
            "environment variable TRACER_CAPTURE_RING_BYTES: \
          `capture.ring_bytes` cannot be 4MiB. It must be a power of two from 65536 to 1073741824.",
        ),
        (
            with_env("[capture]\nring_bytes = 65536", &[("TRACER_CAPTURE_RING_BYTES", "65537")]),
            "environment variable \
          TRACER_CAPTURE_RING_BYTES: `capture.ring_bytes` cannot be 65537. It must be a power of two from 65536 to \
          1073741824.",
        ),
        (
            with_env("", &[("OTEL_RESOURCE_ATTRIBUTES", "secret")]),
            "environment variable OTEL_RESOURCE_ATTRIBUTES: write it \
          as key=value,key2=value2, with a `,` or `%` inside a value percent-encoded.",
        ),
    ];
    for (config, message) in cases {
        assert_eq!(refused(config), message);
    }
}

#[test]
fn attributes_of_the_environment_are_merged_without_those_of_the_daemon_itself() {
    let file = "[resource]\nattributes = { a = 'file', b = 'file' }";
    let config = with_env(file, &[("OTEL_RESOURCE_ATTRIBUTES", "b=x%2Cy,service.name=tracer,process.pid=1")])
        .expect("good");
    assert_eq!(
        config.resource.attributes,
        [(Key::Borrowed("a"), Value::Static("file")), (Key::Borrowed("b"), Value::Static("x,y"))]
    );
}

#[test]
fn exporter_variables_win_over_the_file_and_flags_over_them() {
    let file =
        Some((Path::new("tracer.toml"), "[export.otlp]\nendpoint = 'http://file'\ncompression = 'gzip'"));
    let env = env(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://env"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", ""),
    ]);
    let variable = |config: &Config, name: &str| {
        config.export.otlp.variable(&env, &format!("OTEL_EXPORTER_OTLP_{name}"))
    };
    let config = combine(file, &Flags::default(), &env).expect("good");
    assert_eq!(variable(&config, "ENDPOINT").as_deref(), Some("http://env"));
    assert_eq!(variable(&config, "TRACES_ENDPOINT").as_deref(), Some("http://traces"));
    assert_eq!(variable(&config, "COMPRESSION").as_deref(), Some("gzip"));
    assert_eq!(variable(&config, "PROTOCOL"), None);
    assert_eq!(variable(&config, "INSECURE"), None);

    let config = combine(file, &flags(&["--set", "export.otlp.endpoint=http://flag"]), &env).expect("good");
    assert_eq!(variable(&config, "ENDPOINT").as_deref(), Some("http://flag"));
    assert_eq!(variable(&config, "TRACES_ENDPOINT"), None);
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let config = from_text("[export.otlp]\nheaders = { authorization = 'hunter2' }").expect("good");
    let debug = format!("{config:?}");
    assert!(debug.contains("authorization") && !debug.contains("hunter2"), "{debug}");
}

// === loading ===

#[test]
fn a_named_file_must_exist_and_be_readable() {
    let message = load(&flags(&["--config", "/nonexistent/x.toml"]), &Environment::default())
        .expect_err("no such file");
    assert_eq!(
        message.to_string(),
        "The configuration file /nonexistent/x.toml cannot be read: No such file or directory (os error 2). \
         Name another with --config, or make it readable."
    );
    let endless = load(&Flags::default(), &env(&[(FILE_VARIABLE, "/dev/zero")])).expect_err("too large");
    assert!(endless.to_string().contains("larger than 1 MiB"), "{endless}");
    assert_eq!(ConfigError::EXIT_CODE, 2);
}

#[test]
fn loading_reports_the_file_and_mistyped_variables() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("t.toml");
    std::fs::write(&path, "[log]\nlevel = 'warn'").expect("a file");
    let variables = [
        (FILE_VARIABLE, path.to_str().expect("UTF-8")),
        ("TRACER_CAPTURE_RING_BYTE", "1"),
        // What Kubernetes sets for services called "tracer" and "tracer-http".
        ("TRACER_PORT", "tcp://10.0.0.1:80"),
        ("TRACER_SERVICE_HOST", "10.0.0.1"),
        ("TRACER_HTTP_SERVICE_PORT", "80"),
    ];
    let loaded = load(&Flags::default(), &env(&variables)).expect("good");
    assert_eq!(loaded.config.log.level, Level::Warn);
    assert_eq!(loaded.file.as_deref(), Some(path.as_path()));
    assert_eq!(
        loaded.warnings,
        ["The environment variable TRACER_CAPTURE_RING_BYTE is not known and has no effect. \
          Did you mean TRACER_CAPTURE_RING_BYTES?"]
    );
}

proptest::proptest! {
    /// No text panics, as a file, a flag or a variable.
    #[test]
    fn no_text_panics(text in "[a-z.=\\[\\]{}\"',;%*é\n0-9-]{0,80}") {
        let _ = from_text(&text);
        let _ = from_text(&format!("[select]\ninclude = {text}"));
        let all = Flags { include: vec![text.clone()], exclude: vec![text.clone()], set: vec![text.clone()], config: None };
        let _ = combine(None, &all, &Environment::default());
        for key in keys::KEYS.iter().filter(|key| !key.env.is_empty()) {
            let _ = with_env("", &[(key.env, &text)]);
        }
    }
}
