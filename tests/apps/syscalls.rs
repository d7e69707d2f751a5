//! syscalls server ADDRESS METHOD, syscalls client ADDRESS METHOD PATH: HTTP by a chosen set of system calls.
//!
//! ADDRESS is IP:PORT, or the path of an `AF_UNIX` socket. Every message has a body, so that the calls that move data without
//! showing it (sendfile, splice) have something to move; they send the body, and `write` sends the head.

use std::{
    ffi::OsString,
    fs::File,
    io::{IoSlice, IoSliceMut, Seek as _, Write as _},
    net::{SocketAddr, TcpListener},
    os::{
        fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
        unix::net::UnixListener,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    str::FromStr,
};

use anyhow::{Context as _, ensure};
use clap::{Parser, ValueEnum};
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        sendfile::sendfile,
        socket::{
            AddressFamily, MsgFlags, MultiHeaders, SockFlag, SockType, SockaddrStorage, UnixAddr, accept,
            accept4, connect, recv, recvmmsg, recvmsg, send, sendmmsg, sendmsg, socket,
        },
        uio::{readv, writev},
        wait::{WaitStatus, waitpid},
    },
    unistd::{ForkResult, dup, dup2, dup3, fork, pipe, read, write},
};

const BODY: &[u8] = b"hello\n";
/// More than one on a connection, since the second shows whether the first one's body was measured rightly.
const REQUESTS: usize = 2;

#[derive(Parser)]
enum Args {
    /// Answers connection after connection.
    Server {
        address: Address,
        method: Method,
        #[arg(long)]
        nonblocking: bool,
    },
    /// Makes [`REQUESTS`] requests on one connection.
    Client {
        address: Address,
        method: Method,
        path: String,
        #[arg(long)]
        nonblocking: bool,
    },
    /// Answers the connection that is its standard input.
    InheritedServer,
    /// Makes [`REQUESTS`] requests on the connection that is its standard input.
    InheritedClient { path: String },
}

#[derive(Clone, Debug)]
enum Address {
    Ip(SocketAddr),
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with('/') { Ok(Self::Unix(text.into())) } else { text.parse().map(Self::Ip) }
    }
}

/// The calls that carry the bytes, or what happens to the descriptor before `read` and `write` do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Method {
    ReadWrite,
    ReadvWritev,
    /// `recvfrom` and `sendto`: what the C library's `recv` and `send` are.
    RecvSend,
    /// `recvfrom` with `MSG_PEEK` before each `read`: bytes seen twice, received once.
    Peek,
    RecvmsgSendmsg,
    RecvmmsgSendmmsg,
    Sendfile,
    Splice,
    /// As `Splice`, and bodies are received by it too.
    SpliceBoth,
    Dup,
    Dup2,
    Dup3,
    FcntlDup,
    /// The connection is used by a fork of the process that opened it.
    Fork,
    /// The connection is used by another program, as its standard input.
    Inherited,
}

fn main() -> anyhow::Result<()> {
    match Args::parse() {
        Args::Server { address, method, nonblocking } => {
            let listener = listen(&address)?;
            loop {
                let connection = accept_one(&listener, nonblocking)?;
                // The client's end of a connection without a request (a probe of readiness) is no failure.
                with_descriptor(connection, method, &["inherited-server".into()], |fd| {
                    serve(Wire { fd, method })
                })?;
            }
        }
        Args::Client { address, method, path, nonblocking } => {
            let connection = connect_to(&address, nonblocking)?;
            with_descriptor(connection, method, &["inherited-client".into(), path.clone().into()], |fd| {
                make_requests(Wire { fd, method }, &path)
            })
        }
        Args::InheritedServer => serve(Wire { fd: std::io::stdin().as_fd(), method: Method::ReadWrite }),
        Args::InheritedClient { path } => {
            make_requests(Wire { fd: std::io::stdin().as_fd(), method: Method::ReadWrite }, &path)
        }
    }
}

fn listen(address: &Address) -> anyhow::Result<OwnedFd> {
    Ok(match address {
        Address::Ip(address) => TcpListener::bind(address)?.into(),
        Address::Unix(path) => UnixListener::bind(path)?.into(),
    })
}

/// Blocking connections by `accept`, the others by `accept4`.
fn accept_one(listener: &OwnedFd, nonblocking: bool) -> anyhow::Result<OwnedFd> {
    let fd = if nonblocking {
        accept4(listener.as_raw_fd(), SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC)?
    } else {
        accept(listener.as_raw_fd())?
    };
    // SAFETY: the kernel has just made this descriptor, and nothing else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn connect_to(address: &Address, nonblocking: bool) -> anyhow::Result<OwnedFd> {
    let flags = if nonblocking { SockFlag::SOCK_NONBLOCK } else { SockFlag::empty() };
    let family = match address {
        Address::Ip(SocketAddr::V4(_)) => AddressFamily::Inet,
        Address::Ip(SocketAddr::V6(_)) => AddressFamily::Inet6,
        Address::Unix(_) => AddressFamily::Unix,
    };
    let fd = socket(family, SockType::Stream, flags, None)?;
    let result = match address {
        Address::Ip(address) => connect(fd.as_raw_fd(), &SockaddrStorage::from(*address)),
        Address::Unix(path) => connect(fd.as_raw_fd(), &UnixAddr::new(path)?),
    };
    match result {
        Err(Errno::EINPROGRESS) => wait_until(fd.as_fd(), PollFlags::POLLOUT)?,
        other => other?,
    }
    Ok(fd)
}

/// Runs `exchange` on the connection, or on what the method makes of it.
fn with_descriptor(
    connection: OwnedFd,
    method: Method,
    inheritor: &[OsString],
    exchange: impl FnOnce(BorrowedFd<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    match method {
        Method::Dup => {
            let copy = dup(&connection)?;
            drop(connection);
            exchange(copy.as_fd())
        }
        Method::Dup2 | Method::Dup3 => {
            let mut target: OwnedFd = File::open("/dev/null")?.into();
            if method == Method::Dup2 {
                dup2(&connection, &mut target)?;
            } else {
                dup3(&connection, &mut target, OFlag::O_CLOEXEC)?;
            }
            drop(connection);
            exchange(target.as_fd())
        }
        Method::FcntlDup => {
            let fd = fcntl(&connection, FcntlArg::F_DUPFD_CLOEXEC(100))?;
            // SAFETY: the kernel has just made this descriptor, and nothing else knows of it.
            let copy = unsafe { OwnedFd::from_raw_fd(fd) };
            drop(connection);
            exchange(copy.as_fd())
        }
        Method::Fork => {
            // SAFETY: this program has one thread, so the child may do all that its parent might.
            match unsafe { fork()? } {
                ForkResult::Child => exchange(connection.as_fd()),
                ForkResult::Parent { child } => {
                    drop(connection);
                    let end = waitpid(child, None)?;
                    ensure!(matches!(end, WaitStatus::Exited(_, 0)), "The fork failed: {end:?}");
                    Ok(())
                }
            }
        }
        Method::Inherited => {
            let program = std::env::current_exe()?;
            let status = Command::new(program).args(inheritor).stdin(Stdio::from(connection)).status()?;
            ensure!(status.success(), "The inheritor of the connection failed.");
            Ok(())
        }
        _ => exchange(connection.as_fd()),
    }
}

/// Answers requests until the connection ends. In a fork it ends with the process, as the caller's loop must not go on there.
fn serve(mut wire: Wire<'_>) -> anyhow::Result<()> {
    while wire.receive()?.is_some() {
        wire.transmit("HTTP/1.1 200 OK")?;
    }
    if wire.method == Method::Fork {
        std::process::exit(0);
    }
    Ok(())
}

fn make_requests(mut wire: Wire<'_>, path: &str) -> anyhow::Result<()> {
    for _ in 0..REQUESTS {
        wire.transmit(&format!("POST {path} HTTP/1.1\r\nHost: syscalls"))?;
        let head = wire.receive()?.context("The server closed the connection.")?;
        ensure!(head.starts_with("HTTP/1.1 200 "), "The server answered: {head}");
    }
    Ok(())
}

/// One connection and the calls to use on it.
struct Wire<'a> {
    fd: BorrowedFd<'a>,
    method: Method,
}

impl Wire<'_> {
    /// Receives one message with a Content-Length and gives its head, or none at the end of the connection.
    fn receive(&mut self) -> anyhow::Result<Option<String>> {
        let mut received = Vec::new();
        loop {
            let mut part = [0; 4096];
            let count = self.receive_part(&mut part)?;
            if count == 0 {
                ensure!(received.is_empty(), "The connection ended within a message.");
                return Ok(None);
            }
            received.extend_from_slice(&part[..count]);
            let text = String::from_utf8_lossy(&received);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            if body.len() == BODY.len()
                || (self.method == Method::SpliceBoth && self.splice_away(BODY.len())?)
            {
                return Ok(Some(head.to_owned()));
            }
        }
    }

    fn receive_part(&self, part: &mut [u8]) -> nix::Result<usize> {
        let fd = self.fd;
        self.retrying(PollFlags::POLLIN, || match self.method {
            Method::ReadvWritev => {
                let (first, second) = part.split_at_mut(10);
                readv(fd, &mut [IoSliceMut::new(first), IoSliceMut::new(second)])
            }
            Method::RecvSend => recv(fd.as_raw_fd(), part, MsgFlags::empty()),
            Method::RecvmsgSendmsg => {
                let (first, second) = part.split_at_mut(10);
                let mut slices = [IoSliceMut::new(first), IoSliceMut::new(second)];
                recvmsg::<()>(fd.as_raw_fd(), &mut slices, None, MsgFlags::empty())
                    .map(|message| message.bytes)
            }
            Method::RecvmmsgSendmmsg => {
                let (first, second) = part.split_at_mut(10);
                let mut slices = [[IoSliceMut::new(first), IoSliceMut::new(second)]];
                let mut headers = MultiHeaders::<()>::preallocate(1, None);
                recvmmsg(fd.as_raw_fd(), &mut headers, slices.iter_mut(), MsgFlags::MSG_WAITFORONE, None)
                    .map(|messages| messages.map(|message| message.bytes).sum())
            }
            Method::Peek => {
                recv(fd.as_raw_fd(), part, MsgFlags::MSG_PEEK)?;
                read(fd, part)
            }
            Method::SpliceBoth => {
                // The head alone, so that the body is left for splice.
                let seen = recv(fd.as_raw_fd(), part, MsgFlags::MSG_PEEK)?;
                let head = part[..seen].windows(4).position(|window| window == b"\r\n\r\n");
                read(fd, &mut part[..head.map_or(seen, |at| at + 4)])
            }
            _ => read(fd, part),
        })
    }

    /// Moves `count` bytes of the socket through a pipe to nowhere. Always true.
    fn splice_away(&self, count: usize) -> nix::Result<bool> {
        let (out, into) = pipe()?;
        let mut left = count;
        while left > 0 {
            let moved = self.retrying(PollFlags::POLLIN, || {
                splice(self.fd, None, &into, None, left, SpliceFFlags::empty())
            })?;
            left -= read(&out, &mut vec![0; moved])?;
        }
        Ok(true)
    }

    /// Sends one message: its first lines, a Content-Length, and the body.
    fn transmit(&mut self, first_lines: &str) -> anyhow::Result<()> {
        let head = format!("{first_lines}\r\nContent-Length: {}\r\n\r\n", BODY.len());
        let sent = match self.method {
            Method::Sendfile => {
                self.write(head.as_bytes())?;
                let mut file = unnamed_file()?;
                file.write_all(BODY)?;
                file.rewind()?;
                head.len()
                    + self.retrying(PollFlags::POLLOUT, || sendfile(self.fd, &file, None, BODY.len()))?
            }
            Method::Splice | Method::SpliceBoth => {
                self.write(head.as_bytes())?;
                let (out, into) = pipe()?;
                write(&into, BODY)?;
                let flags = SpliceFFlags::empty();
                head.len()
                    + self.retrying(PollFlags::POLLOUT, || {
                        splice(&out, None, self.fd, None, BODY.len(), flags)
                    })?
            }
            _ => self.write(&[head.as_bytes(), BODY].concat())?,
        };
        // Messages of a hundred bytes fit into every socket buffer.
        ensure!(sent == head.len() + BODY.len(), "A message was sent in part only.");
        Ok(())
    }

    fn write(&self, bytes: &[u8]) -> nix::Result<usize> {
        let fd = self.fd;
        // Split within the first line: a reader of one buffer only must notice.
        let (first, second) = bytes.split_at(10);
        let slices = [IoSlice::new(first), IoSlice::new(second)];
        self.retrying(PollFlags::POLLOUT, || match self.method {
            Method::ReadvWritev => writev(fd, &slices),
            Method::RecvSend => send(fd.as_raw_fd(), bytes, MsgFlags::empty()),
            Method::RecvmsgSendmsg => sendmsg::<()>(fd.as_raw_fd(), &slices, &[], MsgFlags::empty(), None),
            Method::RecvmmsgSendmmsg => {
                // Two messages in one call, on a stream the two halves of one.
                let mut headers = MultiHeaders::<()>::preallocate(2, None);
                let messages = [[slices[0]], [slices[1]]];
                sendmmsg(fd.as_raw_fd(), &mut headers, &messages, [None, None], [], MsgFlags::empty())
                    .map(|results| results.map(|result| result.bytes).sum())
            }
            _ => write(fd, bytes),
        })
    }

    fn retrying(&self, ready: PollFlags, mut call: impl FnMut() -> nix::Result<usize>) -> nix::Result<usize> {
        loop {
            match call() {
                Err(Errno::EAGAIN) => wait_until(self.fd, ready)?,
                Err(Errno::EINTR) => {}
                other => return other,
            }
        }
    }
}

fn wait_until(fd: BorrowedFd<'_>, ready: PollFlags) -> nix::Result<()> {
    poll(&mut [PollFd::new(fd, ready)], PollTimeout::NONE).map(drop)
}

/// A file without a name.
fn unnamed_file() -> anyhow::Result<File> {
    let path = std::env::temp_dir().join(format!("tracer-tests-{}", std::process::id()));
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(Path::new(&path))?;
    Ok(file)
}
