//! The back service that every front calls: a thread for each connection of this process.

use std::collections::HashMap;
use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;

use crate::bench::process::{go_on, pause};
use crate::bench::serve::{listen, read_head};

/// Between two looks at whether calls still come.
const LOOK: Duration = Duration::from_millis(200);
/// When no call has come for so long, none will.
const SILENCE: u32 = 5;

/// How often each path was asked for.
pub(super) type Hits = HashMap<String, u32>;

/// A running back service.
#[derive(Debug)]
pub(super) struct Back {
    /// Where it listens.
    pub(super) address: SocketAddr,
    hits: Arc<Mutex<Hits>>,
}

impl Back {
    /// Starts one.
    pub(super) fn start() -> Result<Self> {
        let hits = Arc::<Mutex<Hits>>::default();
        let for_threads = Arc::clone(&hits);
        // A front that breaks off a connection shows as a failed request.
        let address = listen("back service", move |stream| serve(stream, &for_threads))?;
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
    while let Some(head) = read_head(&mut reader)? {
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
            break;
        }
    }
    Ok(())
}
