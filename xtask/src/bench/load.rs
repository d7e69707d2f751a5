//! Load at a fixed rate, which wrk does not have: how late an answer is counts from when its request was due.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::process::go_on;

/// Requests go out in bursts, one burst in this time: waking up for each would cost more than the requests.
const BURST: Duration = Duration::from_millis(1);
/// Most requests of a burst, each on its own connection. What is more is late.
const MAX_CONNECTIONS: usize = 256;
/// A server that is silent for so long is broken.
const SILENCE: Duration = Duration::from_secs(10);
/// Longest answer that is understood, bytes.
const MAX_ANSWER: usize = 64 << 10;

/// What a load was.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outcome {
    /// Requests that were sent and answered.
    pub(super) requests: u64,
    /// Requests a second.
    pub(super) rate: f64,
    /// Median time from when a request was due to its answer, microseconds.
    pub(super) p50_us: f64,
    /// 99th percentile of that, microseconds.
    pub(super) p99_us: f64,
}

/// Requests a page `rate` times a second until `stop`.
pub(super) fn run(
    address: SocketAddr,
    path: &str,
    rate: u64,
    mut stop: impl FnMut(Duration) -> bool,
) -> Result<Outcome> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: bench\r\n\r\n");
    let wanted = (rate as f64 * BURST.as_secs_f64()).ceil() as usize;
    let mut connections = (0..wanted.clamp(1, MAX_CONNECTIONS))
        .map(|_| Connection::open(address))
        .collect::<Result<Vec<_>>>()?;
    let start = Instant::now();
    let mut sent = 0u64;
    let mut late_us = Vec::new();
    while !stop(start.elapsed()) {
        go_on()?;
        let owed = ((start.elapsed().as_secs_f64() * rate as f64) as u64).saturating_sub(sent) as usize;
        if owed == 0 {
            // To the next burst, or to the next request where that is later.
            let next = due(start, sent, rate).saturating_duration_since(Instant::now());
            sleep(next.max(BURST / 2));
            continue;
        }
        let burst = owed.min(connections.len());
        for connection in &mut connections[..burst] {
            connection.stream.write_all(request.as_bytes()).context("A request could not be sent.")?;
        }
        for (at, connection) in connections[..burst].iter_mut().enumerate() {
            connection.answer()?;
            late_us.push(due(start, sent + at as u64, rate).elapsed().as_micros() as u32);
        }
        sent += burst as u64;
    }
    let seconds = start.elapsed().as_secs_f64();
    late_us.sort_unstable();
    Ok(Outcome {
        requests: sent,
        rate: sent as f64 / seconds,
        p50_us: percentile(&late_us, 0.5),
        p99_us: percentile(&late_us, 0.99),
    })
}

/// When the request of this number is due.
fn due(start: Instant, number: u64, rate: u64) -> Instant {
    start + Duration::from_nanos((number + 1) * 1_000_000_000 / rate)
}

fn percentile(sorted: &[u32], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * part).round() as usize).copied().unwrap_or(0).into()
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Length of an answer, once one was seen: the same page has the same length every time.
    answer: usize,
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("Nobody listens on {address}."))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        Ok(Self { stream, buffer: vec![0; MAX_ANSWER], answer: 0 })
    }

    /// Reads one answer.
    fn answer(&mut self) -> Result<()> {
        let mut filled = 0;
        while self.answer == 0 || filled < self.answer {
            let count = self.stream.read(&mut self.buffer[filled..]).context("An answer did not come.")?;
            if count == 0 {
                bail!("The server closed a connection, or answers with more than {MAX_ANSWER} bytes.");
            }
            filled += count;
            if self.answer == 0 {
                self.answer = whole_length(&self.buffer[..filled]).unwrap_or(0);
            }
        }
        if filled > self.answer || !self.buffer.starts_with(b"HTTP/1.1 200 ") {
            bail!(
                "The server answers otherwise than before: {}",
                String::from_utf8_lossy(&self.buffer[..filled.min(200)])
            );
        }
        Ok(())
    }
}

/// Length of an answer, head and body, once its head is complete.
pub(super) fn whole_length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    Some(head + content_length(&bytes[..head])?)
}

/// The value of the field Content-Length (RFC 9110 section 8.6).
pub(super) fn content_length(head: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(head).ok()?;
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn an_answer_is_as_long_as_its_head_says() {
        assert_eq!(whole_length(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel"), Some(43));
        assert_eq!(whole_length(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"), None);
    }

    #[test]
    fn percentiles_are_of_the_sorted() {
        let sorted: Vec<u32> = (0..=100).collect();
        let of = |sorted: &[u32]| [0.5, 0.99].map(|part| percentile(sorted, part).to_string());
        assert_eq!(of(&sorted), ["50", "99"]);
        assert_eq!(of(&[]), ["0", "0"]);
    }

    #[test]
    fn every_request_is_counted_that_a_server_saw() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut seen = 0;
            let mut buffer = [0; 4096];
            while stream.read(&mut buffer).is_ok_and(|count| count > 0) {
                seen += 1;
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").expect("answered");
            }
            seen
        });
        let mut looks = 0;
        let stop = |_| {
            looks += 1;
            looks > 50
        };
        let outcome = run(address, "/", 1000, stop).expect("answers");
        assert_eq!(outcome.requests, server.join().expect("the server ends"));
    }
}
