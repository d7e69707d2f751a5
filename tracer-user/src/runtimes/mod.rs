//! Language runtimes of traced processes: where each keeps the identity of its tasks. Read from files and maps of the
//! process; nothing in the process is touched. And what is known of event loops by the name of their program.

mod go;
mod python;

use std::{fs::File, io, os::unix::fs::MetadataExt, path::Path};

pub use go::GoProgram;
pub use python::PythonProgram;

/// A runtime that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// CPython.
    Python(PythonProgram),
    /// Go.
    Go(GoProgram),
}

/// What process `pid` runs; `None` where that is not known, or not a version that is. `proc` is `/proc`.
pub fn find(proc: &Path, pid: u32) -> Option<Runtime> {
    python::find(proc, pid).map(Runtime::Python).or_else(|| go::find(proc, pid).map(Runtime::Go))
}

/// Identity of a file: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId(u64, u64);

impl FileId {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self(metadata.dev(), metadata.ino()))
    }
}

/// Programs whose event loop handles one event at a time: what a read leads to is sent before the next read, or later by a
/// timer. (haproxy, envoy and tokio read from many sockets first.)
pub const PROMPT_LOOPS: [&str; 3] = ["nginx", "node", "nodejs"];
