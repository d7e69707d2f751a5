//! The endpoint that Prometheus pulls from.
//!
//! HTTP/1.1, one answer for each connection: as little as a scraper needs. The text is made by the capture loop, which alone
//! has the numbers.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    time::Duration,
};

use super::exposition::Format;
use crate::kernel::privileges::renounce;

/// Longest request head in bytes, and the most pieces that it may come in: an asker that dribbles does not stay for ever.
const MAX_HEAD: usize = 8192;
const MAX_READS: usize = 64;
/// Askers at a time.
const MAX_CLIENTS: usize = 8;
/// How long an asker may take to ask, and to read.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the capture loop may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Somebody asks for the metrics.
#[derive(Debug)]
pub struct Scrape {
    /// In which format.
    pub format: Format,
    /// Where the text goes.
    pub reply: SyncSender<String>,
}

/// The listening side.
#[derive(Debug)]
pub struct Listener {
    /// Askers that wait for the capture loop.
    pub pending: Receiver<Scrape>,
    address: SocketAddr,
}

/// The endpoint cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error(
    "the metrics endpoint {address} cannot be opened: {source}; name another with metrics.listen, or none"
)]
pub struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

impl Listener {
    /// Listens at an address.
    pub fn listen(address: SocketAddr) -> Result<Self, ListenError> {
        let failed = |source| ListenError { address, source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (sender, pending) = channel();
        std::thread::Builder::new()
            .name("tracer-metrics".into())
            .spawn(move || {
                renounce();
                accept(&listener, &sender);
            })
            .map_err(failed)?;
        Ok(Self { pending, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn accept(listener: &TcpListener, sender: &Sender<Scrape>) {
    let clients = Arc::new(());
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            std::thread::sleep(Duration::from_millis(100));
            continue;
        };
        if Arc::strong_count(&clients) > MAX_CLIENTS {
            // Who asks again later finds room.
            let _ = answer(&stream, "503 Service Unavailable", "text/plain", "Too many ask at once.\n");
            continue;
        }
        let (guard, sender) = (clients.clone(), sender.clone());
        // A thread that cannot be started leaves the asker with a closed connection.
        let _ = std::thread::Builder::new().name("tracer-scrape".into()).spawn(move || {
            // The asker may be gone.
            let _ = serve(&stream, &sender);
            drop(guard);
        });
    }
}

fn serve(stream: &TcpStream, sender: &Sender<Scrape>) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let plain = "text/plain; charset=utf-8";
    let Some(head) = read_head(stream)? else {
        return answer(
            stream,
            "431 Request Header Fields Too Large",
            plain,
            "The request head is too large.\n",
        );
    };
    let Some(request) = Request::parse(&head) else {
        return answer(stream, "400 Bad Request", plain, "This is no HTTP request.\n");
    };
    if !matches!(request.method, "GET" | "HEAD") {
        return answer(stream, "405 Method Not Allowed", plain, "Metrics are had with GET.\n");
    }
    if request.path != "/metrics" {
        return answer(stream, "404 Not Found", plain, "Metrics are at /metrics.\n");
    }
    let format = Format::accepted(request.accept);
    let (reply, text) = sync_channel(1);
    let sent = sender.send(Scrape { format, reply });
    match sent.ok().and_then(|()| text.recv_timeout(ANSWER).ok()) {
        Some(text) if request.method == "GET" => answer(stream, "200 OK", format.content_type(), &text),
        Some(_) => answer(stream, "200 OK", format.content_type(), ""),
        None => answer(stream, "503 Service Unavailable", plain, "The tracer is busy or stopping.\n"),
    }
}

/// A request head up to its empty line; `None` if it is too long or comes in too many pieces.
fn read_head(mut stream: impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    let mut part = [0; 1024];
    for _ in 0..MAX_READS {
        if head.windows(4).any(|four| four == b"\r\n\r\n") {
            return Ok(Some(head));
        }
        if head.len() > MAX_HEAD {
            return Ok(None);
        }
        match stream.read(&mut part)? {
            0 => return Ok(Some(head)),
            count => head.extend_from_slice(&part[..count]),
        }
    }
    Ok(None)
}

/// What counts of a request.
#[derive(Debug, PartialEq, Eq)]
struct Request<'a> {
    method: &'a str,
    path: &'a str,
    accept: &'a str,
}

impl<'a> Request<'a> {
    fn parse(head: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(head).ok()?;
        let mut lines = text.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        let accept = lines.filter_map(|line| line.split_once(':'));
        let accept = accept
            .filter(|(name, _)| name.eq_ignore_ascii_case("accept"))
            .map(|(_, value)| value.trim())
            .next();
        let path = target.split('?').next().unwrap_or_default();
        version.starts_with("HTTP/1.").then_some(Self { method, path, accept: accept.unwrap_or_default() })
    }
}

fn answer(mut stream: &TcpStream, status: &str, content_type: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a listener answers, whose capture loop writes the name of the format.
    fn asked(request: &[u8]) -> String {
        let listener = Listener::listen(([127, 0, 0, 1], 0).into()).expect("a free port");
        let mut stream = TcpStream::connect(listener.address()).expect("it listens");
        stream.write_all(request).expect("it reads");
        stream.shutdown(std::net::Shutdown::Write).expect("an open connection");
        let loop_ = std::thread::spawn(move || {
            if let Ok(scrape) = listener.pending.recv_timeout(Duration::from_millis(500)) {
                let _ = scrape.reply.send(format!("{:?}", scrape.format));
            }
        });
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("text");
        loop_.join().expect("no panic");
        text
    }

    #[test]
    fn a_scraper_gets_the_format_that_it_asks_for() {
        let answer =
            asked(b"GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\naccept: application/openmetrics-text\r\n\r\n");
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text;"),
            "{answer}"
        );
        assert!(answer.ends_with("\r\n\r\nOpenMetrics"), "{answer}");
        let answer = asked(b"GET /metrics HTTP/1.0\r\n\r\n");
        assert!(answer.contains("version=0.0.4") && answer.ends_with("\r\n\r\nText"), "{answer}");
        assert!(asked(b"HEAD /metrics HTTP/1.1\r\n\r\n").ends_with("\r\n\r\n"));
    }

    /// Sends one byte at a time, without an end.
    struct Dribble;

    impl Read for Dribble {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer[0] = b'x';
            Ok(1)
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let long = [b"GET /metrics HTTP/1.1\r\nX: ".as_slice(), &[b'x'; 2 * MAX_HEAD]].concat();
        let cases: [(&[u8], &str); 6] = [
            (b"GET / HTTP/1.1\r\n\r\n", "404"),
            (b"POST /metrics HTTP/1.1\r\n\r\n", "405"),
            (b"\x16\x03\x01", "400"),
            (b"GET /metrics\r\n\r\n", "400"),
            (b"", "400"),
            (b"GET /metrics SMTP\r\n\r\n", "400"),
        ];
        for (request, status) in cases {
            let answer = asked(request);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        }
        assert!(read_head(long.as_slice()).expect("memory").is_none());
        assert!(read_head(Dribble).expect("bytes").is_none());
    }
}
