//! The running daemon has the privileges that it needs, and no others.

use std::{collections::BTreeSet, fs, process::Command};

use tracer_tests::{
    apps::{curl, threaded_backend, tls_service},
    command::run,
    daemon::{Daemon, Options, tracer},
    scenario::{Scenario, workspace},
    tree::assert_trees,
};

/// What every daemon keeps: capabilities by their bits (include/uapi/linux/capability.h).
const KEPT: [(u32, &str); 5] =
    [(2, "DAC_READ_SEARCH"), (19, "SYS_PTRACE"), (38, "PERFMON"), (39, "BPF"), (40, "CHECKPOINT_RESTORE")];
const NET_ADMIN: u32 = 12;
/// Only on kernels that want it for probes, and cannot set many at a time.
const SYS_ADMIN: u32 = 21;

/// Whether the kernel sets many probes at a time.
fn probes_together() -> bool {
    fs::read_to_string("/proc/kallsyms").unwrap().contains(" bpf_uprobe_multi_link_attach")
}

/// What proc_pid_status(5) says of a thread.
struct Privileges {
    permitted: BTreeSet<u32>,
    effective: BTreeSet<u32>,
    bounding: BTreeSet<u32>,
    no_new_privs: bool,
    filtered: bool,
}

impl Privileges {
    fn of(status: &str) -> Self {
        let field = |name: &str| {
            status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap().trim()
        };
        let set = |name: &str| {
            let bits = u64::from_str_radix(field(name), 16).unwrap();
            (0..64).filter(|bit| bits & (1 << bit) != 0).collect()
        };
        Self {
            permitted: set("CapPrm"),
            effective: set("CapEff"),
            bounding: set("CapBnd"),
            no_new_privs: field("NoNewPrivs") == "1",
            filtered: field("Seccomp") == "2",
        }
    }
}

fn of_every_thread(daemon: &Daemon) -> Vec<Privileges> {
    let threads = fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap();
    let statuses = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("status")).unwrap());
    statuses.map(|status| Privileges::of(&status)).collect()
}

fn of_the_main_thread(daemon: &Daemon) -> Privileges {
    Privileges::of(&fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap())
}

fn kept(more: &[u32]) -> BTreeSet<u32> {
    KEPT.iter().map(|(bit, _)| *bit).chain(more.iter().copied()).collect()
}

/// The main thread has these, and the other threads have no others.
#[track_caller]
fn assert_reduced(daemon: &Daemon, expected: &BTreeSet<u32>) {
    let mut main = of_the_main_thread(daemon).permitted;
    let optional = (!probes_together()).then_some(SYS_ADMIN);
    main.retain(|capability| Some(*capability) != optional);
    assert_eq!(&main, expected);
    let allowed: BTreeSet<u32> = expected.iter().copied().chain(optional).collect();
    let threads = of_every_thread(daemon);
    assert!(threads.len() > 1, "the daemon has helpers");
    for thread in threads {
        assert!(thread.permitted.is_subset(&allowed), "{:?}", thread.permitted);
        assert_eq!(thread.effective, thread.permitted);
        assert!(thread.no_new_privs && thread.filtered);
    }
}

const PAIR: &str = r#"
    CLIENT curl "GET" 200
      SERVER threaded_backend "GET /least/hello" 200 by socket
    "#;

/// What it has left is enough for processes and TLS libraries that come later, for its control socket and for its end.
#[test]
fn a_daemon_has_what_it_needs_and_traces_what_starts_later() {
    let scenario = Scenario::start("privileges-least");
    let daemon = scenario.daemon();
    assert_reduced(&daemon, &kept(&[]));
    let service = tls_service(&scenario, "threaded_backend.py", None);
    curl(["--insecure", &format!("https://{}/least/hello", service.address())]);
    assert_trees(&scenario.finish(daemon, "/least", 2), PAIR);
}

#[test]
fn writing_trace_context_keeps_one_more() {
    let scenario = Scenario::start("privileges-propagation");
    let daemon = scenario.daemon_with(Options::config("[propagation]\nenabled = true\n"));
    assert_reduced(&daemon, &kept(&[NET_ADMIN]));
    assert_eq!(daemon.status().propagation.state, "on");
    daemon.stop();
}

#[test]
fn who_does_not_want_that_gets_a_daemon_as_it_is_started() {
    let scenario = Scenario::start("privileges-off");
    let daemon =
        scenario.daemon_with(Options::config("[security]\ndrop_capabilities = false\nseccomp = false\n"));
    let own = Privileges::of(&fs::read_to_string("/proc/self/status").unwrap());
    let main = of_the_main_thread(&daemon);
    assert_eq!(main.permitted, own.permitted);
    assert_eq!(main.bounding, own.bounding);
    assert!(!main.no_new_privs && !main.filtered);
    daemon.stop();
}

/// The capabilities of the systemd unit, and no more, are enough.
#[test]
fn the_units_capabilities_are_enough() {
    let scenario = Scenario::start("privileges-unit");
    let unit = fs::read_to_string(workspace().join("deploy/tracer.service")).unwrap();
    let bounds = unit.lines().find_map(|line| line.strip_prefix("CapabilityBoundingSet=")).unwrap();
    let bounds: Vec<_> =
        bounds.split(' ').map(|name| name.trim_start_matches("CAP_").to_lowercase()).collect();
    let mut command = Command::new("setpriv");
    command.args([
        "--no-new-privs",
        "--inh-caps=-all",
        &format!("--bounding-set=-all,+{}", bounds.join(",+")),
    ]);
    command.arg(tracer().get_program()).args(["agent", "--socket"]).arg(scenario.file("tracer.sock"));
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", scenario.receiver.endpoint());
    command.env("OTEL_EXPORTER_OTLP_PROTOCOL", scenario.receiver.transport().protocol());
    let daemon = Daemon::start_command(&scenario, "tracer", command, "tracer is attached");
    assert_reduced(&daemon, &kept(&[]));
    let service = tls_service(&scenario, "threaded_backend.py", None);
    curl(["--insecure", &format!("https://{}/least/hello", service.address())]);
    let plain = threaded_backend(&scenario, None);
    curl([plain.url("/least/hello")]);
    scenario.receiver.wait_for("/least", 4);
    daemon.stop();
    let twice = format!("{}{}", PAIR.trim_end(), PAIR);
    assert_trees(&scenario.receiver.spans_under("/least"), &twice);
}

/// What `tracer exec` starts is started as by anybody else.
#[test]
fn a_command_that_is_traced_has_its_privileges() {
    let scenario = Scenario::start("privileges-exec");
    let file = scenario.file("status");
    run(tracer().args(["exec", "--", "cp", "/proc/self/status"]).arg(&file));
    let own = Privileges::of(&fs::read_to_string("/proc/self/status").unwrap());
    let its = Privileges::of(&fs::read_to_string(file).unwrap());
    assert_eq!((its.permitted, its.bounding), (own.permitted, own.bounding));
    assert!(!its.no_new_privs && !its.filtered);
}
