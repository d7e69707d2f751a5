//! steady ADDRESS CLIENTS PATH GATE: each client asks for PATH until the file GATE exists, ten requests on a connection. Every one has to be
//! answered with 200 and a body; prints how many were.

#![forbid(unsafe_code)]

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use clap::Parser;

#[derive(Parser)]
struct Args {
    address: SocketAddr,
    clients: usize,
    path: String,
    gate: PathBuf,
}

/// Requests on one connection.
const KEPT: usize = 10;
/// Nobody is held up for so long.
const SILENCE: Duration = Duration::from_secs(20);

#[expect(clippy::print_stdout, reason = "the result of the program")]
fn main() -> anyhow::Result<()> {
    let Args { address, clients, path, gate } = Args::parse();
    let total = thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(|| ask(address, &path, &gate))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum::<anyhow::Result<usize>>()
    })?;
    println!("{total}");
    Ok(())
}

fn ask(address: SocketAddr, path: &str, gate: &Path) -> anyhow::Result<usize> {
    let mut answered = 0;
    while !gate.exists() {
        let mut stream = TcpStream::connect(address).context("A connection was refused.")?;
        stream.set_read_timeout(Some(SILENCE))?;
        for _ in 0..KEPT {
            write!(stream, "GET {path} HTTP/1.1\r\nHost: steady\r\n\r\n")?;
            let answer = answer(&mut stream)?;
            ensure!(answer.starts_with("HTTP/1.1 200 "), "The service answered: {answer}");
            answered += 1;
            thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(answered)
}

/// A head, and the few bytes of the body behind it.
fn answer(stream: &mut TcpStream) -> anyhow::Result<String> {
    let mut received = Vec::new();
    let mut part = [0; 4096];
    loop {
        let count = stream.read(&mut part).context("No answer came.")?;
        ensure!(count > 0, "The service closed a connection.");
        received.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&received);
        if text.contains("\r\n\r\n") && text.ends_with("hello\n") {
            return Ok(text.into_owned());
        }
    }
}
