//! An OTLP/HTTP receiver that takes everything, and keeps it only when told to (OTLP 1.x, section OTLP/HTTP).

use std::io::{BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Result, bail};

use super::load::content_length;
use super::serve::{listen, read_head};

/// Longest body that is read, bytes: the daemon's batches are far smaller.
const MAX_BODY: usize = 64 << 20;
/// A success with nothing to say: an empty `ExportTraceServiceResponse`.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";

/// A receiver in threads of this process.
#[derive(Debug)]
pub(super) struct Receiver {
    /// Where it listens.
    pub(super) address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Debug)]
struct Seen {
    bytes: AtomicU64,
    /// What a body must hold to be noted, if any is.
    wanted: Option<&'static str>,
    first: Mutex<Option<Instant>>,
    /// Every body, where they are kept.
    bodies: Option<Mutex<Vec<Vec<u8>>>>,
}

impl Receiver {
    /// Starts one that notes when the first batch with this text came, if it is told one.
    pub(super) fn start(wanted: Option<&'static str>) -> Result<Self> {
        Self::with(wanted, None)
    }

    /// Starts one that keeps every body.
    pub(super) fn keeping() -> Result<Self> {
        Self::with(None, Some(Mutex::default()))
    }

    fn with(wanted: Option<&'static str>, bodies: Option<Mutex<Vec<Vec<u8>>>>) -> Result<Self> {
        let seen = Arc::new(Seen { bytes: AtomicU64::new(0), wanted, first: Mutex::new(None), bodies });
        let for_threads = Arc::clone(&seen);
        // An exporter that breaks off repeats its batch; the daemon counts what it could not deliver.
        let address = listen("receiver", move |stream| serve(stream, &for_threads))?;
        Ok(Self { address, seen })
    }

    /// Bytes of bodies so far.
    pub(super) fn bytes(&self) -> u64 {
        self.seen.bytes.load(Ordering::Relaxed)
    }

    /// Takes the bodies that were kept.
    pub(super) fn take(&self) -> Vec<Vec<u8>> {
        let Some(bodies) = &self.seen.bodies else { return Vec::new() };
        std::mem::take(&mut bodies.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// When the first batch with the wanted text had come.
    pub(super) fn first(&self) -> Option<Instant> {
        *self.seen.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(stream: TcpStream, seen: &Seen) -> Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::with_capacity(64 << 10, stream);
    let mut body = Vec::new();
    while let Some(head) = read_head(&mut reader)? {
        let Some(len) = content_length(&head).filter(|&len| len <= MAX_BODY) else {
            writer.write_all(b"HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\n\r\n")?;
            bail!("A request without a usable length.");
        };
        body.resize(len, 0);
        reader.read_exact(&mut body)?;
        seen.note(&body);
        writer.write_all(ANSWER)?;
    }
    Ok(())
}

impl Seen {
    fn note(&self, body: &[u8]) {
        self.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
        if let Some(bodies) = &self.bodies {
            bodies.lock().unwrap_or_else(PoisonError::into_inner).push(body.to_vec());
        }
        let Some(wanted) = self.wanted.map(str::as_bytes) else { return };
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if first.is_none() && body.windows(wanted.len()).any(|window| window == wanted) {
            *first = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_kept_when_told_to() {
        let receiver = Receiver::keeping().expect("a receiver");
        receiver.seen.note(b"one");
        assert_eq!(receiver.take(), [b"one"]);
        assert!(receiver.take().is_empty());
    }

    #[test]
    fn batches_are_taken_and_the_wanted_one_is_noted() {
        let receiver = Receiver::start(Some("nginx")).expect("a receiver");
        let mut stream = TcpStream::connect(receiver.address).expect("it listens");
        let mut post = |body: &str| {
            let head = format!("POST /v1/traces HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).expect("sent");
            let mut answer = vec![0; ANSWER.len()];
            stream.read_exact(&mut answer).expect("answered");
            assert_eq!(answer, ANSWER);
        };
        post("another");
        assert_eq!(receiver.first(), None);
        post("of nginx");
        assert!(receiver.first().is_some());
        assert_eq!(receiver.bytes(), 15);
    }
}
