//! What is lost while a backend is down for long, with the queue on disk: batches are offered at a rate, nobody listens, the exporter is stopped
//! and started anew half-way, and then the backend is there.
//!
//! Counts do not depend on how busy the machine is; the times that are shown do.

#![allow(clippy::print_stdout, reason = "the figures are what this program is for")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use tracer_otlp::{Batch, DropReason, Endpoint, Exporter, Protocol, Settings, Signal, Stats, Storage};

/// Spans of a batch, and bytes of a span: what the daemon sends.
const BATCH: u64 = 512;
const SPAN: usize = 500;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    // What `cargo bench` adds is of no use here.
    let number = |name: &str, usual: u64| {
        let at = args.iter().position(|arg| arg == name);
        at.and_then(|at| args.get(at + 1)?.parse().ok()).unwrap_or(usual)
    };
    let (seconds, rate, bytes) =
        (number("--seconds", 20), number("--rate", 20_000), number("--bytes", 16 << 30));
    let directory = tempfile::tempdir().expect("a directory");
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|it| it.local_addr()).expect("a port");

    let batches = (seconds * rate).div_ceil(BATCH);
    let pause = Duration::from_secs_f64(BATCH as f64 / rate as f64);
    let (mut exporter, mut stats) = start(directory.path(), bytes, address);
    let (mut lost, mut longest, mut sum) = (0, Duration::ZERO, Duration::ZERO);
    let mut next = Instant::now();
    for at in 0..batches {
        if at == batches / 2 {
            exporter.shutdown(Duration::ZERO);
            lost += dropped(&stats);
            (exporter, stats) = start(directory.path(), bytes, address);
        }
        let mut payload = vec![at as u8; BATCH as usize * SPAN];
        payload[..8].copy_from_slice(&at.to_le_bytes());
        let offered = Instant::now();
        // What is not taken is counted.
        let _ = exporter.offer(Batch { payload: payload.into(), spans: BATCH as u32 });
        longest = longest.max(offered.elapsed());
        sum += offered.elapsed();
        next += pause;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let queued = stats.snapshot().queued_bytes;
    let up = Instant::now();
    let seen = Arc::new(Mutex::new(Vec::new()));
    serve(address, &seen);
    while stats.snapshot().queued_batches > 0 {
        thread::sleep(Duration::from_millis(10));
    }
    let drained = up.elapsed();
    lost += dropped(&stats);
    exporter.shutdown(Duration::from_secs(5));
    let mut seen = seen.lock().expect("no panic").clone();
    let came = seen.len();
    let in_order = seen.is_sorted();
    seen.sort_unstable();
    seen.dedup();
    println!("| figure | value |\n|---|---|");
    println!("| the backend was down for | {seconds} s at {rate} spans/s |");
    println!("| spans offered | {} |", batches * BATCH);
    println!("| spans that came, each once | {} |", seen.len() as u64 * BATCH);
    println!("| spans that came twice | {} |", (came - seen.len()) as u64 * BATCH);
    println!("| spans counted as lost | {lost} |");
    println!("| batches came in the order in which they were offered | {in_order} |");
    println!("| on disk at the end of the outage | {} MiB |", queued >> 20);
    println!("| time until all was delivered | {:.1} s |", drained.as_secs_f64());
    println!("| to offer a batch, mean and longest | {:?}, {longest:?} |", sum / batches as u32);
}

fn start(directory: &Path, bytes: u64, address: SocketAddr) -> (Exporter, Arc<Stats>) {
    let endpoint = Endpoint::http_base(&format!("http://{address}"), Signal::Traces).expect("a URL");
    let mut settings = Settings::new(Protocol::HttpProtobuf, endpoint);
    settings.storage = Some(Storage { directory: directory.to_owned(), bytes });
    // One request at a time: the order can be told.
    settings.concurrency = 1;
    let stats = Arc::new(Stats::default());
    (Exporter::start(settings, Arc::clone(&stats)).expect("the exporter starts"), stats)
}

fn dropped(stats: &Stats) -> u64 {
    DropReason::ALL.into_iter().map(|reason| stats.dropped(reason)).sum()
}

/// A backend that takes everything and notes the numbers of the batches.
fn serve(address: SocketAddr, seen: &Arc<Mutex<Vec<u64>>>) {
    let listener = TcpListener::bind(address).expect("the port is still free");
    let seen = Arc::clone(seen);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&seen);
            // A connection that breaks off is made anew by the exporter.
            thread::spawn(move || answer(&stream, &seen));
        }
    });
}

fn answer(stream: &TcpStream, seen: &Mutex<Vec<u64>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let number = u64::from_le_bytes(*body.first_chunk()?);
        seen.lock().ok()?.push(number);
        let mut stream = stream;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
    }
}
