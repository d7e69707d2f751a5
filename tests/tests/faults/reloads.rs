//! Orders to read the configuration again, faster than anybody would give them.

use std::{fs, thread, time::Duration};

use nix::sys::signal::Signal;
use tracer_tests::{
    apps::{Upstream, nginx},
    client::at_once,
    daemon::Options,
    scenario::Scenario,
    tree::assert_trees,
};

/// A good file, a bad one, and none at all take turns while requests are traced: none is missed.
#[test]
fn a_storm_of_reloads() {
    let scenario = Scenario::start("faults-reloads");
    let server = nginx(&scenario, &Upstream::None);
    let good = "[export]\nbatch_spans = 7\n";
    let daemon = scenario.daemon_with(Options::config(good));
    let file = scenario.file("tracer.toml");
    thread::scope(|scope| {
        let load = scope.spawn(|| at_once(server.address(), "/storm", 4, 250));
        let mut turn = 0;
        while !load.is_finished() || turn < 300 {
            match turn % 3 {
                0 => fs::write(&file, "[export]\nbatch_spans = \"many\"\n").unwrap(),
                1 => fs::remove_file(&file).unwrap(),
                _ => fs::write(&file, good).unwrap(),
            }
            daemon.signal(Signal::SIGHUP);
            turn += 1;
            thread::sleep(Duration::from_millis(1));
        }
    });
    assert_trees(
        &scenario.finish(daemon, "/storm", 2000),
        r#"
        1000 x CLIENT test "GET" 200
          SERVER nginx "GET /storm/{id}/{id}" 200 by socket
        "#,
    );
}
