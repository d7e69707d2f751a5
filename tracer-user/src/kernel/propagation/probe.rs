//! The client of the self-test: what an application would notice.

use std::{
    io::{self, BufRead, Read, Write},
    net::{Ipv4Addr, TcpStream},
    os::fd::AsFd,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tracer_protocols::context::{TRACEPARENT_LEN, parse_traceparent};

use super::{
    frames::ask_by_frames,
    selftest::{GREETING, LARGE, PATIENCE, pattern},
};

/// The ports of the self-test's server.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct ProbeArgs {
    /// Answers requests
    asked: u16,
    /// Speaks first
    greeting: u16,
    /// Sends HTTP/2 back, if that is to be tried
    frames: Option<u16>,
}

/// What the server says that it received, and what came with it.
struct Answer {
    head: String,
    right: usize,
}

/// Waits for a line on standard input, then tries everything. Returns what is wrong, as the end of a sentence.
pub fn probe(args: ProbeArgs) -> Result<(), String> {
    let failed = |error: io::Error| format!("a connection failed: {error}");
    io::stdin().lock().read_line(&mut String::new()).map_err(failed)?;
    let connect = |port| {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    };
    for body in [0, LARGE] {
        let stream = connect(args.asked).map_err(failed)?;
        let request = request(body, "");
        check_written(&request, &ask(&stream, &request, body).map_err(failed)?, body)?;
        // The connection is an ordinary one now.
        let again = ask(&stream, &request, body).map_err(failed)?;
        check_untouched(&request, &again, "a second request on the connection was changed")?;
    }
    let stream = connect(args.asked).map_err(failed)?;
    let own = request(0, "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n");
    let answer = ask(&stream, &own, 0).map_err(failed)?;
    check_untouched(&own, &answer, "a request with trace context of its own was changed")?;
    let stream = connect(args.greeting).map_err(failed)?;
    if waiting(&stream).map_err(failed)? != GREETING.len() as u64 {
        return Err("FIONREAD does not count what a server sends first".into());
    }
    args.frames.map_or(Ok(()), |port| ask_by_frames(|| connect(port)))
}

fn request(body: usize, more: &str) -> Vec<u8> {
    let mut request =
        format!("POST /self-test HTTP/1.1\r\nHost: localhost\r\n{more}Content-Length: {body}\r\n\r\n");
    if body == 0 {
        request = request.replace("POST", "GET");
    }
    request.into_bytes().into_iter().chain((0..body).map(pattern)).collect()
}

/// Sends a request and reads its answer as far as FIONREAD says that there is one, as nginx and the JDK do.
fn ask(mut stream: &TcpStream, request: &[u8], body: usize) -> io::Result<Answer> {
    stream.write_all(request)?;
    let head_bytes = request.len() - body;
    let mut received = Vec::new();
    let mut expected = None;
    while expected.is_none_or(|expected| received.len() < expected) {
        let count = waiting(stream)?;
        if count == 0 {
            return Err(io::Error::other("FIONREAD says that nothing waits although something does"));
        }
        let start = received.len();
        received.resize(start + count as usize, 0);
        stream.read_exact(&mut received[start..])?;
        if expected.is_none()
            && let Some((answer_head, echoed)) = heads(&received)
            && received.len() > answer_head + echoed
        {
            expected = Some(answer_head + echoed + LARGE);
        }
    }
    let garbled = || io::Error::other("the answer to a request was garbled");
    let (answer_head, echoed) = heads(&received).ok_or_else(garbled)?;
    let content = &received[answer_head + echoed..];
    if content.len() != LARGE || content.iter().enumerate().any(|(at, &byte)| byte != pattern(at)) {
        return Err(garbled());
    }
    if echoed < head_bytes {
        return Err(io::Error::other("a request arrived cut"));
    }
    let head = String::from_utf8_lossy(&received[answer_head..answer_head + echoed]).into_owned();
    let right = field(&received, "X-Right: ").ok_or_else(garbled)?;
    Ok(Answer { head, right })
}

/// Lengths of the answer's head and of the head that it repeats.
fn heads(received: &[u8]) -> Option<(usize, usize)> {
    let end = received.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    Some((end, field(received, "X-Head: ")?))
}

fn field(received: &[u8], name: &str) -> Option<usize> {
    let head = String::from_utf8_lossy(&received[..received.len().min(200)]);
    head.lines().find_map(|line| line.strip_prefix(name))?.parse().ok()
}

/// Bytes that can be read, by FIONREAD, once there are some.
fn waiting(stream: &TcpStream) -> io::Result<u64> {
    let timeout = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::MAX);
    poll(&mut [PollFd::new(stream.as_fd(), PollFlags::POLLIN)], timeout)?;
    Ok(rustix::io::ioctl_fionread(stream)?)
}

fn check_written(request: &[u8], answer: &Answer, body: usize) -> Result<(), String> {
    let sent = String::from_utf8_lossy(&request[..request.len() - body]).into_owned();
    let mut lines: Vec<&str> = answer.head.split_inclusive("\r\n").collect();
    let inserted = if lines.len() > 1 { lines.remove(1) } else { "" };
    if lines.concat() != sent {
        return Err("a request arrived changed in more than its header".into());
    }
    let value = inserted.strip_prefix("traceparent: ").and_then(|line| line.strip_suffix("\r\n"));
    if value.and_then(parse_traceparent).is_none() || value.map(str::len) != Some(TRACEPARENT_LEN) {
        return Err("the header did not arrive".into());
    }
    if answer.right != body {
        return Err("the body of a request arrived changed".into());
    }
    Ok(())
}

fn check_untouched(request: &[u8], answer: &Answer, finding: &str) -> Result<(), String> {
    if request.starts_with(answer.head.as_bytes()) { Ok(()) } else { Err(finding.into()) }
}
