//! Requests over a number of kept connections, a thread for each.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::ids::{Kind, front_path};
use crate::bench::load::whole_length;
use crate::bench::process::go_on;

/// An answer that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer that is understood, bytes.
const MAX_ANSWER: usize = 16 << 10;

/// A request to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    /// Tells it from all others of a run.
    pub(super) id: String,
    /// What the front does for it.
    pub(super) kind: Kind,
}

/// What a load was.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Time to the answer by kind, microseconds, of requests that were answered with 200.
    pub(super) latencies_us: Vec<(Kind, f64)>,
    /// Why requests failed.
    pub(super) failures: Vec<String>,
}

/// Makes the requests, `concurrency` of them at a time. `with_ids`: each has its id in a header, too.
pub(super) fn run(
    address: SocketAddr,
    requests: &[Request],
    concurrency: usize,
    with_ids: bool,
) -> Result<Outcome> {
    let next = AtomicUsize::new(0);
    let outcome = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..concurrency).map(|_| scope.spawn(|| work(address, requests, with_ids, &next))).collect();
        let mut all = Outcome::default();
        for worker in workers {
            let part = worker.join().unwrap_or_default();
            all.latencies_us.extend(part.latencies_us);
            all.failures.extend(part.failures);
        }
        all
    });
    go_on()?;
    Ok(outcome)
}

fn work(address: SocketAddr, requests: &[Request], with_ids: bool, next: &AtomicUsize) -> Outcome {
    let mut outcome = Outcome::default();
    let mut kept = None;
    while go_on().is_ok() {
        let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
        let start = Instant::now();
        let header = if with_ids { format!("X-Request-Id: {}\r\n", request.id) } else { String::new() };
        match ask(address, &mut kept, &front_path(request.kind, &request.id), &header) {
            Ok(()) => outcome.latencies_us.push((request.kind, start.elapsed().as_secs_f64() * 1e6)),
            Err(error) => {
                kept = None;
                outcome.failures.push(format!("{}: {error:#}", request.id));
            }
        }
    }
    outcome
}

/// One request, over the kept connection where the server has left one.
fn ask(address: SocketAddr, kept: &mut Option<TcpStream>, path: &str, header: &str) -> Result<()> {
    let mut stream = match kept.take() {
        Some(stream) => stream,
        None => connect(address)?,
    };
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{header}\r\n").as_bytes())
        .context("The request could not be sent.")?;
    let mut buffer = [0; MAX_ANSWER];
    let mut filled = 0;
    while whole_length(&buffer[..filled]).is_none_or(|length| filled < length) {
        let count = stream.read(&mut buffer[filled..]).context("The answer did not come.")?;
        if count == 0 {
            bail!("The server closed the connection before its answer.");
        }
        filled += count;
    }
    let answer = String::from_utf8_lossy(&buffer[..filled]);
    if !answer.starts_with("HTTP/1.1 200 ") {
        bail!("The answer is {}", answer.lines().next().unwrap_or_default());
    }
    if !answer.to_ascii_lowercase().contains("\r\nconnection: close") {
        *kept = Some(stream);
    }
    Ok(())
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).context("The connection was not accepted.")?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}
