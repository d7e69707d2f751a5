//! Instructions a span in the steady state, counted by valgrind.
//!
//! The counts are the same on a busy machine as on a quiet one, so that one change can be compared with another.

use std::process::{Command, ExitCode};

use super::{
    Daemon, POLICIES, STAGES, Stages, config,
    records::Record,
    script::{SHAPES, Shape},
    title,
};

/// Tells this program to be the one that is counted; a shape follows.
pub(super) const CHILD: &str = "--counted";
/// Tell the one that is counted to encode, and to sample.
pub(super) const ENCODE: &str = "--encode";
pub(super) const SAMPLE: &str = "--sample";

/// Exchanges from end to end. The first half is not counted: by then tables have their size and every name was seen.
const EXCHANGES: u64 = 4000;

/// Runs under valgrind; prints how many spans were made meanwhile.
pub(super) fn child(shape: Shape, stages: Stages) {
    let records = shape.records(EXCHANGES);
    let (warm_up, counted) = records.split_at(records.len() / 2);
    let mut daemon = Daemon::new(&config(if stages.sample { POLICIES } else { "" }), stages.encode);
    daemon.take(warm_up);
    let before = daemon.spans();
    steady(&mut daemon, counted);
    println!("{}", daemon.spans() - before);
}

/// What is counted, by its name: see [`count`].
#[inline(never)]
fn steady(daemon: &mut Daemon, records: &[Record]) {
    daemon.take(records);
}

/// Counts every shape and prints the figures.
pub(super) fn report() -> ExitCode {
    for shape in SHAPES {
        for stages in STAGES {
            match count(shape, stages) {
                Ok(instructions) => {
                    println!("{} {instructions:>6.0} instructions a span", title(shape, stages));
                }
                Err(reason) => {
                    println!("{reason}");
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    ExitCode::SUCCESS
}

/// Instructions a span.
fn count(shape: Shape, stages: Stages) -> Result<f64, String> {
    let this = std::env::current_exe().map_err(|error| format!("This program cannot be found: {error}."))?;
    let mut valgrind = Command::new("valgrind");
    // Callgrind counts from the entry of a function to its return (callgrind manual, `--toggle-collect`).
    valgrind.args([
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        "--toggle-collect=*::counted::steady",
    ]);
    valgrind
        .arg(this)
        .args([CHILD, &format!("{shape:?}")])
        .args(stages.encode.then_some(ENCODE))
        .args(stages.sample.then_some(SAMPLE));
    let output = valgrind.output().map_err(|error| {
        format!("valgrind could not be started ({error}); install it to have instructions counted.")
    })?;
    let says = String::from_utf8_lossy(&output.stderr);
    let collected =
        says.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse::<f64>().ok());
    let spans = String::from_utf8_lossy(&output.stdout).trim().parse::<f64>().ok();
    match (collected, spans) {
        (Some(collected), Some(spans)) if spans > 0.0 => Ok(collected / spans),
        _ => Err(format!("valgrind counted nothing; it says: {}", says.trim())),
    }
}
