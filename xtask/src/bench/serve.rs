//! Small HTTP/1 servers in threads of this process: listening, and reading the heads of requests.

use std::io::{BufRead, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use anyhow::{Context as _, Result};

/// Longest request head that is read, bytes.
const MAX_HEAD: u64 = 16 << 10;

/// Listens on a free port of the loopback interface, a thread for each connection. They end when the peers close their
/// connections, at the latest with this process. What `connection` returns is for it alone: its peer notices.
pub(super) fn listen(
    what: &str,
    connection: impl Fn(TcpStream) -> Result<()> + Send + Sync + 'static,
) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .with_context(|| format!("The {what} cannot listen on the loopback interface."))?;
    let address = listener.local_addr()?;
    let connection = Arc::new(connection);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = Arc::clone(&connection);
            std::thread::spawn(move || drop(connection(stream)));
        }
    });
    Ok(address)
}

/// The next request head, its empty line included; `None` where the peer closed, or sends one that is too long.
pub(super) fn read_head(reader: &mut impl BufRead) -> Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let count = reader.by_ref().take(MAX_HEAD).read_until(b'\n', &mut head)?;
        if count == 0 || head.len() as u64 > MAX_HEAD {
            return Ok(None);
        }
    }
    Ok(Some(head))
}
