//! The daemon's control socket: `tracer status` and `tracer tail` ask here.
//!
//! One request per connection: a line of JSON, a [`Request`]. The answer is a line of JSON (status) or text until the asker
//! goes away (tail). The socket belongs to root and only root may use it.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    export::{
        output::{Filter, Show, StatusFilter, Watcher},
        tree::Style,
    },
    kernel::privileges::renounce,
    telemetry::status::Snapshot,
};

/// Where the daemon listens unless told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/tracer/agent.sock";

/// Longest request in bytes.
const MAX_REQUEST: u64 = 4096;
/// Traces that wait for a slow watcher.
const WATCHER_QUEUE: usize = 1024;
/// Watchers and askers at a time.
const MAX_CLIENTS: usize = 64;

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// The daemon's state.
    Status,
    /// Finished traces, as they come.
    Tail(Tail),
}

/// Which traces, and how.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tail {
    /// Only traces with a span of this service.
    pub service: Option<String>,
    /// `error`, `ok` or an HTTP status code.
    pub status: Option<String>,
    /// Only traces that took at least this long, nanoseconds.
    pub min_duration_ns: u64,
    /// OTLP/JSON lines instead of trees.
    pub json: bool,
    /// ANSI colours.
    pub color: bool,
    /// Columns of the terminal.
    pub width: Option<usize>,
    /// Show why each span has its parent.
    pub evidence: bool,
}

impl Tail {
    /// The filter that it describes.
    pub fn filter(&self) -> Result<Filter, String> {
        let status = match self.status.as_deref() {
            None => None,
            Some("error") => Some(StatusFilter::Error),
            Some("ok") => Some(StatusFilter::Ok),
            Some(code) => Some(StatusFilter::Code(
                code.parse().ok().filter(|code| (100..=999).contains(code)).ok_or_else(|| {
                    format!(
                        "The status '{code}' is neither 'error' nor 'ok' nor an HTTP status code such as 404."
                    )
                })?,
            )),
        };
        Ok(Filter { service: self.service.clone(), status, min_duration_ns: self.min_duration_ns })
    }

    /// How it wants traces to be shown.
    pub fn show(&self) -> Show {
        if self.json {
            Show::JsonLines
        } else {
            Show::Trees(Style {
                width: self.width,
                color: self.color,
                evidence: self.evidence,
                ..Style::default()
            })
        }
    }
}

/// A request that waits for the capture loop.
pub enum Pending {
    /// Send the state here.
    Status(SyncSender<Snapshot>),
    /// Show traces to this watcher.
    Watch(Watcher),
}

/// The listening side.
pub struct Control {
    /// Requests for the capture loop.
    pub pending: Receiver<Pending>,
    path: PathBuf,
}

/// The control socket cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("the control socket {path} cannot be opened: {source}; use --socket to name another place")]
pub struct ControlError {
    path: String,
    source: io::Error,
}

impl Control {
    /// Listens at `path`. A socket that a dead daemon left behind is replaced; that of a living one is not.
    pub fn listen(path: &Path) -> Result<Self, ControlError> {
        let failed = |source| ControlError { path: path.display().to_string(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        if UnixStream::connect(path).is_ok() {
            return Err(failed(io::Error::new(io::ErrorKind::AddrInUse, "another tracer listens there")));
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        let (sender, pending) = channel();
        std::thread::Builder::new()
            .name("tracer-control".into())
            .spawn(move || {
                renounce();
                accept(&listener, &sender);
            })
            .map_err(failed)?;
        Ok(Self { pending, path: path.to_owned() })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Leaving it behind does no harm: the next daemon replaces it.
        let _ = fs::remove_file(&self.path);
    }
}

fn accept(listener: &UnixListener, sender: &Sender<Pending>) {
    let clients = std::sync::Arc::new(());
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            std::thread::sleep(Duration::from_millis(100));
            continue;
        };
        let guard = clients.clone();
        if std::sync::Arc::strong_count(&clients) > MAX_CLIENTS {
            refuse(&stream, "Too many clients ask this tracer at once; try again later.");
            continue;
        }
        let sender = sender.clone();
        // A thread that cannot be started leaves the asker with a closed connection.
        let _ = std::thread::Builder::new().name("tracer-client".into()).spawn(move || {
            serve(&stream, &sender);
            drop(guard);
        });
    }
}

fn refuse(mut stream: &UnixStream, reason: &str) {
    // The asker may be gone.
    let _ = writeln!(stream, "{}", serde_json::json!({ "error": reason }));
}

fn serve(stream: &UnixStream, sender: &Sender<Pending>) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let mut line = String::new();
    if BufReader::new(stream.take(MAX_REQUEST)).read_line(&mut line).is_err() {
        return;
    }
    let request = match serde_json::from_str::<Request>(&line) {
        Ok(request) => request,
        Err(error) => return refuse(stream, &format!("This is no request that the tracer knows: {error}.")),
    };
    let mut writer = stream;
    match request {
        Request::Status => {
            let (reply, answer) = sync_channel(1);
            if sender.send(Pending::Status(reply)).is_ok()
                && let Ok(snapshot) = answer.recv_timeout(Duration::from_secs(5))
                && let Ok(text) = serde_json::to_string(&snapshot)
            {
                let _ = writeln!(writer, "{text}");
            }
        }
        Request::Tail(tail) => {
            let filter = match tail.filter() {
                Ok(filter) => filter,
                Err(reason) => return refuse(stream, &reason),
            };
            let (traces, waiting) = sync_channel::<Vec<u8>>(WATCHER_QUEUE);
            if sender.send(Pending::Watch(Watcher { filter, show: tail.show(), sender: traces })).is_err() {
                return;
            }
            // The capture loop notices that this end is gone with the next trace.
            while let Ok(text) = waiting.recv() {
                if writer.write_all(&text).is_err() {
                    return;
                }
            }
        }
    }
}

/// Asks the daemon at `path`; the answer is read from the returned stream.
pub fn ask(path: &Path, request: &Request) -> io::Result<UnixStream> {
    let mut stream = UnixStream::connect(path)?;
    let line = serde_json::to_string(request).map_err(io::Error::other)?;
    writeln!(stream, "{line}")?;
    Ok(stream)
}
