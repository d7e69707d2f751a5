//! Memory of traces that wait for the policies of sampling.

use std::process::{Command, ExitCode};

use super::{
    Daemon, config,
    script::{SHAPES, Shape},
};

/// Tells this program to be the one whose memory is measured; a shape follows.
pub(super) const CHILD: &str = "--waiting-child";

/// Traces that wait.
const TRACES: u64 = 50_000;

/// All wait, however much memory they take.
const POLICIES: &str = r#"
[sampling.tail]
decision_wait = "10m"
max_bytes = 17179869184
policies = [{ name = "all", type = "always_sample" }]
"#;

/// Has traces wait; prints how many, how many spans, and their bytes as sampling counts them and as the system does.
pub(super) fn child(shape: Shape) {
    let records = shape.records(TRACES);
    let mut daemon = Daemon::new(&config(POLICIES), false);
    let before = resident();
    daemon.take(&records);
    let after = resident();
    let (census, spans) = (daemon.census().sampling, daemon.spans());
    println!("{} {spans} {} {}", census.waiting_traces, census.waiting_bytes, after.saturating_sub(before));
}

/// Each shape in a process of its own, so that none is given memory that another one left.
pub(super) fn report() -> ExitCode {
    const MIB: f64 = (1 << 20) as f64;
    for shape in SHAPES {
        let Some([traces, spans, counted, resident]) = measure(shape) else {
            println!("The memory of waiting traces could not be measured.");
            return ExitCode::FAILURE;
        };
        println!(
            "{:<8} {traces} traces of {:.0} spans wait: {:.1} MiB by sampling's own count, {:.1} MiB resident, {:.0} bytes a span",
            format!("{shape:?}"),
            spans / traces,
            counted / MIB,
            resident / MIB,
            resident / spans,
        );
    }
    ExitCode::SUCCESS
}

fn measure(shape: Shape) -> Option<[f64; 4]> {
    let output =
        Command::new(std::env::current_exe().ok()?).args([CHILD, &format!("{shape:?}")]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let figures: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    figures.try_into().ok()
}

/// Resident memory of this process, bytes (proc_pid_statm(5): the second field, in pages).
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    pages * 4096
}
