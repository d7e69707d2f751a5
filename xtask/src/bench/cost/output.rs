//! What the machine says (`tests/vm/cost`): sections that begin with a line `@NAME WORDS`.

use anyhow::{Context as _, Result, bail, ensure};
use serde::Serialize;

use crate::bench::daemon::Status;
use crate::bench::measure::{Traced, compare};
use crate::bench::wrk;

/// Nanoseconds, and so instructions, of a second.
const SECOND: f64 = 1e9;

/// What was measured in a machine.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    /// The loads in their order.
    pub(super) samples: Vec<Sample>,
    /// Memory that the kernel has set aside for the daemon, bytes: maps, rings, programs.
    pub(super) kernel_bytes: u64,
    /// Resident memory of the daemon after all loads, bytes; shared pages of the rings are in it twice.
    pub(super) resident_bytes: u64,
}

/// A load.
#[derive(Debug, Serialize)]
pub(super) struct Sample {
    /// `base`, `traced`, `exported` or `timed`.
    pub(super) variant: String,
    /// `pair` or `page`.
    pub(super) workload: String,
    /// Requests that were answered.
    pub(super) requests: u64,
    /// Requests a second.
    pub(super) rate: f64,
    /// Instructions of the whole machine for a request, but those of its idle task; with what the daemon still had to do
    /// after the load.
    pub(super) instructions: f64,
    /// Instructions of the daemon for a request.
    pub(super) daemon: f64,
    /// What the daemon says of it.
    pub(super) tracer: Option<Traced>,
}

/// Reads all of it.
pub(super) fn read(output: &str) -> Result<Measured> {
    let mut reader = Reader::default();
    for section in output.split("\n@").map(|section| section.trim_start_matches('@')) {
        let (line, body) = section.split_once('\n').unwrap_or((section, ""));
        reader.section(&line.split_whitespace().collect::<Vec<_>>(), body)?;
    }
    let Reader { samples, kernel_bytes, resident_bytes, .. } = reader;
    ensure!(!samples.is_empty(), "There is no load in it.");
    Ok(Measured {
        samples,
        kernel_bytes: kernel_bytes.context("The memory of the kernel is not in it.")?,
        resident_bytes: resident_bytes.context("The memory of the daemon is not in it.")?,
    })
}

#[derive(Default)]
struct Reader {
    samples: Vec<Sample>,
    kernel_bytes: Option<u64>,
    resident_bytes: Option<u64>,
    /// What was read before the load that is the last.
    before: Option<Status>,
    cpu: [u64; 2],
}

impl Reader {
    fn section(&mut self, words: &[&str], body: &str) -> Result<()> {
        match words {
            ["status", "before"] => self.before = Some(status(body)?),
            ["cpu", "before"] => self.cpu[0] = cpu(body)?,
            ["load", variant, workload] => self.samples.push(sample(variant, workload, body)?),
            ["cpu", "end"] => self.cpu[1] = cpu(body)?,
            ["cpu", "after"] => {
                let (after, sample) = (cpu(body)?, self.samples.last_mut().context("No load before it.")?);
                let requests = sample.requests.max(1) as f64;
                sample.daemon = after.saturating_sub(self.cpu[0]) as f64 / requests;
                sample.instructions += after.saturating_sub(self.cpu[1]) as f64 / requests;
            }
            ["status", "after"] => {
                let before = self.before.take().context("No status before the load.")?;
                let sample = self.samples.last_mut().context("No load before it.")?;
                let ends = if sample.workload == "pair" { 3 } else { 1 };
                sample.tracer = Some(compare(&before, &status(body)?, (sample.requests, ends), 0));
            }
            ["failed"] => bail!("The daemon does not run in the machine; it says: {}", body.trim()),
            ["memory"] => self.kernel_bytes = Some(kernel_memory(body).context("memory.stat")?),
            ["resident"] => {
                self.resident_bytes = Some(field(body, "VmRSS:").context("VmRSS is missing.")? * 1024);
            }
            _ => {}
        }
        Ok(())
    }
}

fn status(text: &str) -> Result<Status> {
    serde_json::from_str(text).with_context(|| format!("The daemon's status makes no sense: {text}"))
}

/// The run time of all threads: the first number of their schedstat files (Documentation/scheduler/sched-stats.rst), nanoseconds.
fn cpu(text: &str) -> Result<u64> {
    let threads = text.lines().map(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    threads.sum::<Option<u64>>().context("The run time of the daemon's threads cannot be read.")
}

fn sample(variant: &str, workload: &str, body: &str) -> Result<Sample> {
    let wrk::Outcome { requests, rate, .. } =
        wrk::parse(body).with_context(|| format!("wrk says something else: {body}"))?;
    for sign in ["Socket errors", "Non-2xx"] {
        ensure!(!body.contains(sign), "Not every request was answered with success: {body}");
    }
    Ok(Sample {
        variant: variant.to_owned(),
        workload: workload.to_owned(),
        requests,
        rate,
        instructions: SECOND / rate * (1.0 - idle(body).context("The idle time is missing.")?),
        daemon: 0.0,
        tracer: None,
    })
}

/// The share of the time between two looks at /proc/uptime (proc(5)) in which the machine did nothing.
fn idle(body: &str) -> Option<f64> {
    let mut looks = body.lines().filter_map(|line| {
        let mut numbers = line.strip_prefix("uptime ")?.split_whitespace().map(str::parse::<f64>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    });
    let (before, after) = (looks.next()?, looks.next()?);
    let time = after.0 - before.0;
    (time > 0.0).then(|| (after.1 - before.1) / time)
}

/// What a cgroup's memory.stat (Documentation/admin-guide/cgroup-v2.rst) says of the kernel's memory, without what every process has.
fn kernel_memory(text: &str) -> Option<u64> {
    Some(field(text, "kernel")? - field(text, "pagetables")? - field(text, "kernel_stack")?)
}

fn field(text: &str, name: &str) -> Option<u64> {
    let mut fields = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    fields.find(|fields| fields.first() == Some(&name))?.get(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRK: &str =
        "  50%  1.00ms\n  99%  1.03ms\n  200 requests in 1.00s, 18.37MB read\nRequests/sec: 1000.00\n";

    fn status(finished: u64) -> String {
        format!(
            r#"{{"programs": [], "drops": [], "spans": {{"finished": {finished}, "waiting": 0, "exported": 0}},
                 "records": 0, "rss_bytes": 0, "cpu_ms": 0}}"#
        )
    }

    fn output() -> String {
        let uptime = |text: &str| format!("uptime {text}\n");
        let base = format!(
            "@load base pair\n{}{WRK}{}@cpu end\n@cpu after\n",
            uptime("10.0 3.0"),
            uptime("14.0 4.0")
        );
        let traced = format!(
            "@status before\n{}\n@cpu before\n1000000 5 7\n@load traced pair\n{}{WRK}{}@cpu end\n5000000 1 1\n@cpu after\n6000000 1 1\n1000000 0 0\n@status after\n{}\n",
            status(7),
            uptime("20.0 5.0"),
            uptime("24.0 5.0"),
            status(607)
        );
        format!(
            "{base}@memory\nanon 5\nkernel 1000\nkernel_stack 100\npagetables 200\n{traced}@resident\nVmRSS:\t    7 kB\n@end\n"
        )
    }

    #[test]
    fn a_request_costs_what_the_machine_did_and_did_not_sleep() {
        let measured = read(&output()).expect("whole");
        let [base, traced] = &measured.samples[..] else { panic!("{:?}", measured.samples) };
        assert_eq!((base.instructions.round(), base.daemon.round()), (750_000.0, 0.0));
        assert!(base.tracer.is_none());
        // A million a request, and what the daemon did afterwards: two million for 200 requests.
        assert_eq!((traced.instructions.round(), traced.daemon.round()), (1_010_000.0, 30_000.0));
        assert_eq!(traced.tracer.as_ref().expect("traced").spans, 600);
        assert_eq!((measured.kernel_bytes, measured.resident_bytes), (700, 7168));
    }

    #[test]
    fn what_is_missing_or_wrong_is_an_error() {
        for part in ["@memory", "@resident", "Requests/sec", "uptime", "@status before"] {
            assert!(read(&output().replace(part, "@x")).is_err(), "{part}");
        }
        assert!(
            read(&output().replace("Requests/sec", "Non-2xx or 3xx responses: 7\nRequests/sec")).is_err()
        );
        assert!(read("").is_err());
    }
}
