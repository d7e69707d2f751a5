//! Language runtimes of traced processes: where each keeps the identity of its tasks. Read from files and maps of the
//! process; nothing in the process is touched. And what is known of event loops by the name of their program.

mod go;
mod python;

pub use go::{GoProgram, find as find_go};
pub use python::find as find_python;

/// Programs whose event loop handles one event at a time: what a read leads to is sent before the next read, or later by a
/// timer. (haproxy, envoy and tokio read from many sockets first.)
pub const PROMPT_LOOPS: [&str; 3] = ["nginx", "node", "nodejs"];
