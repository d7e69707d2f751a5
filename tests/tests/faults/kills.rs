//! kill -9 at any moment.

use std::{
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tracer_tests::{
    apps::{Upstream, binary, nginx, threaded_backend},
    cgroup::Cgroup,
    command::output_of,
    daemon::Daemon,
    programs,
    scenario::Scenario,
    wait::{DEADLINE, wait_for},
};

/// How often the daemon is killed.
const KILLS: u32 = 100;

/// Numbers that are spread over their range, the same in every run: a linear congruential generator (Knuth, MMIX).
struct Spread(u64);

impl Spread {
    /// Up to `most`.
    fn next(&mut self, most: Duration) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        most.mul_f64((self.0 >> 40) as f64 / f64::from(1 << 24))
    }
}

/// A hundred daemons under load, killed while they load, attach, trace and write context: every request is answered, and the kernel
/// holds no program, map or attachment that no process has open.
#[test]
fn a_hundred_kills_under_load() {
    let scenario = Scenario::start("faults-kills");
    let cgroup = Cgroup::create("faults-kills");
    let backend = threaded_backend(&scenario, None);
    let front = nginx(&scenario, &Upstream::Kept(&backend));
    let before = programs::objects();
    let gate = scenario.file("gate");
    let mut load = Command::new(binary("steady"));
    load.args([&front.address().to_string(), "3", "/kills/hello"]).arg(&gate);
    let load = cgroup.inside(&load).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();

    let start = Instant::now();
    scenario.daemon_with(cgroup.options("")).kill();
    // As many are killed before they are attached as afterwards, give or take.
    let (most, mut spread) = (start.elapsed() * 2, Spread(1));
    let mut attached = 1;
    for _ in 1..KILLS {
        let daemon = Daemon::begin(&scenario, cgroup.options(""));
        thread::sleep(spread.next(most));
        attached += u32::from(daemon.is_attached());
        daemon.kill();
    }
    assert!(
        (10..KILLS - 10).contains(&attached),
        "{attached} of {KILLS} were killed once they were attached."
    );

    std::fs::write(&gate, "").unwrap();
    let output = output_of(load);
    let answered: u64 = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or(0);
    assert!(output.status.success() && answered > 1000, "{output:?}");
    let left = || {
        let held = programs::held();
        programs::objects()
            .into_iter()
            .filter(|object| !before.contains(object) && !held.contains(object))
            .collect::<Vec<_>>()
    };
    // The kernel frees what nobody has any more in its own time.
    let clean = wait_for(DEADLINE, || left().is_empty().then_some(()));
    assert!(clean.is_some(), "Nobody has these open, and they are still there: {:?}", left());
    // The sockets of before are as good as new ones, and so is the host.
    let daemon = scenario.daemon();
    tracer_tests::apps::curl([front.url("/kills-after/hello")]);
    let spans = scenario.finish(daemon, "/kills-after", 4);
    tracer_tests::tree::assert_trees(
        &spans,
        r#"
        CLIENT curl "GET" 200
          SERVER nginx "GET /kills-after/hello" 200 by socket
            CLIENT nginx "GET" 200 by turn
              SERVER threaded_backend "GET /kills-after/hello" 200 by socket
        "#,
    );
}
