//! A client that writes exactly the bytes it is told to.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    os::fd::AsFd as _,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::wait::DEADLINE;

/// One response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// The body as sent, chunk framing included.
    pub body: Vec<u8>,
}

/// What delimits the body of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// The headers say (Content-Length, chunked), or the connection's end.
    AsTheHeadersSay,
    /// There is none whatever they say: an answer to HEAD, 1xx, 204, 304.
    None,
}

/// One connection of this process to a service.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    /// Connects.
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        // Each write must be a segment and a system call of its own.
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    /// Sends bytes in one write.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends each byte in a write of its own.
    #[track_caller]
    pub fn dribble(&mut self, bytes: impl AsRef<[u8]>) {
        for byte in bytes.as_ref() {
            self.send([*byte]);
        }
    }

    /// Sends the end of the stream; answers can still come.
    #[track_caller]
    pub fn finish_sending(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Waits, without reading anything, until the end of the peer's stream has arrived.
    #[track_caller]
    pub fn await_end(&self) {
        // nix does not name POLLRDHUP.
        let events = PollFlags::from_bits_retain(nix::libc::POLLRDHUP);
        let timeout = PollTimeout::try_from(DEADLINE).unwrap();
        let ready = poll(&mut [PollFd::new(self.stream.as_fd(), events)], timeout).unwrap();
        assert_eq!(ready, 1, "The peer does not end the connection.");
    }

    /// Reads once, at most `count` bytes, and keeps them for the next response.
    #[track_caller]
    pub fn read_some(&mut self, count: usize) {
        let mut part = vec![0; count];
        let count = self.stream.read(&mut part).unwrap();
        self.buffer.extend_from_slice(&part[..count]);
    }

    /// Sends a GET and reads its response.
    #[track_caller]
    pub fn get(&mut self, path: &str) -> Response {
        self.send(get(path));
        self.response()
    }

    /// Reads one response whose headers say where it ends.
    #[track_caller]
    pub fn response(&mut self) -> Response {
        self.response_with(Body::AsTheHeadersSay)
    }

    /// Reads one response.
    #[track_caller]
    pub fn response_with(&mut self, body: Body) -> Response {
        let end = self.until(b"\r\n\r\n");
        let head = String::from_utf8(self.take(end)).unwrap();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap();
        let lower = head.to_ascii_lowercase();
        let length =
            lower.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        let body = if body == Body::None {
            Vec::new()
        } else if lower.contains("transfer-encoding: chunked") {
            let end = self.until(b"\r\n0\r\n\r\n");
            self.take(end)
        } else if let Some(length) = length {
            self.bytes(length)
        } else {
            while self.fill() {}
            std::mem::take(&mut self.buffer)
        };
        Response { status, head, body }
    }

    /// Reads exactly `count` bytes of anything.
    #[track_caller]
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        self.receive_at_least(count);
        self.take(count)
    }

    /// Reads until that much is here and keeps it for the next response.
    #[track_caller]
    pub fn receive_at_least(&mut self, count: usize) {
        while self.buffer.len() < count {
            assert!(self.fill(), "The connection ended after {} of {count} bytes.", self.buffer.len());
        }
    }

    /// Reads until the connection ends, by FIN or by a reset. True for a reset.
    pub fn drain(&mut self) -> bool {
        let mut part = [0; 4096];
        loop {
            match self.stream.read(&mut part) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(_) => return true,
            }
        }
    }

    fn until(&mut self, end: &[u8]) -> usize {
        let mut searched: usize = 0;
        loop {
            let from = searched.saturating_sub(end.len());
            if let Some(at) = self.buffer[from..].windows(end.len()).position(|window| window == end) {
                return from + at + end.len();
            }
            searched = self.buffer.len();
            assert!(
                self.fill(),
                "The connection ended within a message: {:?}",
                String::from_utf8_lossy(&self.buffer[..self.buffer.len().min(500)])
            );
        }
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(count);
        std::mem::replace(&mut self.buffer, rest)
    }

    fn fill(&mut self) -> bool {
        let mut part = [0; 16 << 10];
        let count = self.stream.read(&mut part).expect("The service does not answer.");
        self.buffer.extend_from_slice(&part[..count]);
        count > 0
    }
}

/// A GET as small as HTTP/1.1 allows.
pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
}

/// So many clients at once, each with one connection and `requests` GETs of `prefix/CLIENT/NUMBER`, all answered with 200.
pub fn at_once(address: SocketAddr, prefix: &str, clients: usize, requests: usize) {
    thread::scope(|scope| {
        for client in 0..clients {
            scope.spawn(move || {
                let mut connection = Client::connect(address);
                for number in 0..requests {
                    assert_eq!(connection.get(&format!("{prefix}/{client}/{number}")).status, 200);
                }
            });
        }
    });
}

/// Now, in nanoseconds since the Unix epoch: the clock that spans are on.
pub fn now_ns() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}
