//! The back service that every front calls: a thread for each connection of this process.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::bench::process::{go_on, pause};

/// Longest request head that is read, bytes.
const MAX_HEAD: usize = 16 << 10;
/// Between two looks at whether calls still come.
const LOOK: Duration = Duration::from_millis(200);
/// When no call has come for so long, none will.
const SILENCE: u32 = 5;

/// How often each path was asked for.
pub(super) type Hits = HashMap<String, u32>;

/// A running back service. Its threads end when the fronts close their connections, at the latest with this process.
#[derive(Debug)]
pub(super) struct Back {
    /// Where it listens.
    pub(super) address: SocketAddr,
    hits: Arc<Mutex<Hits>>,
}

impl Back {
    /// Starts one.
    pub(super) fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .context("The back service cannot listen on the loopback interface.")?;
        let address = listener.local_addr()?;
        let hits = Arc::<Mutex<Hits>>::default();
        let for_thread = Arc::clone(&hits);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let hits = Arc::clone(&for_thread);
                // A front that breaks off a connection shows as a failed request.
                std::thread::spawn(move || drop(serve(stream, &hits)));
            }
        });
        Ok(Self { address, hits })
    }

    /// What was asked for since the last time; waits for the calls that still come when there are fewer than expected.
    pub(super) fn take(&self, expected: usize) -> Result<Hits> {
        let mut last = usize::MAX;
        let mut silent = 0;
        while silent < SILENCE {
            go_on()?;
            let now = self.hits().values().map(|&count| count as usize).sum();
            if now >= expected {
                break;
            }
            silent = if now == last { silent + 1 } else { 0 };
            last = now;
            pause(LOOK)?;
        }
        Ok(std::mem::take(&mut self.hits()))
    }

    fn hits(&self) -> std::sync::MutexGuard<'_, Hits> {
        self.hits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(stream: TcpStream, hits: &Mutex<Hits>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let count = reader.by_ref().take(MAX_HEAD as u64).read_until(b'\n', &mut head)?;
            if count == 0 || head.len() > MAX_HEAD {
                return Ok(());
            }
        }
        let head = String::from_utf8_lossy(&head);
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let closes = head.lines().next().is_some_and(|line| line.ends_with("HTTP/1.0"))
            || head.to_ascii_lowercase().contains("\r\nconnection: close");
        *hits.lock().unwrap_or_else(PoisonError::into_inner).entry(path).or_default() += 1;
        let connection = if closes { "Connection: close\r\n" } else { "" };
        // In one piece: `write!` to the socket would make a system call of each part.
        let answer = format!("HTTP/1.1 200 OK\r\n{connection}Content-Length: 3\r\n\r\nok\n");
        writer.write_all(answer.as_bytes())?;
        if closes {
            return Ok(());
        }
    }
}
