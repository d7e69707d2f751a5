//! Questions that come over HTTP and are for the capture loop, which alone has the numbers: Prometheus', and those of SDKs that ask what to keep.
//!
//! HTTP/1.1, one answer for each connection: as little as such clients need.

mod request;

use std::{
    io::{self, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    time::Duration,
};

pub use self::request::Request;
use crate::kernel::privileges::renounce;

/// Askers at a time.
const MAX_CLIENTS: usize = 8;
/// How long an asker may take to ask, and to read.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the capture loop may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// What an endpoint is asked.
pub trait Question: Send + 'static {
    /// What the endpoint is for.
    const ENDPOINT: &'static str;
    /// The key of the configuration that names its address.
    const KEY: &'static str;
    /// The paths that are asked.
    const PATHS: &'static [&'static str];

    /// Reads a request for one of the paths; the error says what is wrong with it.
    fn read(request: &Request<'_>) -> Result<Self, &'static str>
    where
        Self: Sized;

    /// `Content-Type` of the answer.
    fn content_type(&self) -> &'static str;
}

/// Somebody asks.
#[derive(Debug)]
pub struct Asked<Q> {
    /// What.
    pub question: Q,
    /// Where the text goes.
    pub reply: SyncSender<String>,
}

/// The listening side.
#[derive(Debug)]
pub struct Listener<Q> {
    /// Askers that wait for the capture loop.
    pub pending: Receiver<Asked<Q>>,
    address: SocketAddr,
}

/// An endpoint cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("the {endpoint} endpoint {address} cannot be opened: {source}; name another with {key}, or none")]
pub struct ListenError {
    endpoint: &'static str,
    key: &'static str,
    address: SocketAddr,
    source: io::Error,
}

impl<Q: Question> Listener<Q> {
    /// Listens at an address.
    pub fn listen(address: SocketAddr) -> Result<Self, ListenError> {
        let failed = |source| ListenError { endpoint: Q::ENDPOINT, key: Q::KEY, address, source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (sender, pending) = channel();
        std::thread::Builder::new()
            .name("tracer-asked".into())
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

fn accept<Q: Question>(listener: &TcpListener, sender: &Sender<Asked<Q>>) {
    let clients = Arc::new(());
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            std::thread::sleep(Duration::from_millis(100));
            continue;
        };
        if Arc::strong_count(&clients) > MAX_CLIENTS {
            // Who asks again later finds room.
            let _ = refuse(&stream, "503 Service Unavailable", "Too many ask at once.");
            continue;
        }
        let (guard, sender) = (clients.clone(), sender.clone());
        // A thread that cannot be started leaves the asker with a closed connection.
        let _ = std::thread::Builder::new().name("tracer-answer".into()).spawn(move || {
            // The asker may be gone.
            let _ = serve(&stream, &sender);
            drop(guard);
        });
    }
}

fn serve<Q: Question>(stream: &TcpStream, sender: &Sender<Asked<Q>>) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let Some(head) = request::read_head(stream)? else {
        return refuse(stream, "431 Request Header Fields Too Large", "The request head is too large.");
    };
    let Some(request) = Request::parse(&head) else {
        return refuse(stream, "400 Bad Request", "This is no HTTP request.");
    };
    // A page of another site may have its own name lead here (DNS rebinding). Whoever is to be reached from elsewhere goes by any name.
    if stream.local_addr()?.ip().is_loopback() && !request.is_for_this_host() {
        return refuse(
            stream,
            "403 Forbidden",
            "Ask for localhost or an address: the name in Host is another one.",
        );
    }
    if !matches!(request.method, "GET" | "HEAD") {
        return refuse(stream, "405 Method Not Allowed", "Ask with GET.");
    }
    if !Q::PATHS.contains(&request.path) {
        let text = format!("This is the {} endpoint: ask for {}.", Q::ENDPOINT, Q::PATHS.join(" or "));
        return refuse(stream, "404 Not Found", &text);
    }
    let question = match Q::read(&request) {
        Ok(question) => question,
        Err(problem) => return refuse(stream, "400 Bad Request", problem),
    };
    let content_type = question.content_type();
    let (reply, text) = sync_channel(1);
    let sent = sender.send(Asked { question, reply });
    match sent.ok().and_then(|()| text.recv_timeout(ANSWER).ok()) {
        Some(text) if request.method == "GET" => answer(stream, "200 OK", content_type, &text),
        Some(_) => answer(stream, "200 OK", content_type, ""),
        None => refuse(stream, "503 Service Unavailable", "The tracer is busy or stopping."),
    }
}

fn refuse(stream: &TcpStream, status: &str, text: &str) -> io::Result<()> {
    answer(stream, status, "text/plain; charset=utf-8", &format!("{text}\n"))
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
    use std::io::Read as _;

    use super::*;

    /// Is answered with itself.
    #[derive(Debug)]
    struct Echo(String);

    impl Question for Echo {
        const ENDPOINT: &'static str = "echo";
        const KEY: &'static str = "echo.listen";
        const PATHS: &'static [&'static str] = &["/echo"];

        fn read(request: &Request<'_>) -> Result<Self, &'static str> {
            request.parameter("text").map(|text| Self(text.into_owned())).ok_or("There is no text.")
        }

        fn content_type(&self) -> &'static str {
            "text/echo"
        }
    }

    fn asked(request: &[u8]) -> String {
        let listener = Listener::<Echo>::listen(([127, 0, 0, 1], 0).into()).expect("a free port");
        let mut stream = TcpStream::connect(listener.address()).expect("it listens");
        stream.write_all(request).expect("it reads");
        stream.shutdown(std::net::Shutdown::Write).expect("an open connection");
        let loop_ = std::thread::spawn(move || {
            if let Ok(asked) = listener.pending.recv_timeout(Duration::from_millis(500)) {
                let _ = asked.reply.send(asked.question.0);
            }
        });
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("text");
        loop_.join().expect("no panic");
        text
    }

    #[test]
    fn a_question_is_answered() {
        let answer = asked(b"GET /echo?x=1&text=a%20b HTTP/1.1\r\nHost: localhost:9\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/echo\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\na b"), "{answer}");
        assert!(asked(b"HEAD /echo?text=a HTTP/1.1\r\n\r\n").ends_with("\r\n\r\n"));
    }

    #[test]
    fn everything_else_is_refused() {
        let cases: [(&[u8], &str); 8] = [
            (b"GET / HTTP/1.1\r\n\r\n", "404"),
            (b"POST /echo HTTP/1.1\r\n\r\n", "405"),
            (b"GET /echo HTTP/1.1\r\n\r\n", "400"),
            (b"\x16\x03\x01", "400"),
            (b"GET /echo\r\n\r\n", "400"),
            (b"", "400"),
            (b"GET /echo SMTP\r\n\r\n", "400"),
            (b"GET /echo?text=a HTTP/1.1\r\nHost: rebound.example\r\n\r\n", "403"),
        ];
        for (request, status) in cases {
            let answer = asked(request);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        }
    }
}
