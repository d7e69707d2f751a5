//! oddserver PORT GATE: an HTTP/1.1 server that does what servers do rarely. The last part of the path chooses:
//!
//! | path | answer |
//! |---|---|
//! | `status/N` | status N with a short body |
//! | `long-head` | 200 whose head is 20 kB |
//! | `empty` | 204 |
//! | `not-modified` | 304 with the Content-Length of the body that it does not send |
//! | `dribble` | 200, each byte in a write of its own |
//! | `last` | 200 with a short body, then the end of the connection |
//! | `old` | HTTP/1.0 200, the body ends with the connection |
//! | `upgrade` | 101, then every byte comes back |
//! | `gated` | 200 once the file GATE exists |
//! | `gated-download` | 10 MB by Content-Length, the second half once the file GATE exists |
//! | `gated-chunks` | 10 MB in chunks, the second half once the file GATE exists |
//! | `reset-mid-body` | a part of the body, and a reset once the file GATE exists |
//! | `close-mid-body` | a part of the body, then the end of the connection |
//! | `close-unanswered` | the end of the connection |
//! | `silent` | nothing, for as long as the client waits |
//! | anything else | 200 with a short body |

#![forbid(unsafe_code)]

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use clap::Parser;
use nix::{
    libc::linger,
    sys::socket::{setsockopt, sockopt::Linger},
};

/// Half of a large body.
const HALF: usize = 5_000_000;
/// Size of one chunk of a chunked body.
const CHUNK: usize = 50_000;

#[derive(Parser)]
struct Args {
    port: u16,
    gate: PathBuf,
}

struct Request {
    method: String,
    path: String,
}

fn main() -> anyhow::Result<()> {
    let Args { port, gate } = Args::parse();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    for stream in listener.incoming() {
        let (stream, gate) = (stream?, gate.clone());
        // A connection's error is the client's business: it went away, as some scenarios want.
        thread::spawn(move || serve(stream, &gate));
    }
    Ok(())
}

fn serve(mut stream: TcpStream, gate: &Path) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    stream.set_nodelay(true)?;
    while let Some(request) = read_request(&mut reader, &mut stream)? {
        let what = request.path.rsplit('/').next().unwrap_or_default();
        match what {
            "long-head" => {
                let filler = format!("X-Filler: {}\r\n", "f".repeat(1000)).repeat(20);
                write!(stream, "HTTP/1.1 200 OK\r\n{filler}Content-Length: 6\r\n\r\nhello\n")?;
            }
            "empty" => stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?,
            "not-modified" => {
                stream.write_all(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\n\r\n")?;
            }
            "dribble" => {
                for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n" {
                    stream.write_all(&[*byte])?;
                }
            }
            "last" => return hello(&mut stream, &request, 200),
            "old" => return stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nuntil the end\n"),
            "upgrade" => {
                stream.write_all(
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
                )?;
                io::copy(&mut reader, &mut stream)?;
            }
            "gated" => {
                wait_for(gate);
                hello(&mut stream, &request, 200)?;
            }
            "gated-download" => {
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 2 * HALF)?;
                stream.write_all(&vec![b'd'; HALF])?;
                wait_for(gate);
                stream.write_all(&vec![b'd'; HALF])?;
            }
            "gated-chunks" => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                chunks(&mut stream)?;
                wait_for(gate);
                chunks(&mut stream)?;
                stream.write_all(b"0\r\n\r\n")?;
            }
            "reset-mid-body" => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nnot all of it")?;
                wait_for(gate);
                // No lingering: the close sends a reset.
                return Ok(setsockopt(&stream, Linger, &linger { l_onoff: 1, l_linger: 0 })?);
            }
            "close-mid-body" => {
                return stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nnot all of it");
            }
            "close-unanswered" => return Ok(()),
            "silent" => {
                io::copy(&mut reader, &mut io::sink())?;
            }
            code if request.path.contains("/status/") => {
                hello(&mut stream, &request, code.parse().map_err(io::Error::other)?)?;
            }
            _ => hello(&mut stream, &request, 200)?,
        }
    }
    Ok(())
}

/// The next request, its body read; `100 Continue` is sent where it is waited for.
fn read_request(reader: &mut BufReader<TcpStream>, stream: &mut TcpStream) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut parts = line.split(' ').map(str::to_owned);
    let (Some(method), Some(path)) = (parts.next(), parts.next()) else {
        return Err(io::Error::other("not a request line"));
    };
    let (mut length, mut waits) = (0, false);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let header = header.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        waits |= header == "expect: 100-continue";
    }
    if waits {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    io::copy(&mut reader.take(length), &mut io::sink())?;
    Ok(Some(Request { method, path }))
}

fn hello(stream: &mut TcpStream, request: &Request, status: u16) -> io::Result<()> {
    let body = if request.method == "HEAD" { "" } else { "hello\n" };
    write!(stream, "HTTP/1.1 {status} Some Reason\r\nContent-Length: 6\r\n\r\n{body}")
}

fn chunks(stream: &mut TcpStream) -> io::Result<()> {
    let chunk = [format!("{CHUNK:x}\r\n").as_bytes(), &vec![b'c'; CHUNK], b"\r\n"].concat();
    for _ in 0..HALF / CHUNK {
        stream.write_all(&chunk)?;
    }
    Ok(())
}

fn wait_for(gate: &Path) {
    while !gate.exists() {
        thread::sleep(Duration::from_millis(5));
    }
}
