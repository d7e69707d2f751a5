//! swarm ADDRESS CONNECTIONS ROUNDS PATH: that many connections open at once, and a request in flight on every one of them
//! at the same time, round after round. The request of connection C in round R is for PATH/R/C.

#![forbid(unsafe_code)]

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use anyhow::{Context as _, ensure};
use clap::Parser;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

#[derive(Parser)]
struct Args {
    address: SocketAddr,
    connections: usize,
    rounds: usize,
    path: String,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let mut streams = Vec::with_capacity(args.connections);
    for _ in 0..args.connections {
        streams.push(TcpStream::connect(args.address).context("A connection was refused.")?);
    }
    for round in 0..args.rounds {
        for (number, stream) in streams.iter_mut().enumerate() {
            write!(stream, "GET {}/{round}/{number} HTTP/1.1\r\nHost: swarm\r\n\r\n", args.path)?;
        }
        for stream in &mut streams {
            read_response(stream)?;
        }
    }
    Ok(())
}

/// Reads a response with a Content-Length.
fn read_response(stream: &mut TcpStream) -> anyhow::Result<()> {
    let mut received = Vec::new();
    let mut part = [0; 4096];
    loop {
        let count = stream.read(&mut part)?;
        ensure!(count > 0, "The service closed a connection.");
        received.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&received);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        ensure!(head.starts_with("HTTP/1.1 200 "), "The service answered: {head}");
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok())
            .context("The response has no Content-Length.")?;
        if body.len() >= length {
            return Ok(());
        }
    }
}
