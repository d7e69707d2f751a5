//! The self-test: a client process in a cgroup of its own, and a server in this one.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use super::{PropagationError, frames::echo};
use crate::kernel::privileges::renounce;

/// How long any step may take; a step takes microseconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of the large body, in either direction.
pub(super) const LARGE: usize = 2 << 20;
/// Bytes of a greeting that a server sends without being asked.
pub(super) const GREETING: &[u8] = b"220 ready\r\n";
/// The command that the client is started by.
const HIDDEN_COMMAND: &str = "propagation-probe";

/// What is done with a connection.
type Handler = fn(&TcpStream) -> io::Result<()>;

/// A cgroup that is removed again.
pub(super) struct Cgroup(PathBuf);

impl Cgroup {
    pub(super) fn create(root: &Path) -> Result<Self, PropagationError> {
        let path = root.join(format!("tracer-self-test-{}", std::process::id()));
        fs::create_dir(&path).map_err(|error| PropagationError::NoOwnCgroup(path.clone(), error))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Busy while its process is being reaped.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        tracing::warn!(cgroup = %self.0.display(), "the cgroup of the self-test could not be removed");
    }
}

/// Runs the test, with HTTP/2 if `streams` are to be written into. `allow` is told the process whose requests may be written into.
pub(super) fn run(
    cgroup: &Cgroup,
    streams: bool,
    allow: impl FnOnce(u32) -> Result<(), PropagationError>,
) -> Result<(), PropagationError> {
    let untested = PropagationError::Untested;
    let handlers: &[Handler] = if streams { &[serve, greet, echo] } else { &[serve, greet] };
    let ports = handlers.iter().map(|&handler| Ok(listen(handler)?.to_string()));
    let ports = ports.collect::<io::Result<Vec<_>>>().map_err(untested)?;
    let mut client = Command::new("/proc/self/exe")
        .arg(HIDDEN_COMMAND)
        .args(ports)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(untested)?;
    let pid = client.id();
    let enter = fs::write(cgroup.path().join("cgroup.procs"), pid.to_string());
    let ready = enter.map_err(untested).and_then(|()| allow(pid)).and_then(|()| {
        // The client waits for this line.
        let stdin = client.stdin.take();
        stdin.map_or(Ok(()), |mut stdin| stdin.write_all(b"go\n")).map_err(untested)
    });
    if let Err(error) = ready {
        // It ends with its standard input; what it says is of no use.
        drop(client.kill());
        drop(client.wait());
        return Err(error);
    }
    let output = client.wait_with_output().map_err(untested)?;
    match String::from_utf8_lossy(&output.stdout).trim() {
        "ok" if output.status.success() => Ok(()),
        "" => Err(PropagationError::Failed(format!("the client ended without a word ({})", output.status))),
        finding => Err(PropagationError::Failed(finding.to_owned())),
    }
}

/// Serves connections to a port of its own for as long as the process lives: two idle threads, in a daemon that starts once.
fn listen(handle: Handler) -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    thread::Builder::new().name("self-test".into()).spawn(move || {
        renounce();
        for stream in listener.incoming().flatten() {
            // A connection that fails is noticed by the client.
            drop(handle(&stream));
        }
    })?;
    Ok(port)
}

/// Answers each request with its own head as it arrived, then the number of body bytes that were as they should be, then
/// [`LARGE`] bytes.
fn serve(mut stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream);
    loop {
        let (mut head, mut body) = (String::new(), 0usize);
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
            if let Some(length) = head.lines().last().and_then(|line| line.strip_prefix("Content-Length: ")) {
                body = length.parse().unwrap_or(0);
            }
        }
        let mut bytes = vec![0; body.min(LARGE)];
        reader.read_exact(&mut bytes)?;
        let right = bytes.iter().enumerate().filter(|&(at, byte)| *byte == pattern(at)).count();
        let mut answer = format!("HTTP/1.1 200 OK\r\nX-Head: {}\r\nX-Right: {right}\r\n\r\n", head.len());
        answer += &head;
        stream.write_all(answer.as_bytes())?;
        stream.write_all(&(0..LARGE).map(pattern).collect::<Vec<_>>())?;
    }
}

/// Speaks first, then waits for the other side to go.
fn greet(mut stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(GREETING)?;
    stream.read(&mut [0; 1]).map(drop)
}

/// The byte at `at` of a large body.
pub(super) const fn pattern(at: usize) -> u8 {
    (at % 251) as u8
}
