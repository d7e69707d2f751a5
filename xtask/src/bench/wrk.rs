//! wrk: as many requests as go, over 16 connections from one thread.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::nginx::Nginx;
use super::process::{Running, service};

/// Connections, and so the most requests in flight.
pub(super) const CONNECTIONS: u64 = 16;

/// What a run of wrk says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Outcome {
    /// Requests that were answered.
    pub(super) requests: u64,
    /// Requests a second.
    pub(super) rate: f64,
    /// Median latency, microseconds.
    pub(super) p50_us: f64,
    /// 99th percentile of the latency, microseconds.
    pub(super) p99_us: f64,
}

/// What becomes of a connection after an answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Connections {
    /// It is used again.
    Kept,
    /// The next request has a new one.
    New,
}

/// How requests are made.
#[derive(Debug, Clone, Copy)]
pub(super) struct From<'a> {
    /// The cgroup to run in, if not that of this process.
    pub(super) cgroup: Option<&'a Path>,
    /// What becomes of connections.
    pub(super) connections: Connections,
}

/// Loads a page for some seconds over kept connections. wrk's words go through a file in `directory`.
pub(super) fn run(nginx: &Nginx, path: &str, seconds: u64, directory: &Path) -> Result<Outcome> {
    let from = From { cgroup: None, connections: Connections::Kept };
    run_from(from, nginx, path, seconds, directory)
}

/// As [`run`], with a choice.
pub(super) fn run_from(
    from: From<'_>,
    nginx: &Nginx,
    path: &str,
    seconds: u64,
    directory: &Path,
) -> Result<Outcome> {
    let file = directory.join("wrk.txt");
    let output = File::create(&file).with_context(|| format!("{} could not be written.", file.display()))?;
    let mut command = match from.cgroup {
        None => service("wrk"),
        Some(cgroup) => {
            let mut command = service("sh");
            command.args(["-c", "echo $$ > \"$0/cgroup.procs\" && exec \"$@\""]).arg(cgroup).arg("wrk");
            command
        }
    };
    if matches!(from.connections, Connections::New) {
        command.args(["-H", "Connection: close"]);
    }
    command.args(["--latency", "-t1", &format!("-c{CONNECTIONS}"), &format!("-d{seconds}s")]);
    command.arg(format!("{}://{}{path}", nginx.scheme.name(), nginx.address)).stdout(output);
    Running::start(&mut command)?.finish(Duration::from_secs(seconds + 30))?;
    let mut text = String::new();
    File::open(&file)?.read_to_string(&mut text)?;
    for sign in ["Socket errors", "Non-2xx"] {
        if let Some(line) = text.lines().find(|line| line.contains(sign)) {
            bail!("Not every request was answered with success, wrk says: {}.", line.trim());
        }
    }
    parse(&text).with_context(|| format!("wrk said something else than its version 4 does:\n{text}"))
}

/// Reads what wrk says.
pub(super) fn parse(text: &str) -> Option<Outcome> {
    let percentile = |wanted: &str| {
        let line = text.lines().map(str::trim).find(|line| line.starts_with(wanted))?;
        microseconds(line.split_whitespace().nth(1)?)
    };
    let words = |sign: &str| text.lines().find(|line| line.contains(sign)).map(str::split_whitespace);
    Some(Outcome {
        requests: words(" requests in ")?.next()?.parse().ok()?,
        rate: words("Requests/sec:")?.nth(1)?.parse().ok()?,
        p50_us: percentile("50%")?,
        p99_us: percentile("99%")?,
    })
}

/// `117.00us`, `1.03ms`, `2.00s`.
fn microseconds(text: &str) -> Option<f64> {
    let (digits, factor) = if let Some(digits) = text.strip_suffix("us") {
        (digits, 1.0)
    } else if let Some(digits) = text.strip_suffix("ms") {
        (digits, 1e3)
    } else {
        (text.strip_suffix('s')?, 1e6)
    };
    Some(digits.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_wrk_are_understood() {
        let text = "Running 1s test @ http://127.0.0.1:8080/\n  1 threads and 16 connections\n\
            \x20 Thread Stats   Avg      Stdev     Max   +/- Stdev\n\
            \x20   Latency   142.31us  211.50us   4.51ms   96.47%\n\
            \x20   Req/Sec   118.80k     9.52k  132.27k    70.00%\n\
            \x20 Latency Distribution\n     50%  117.00us\n     75%  134.00us\n     90%  161.00us\n     99%    1.03ms\n\
            \x20 118163 requests in 1.00s, 18.37MB read\nRequests/sec: 117981.42\nTransfer/sec:     18.34MB\n";
        let expected = Outcome { requests: 118_163, rate: 117_981.42, p50_us: 117.0, p99_us: 1030.0 };
        assert_eq!(parse(text), Some(expected));
        assert_eq!(parse("unable to connect"), None);
    }

    #[test]
    fn latencies_have_units() {
        assert_eq!(microseconds("2.50s"), Some(2.5e6));
        assert_eq!(microseconds("5m"), None);
    }
}
